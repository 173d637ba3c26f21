package dev.whittle.huggingface;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.ggml.AttentionOptions;
import dev.whittle.ggml.Batch;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.LlamaContext;
import dev.whittle.ggml.LlamaContextOptions;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.LlamaModelOptions;
import dev.whittle.huggingface.TinyCheckpoint.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What llama.cpp makes of imported models.
class LlamaCppTest {
  private static final int[] PROMPT = {258, 17, 259, 42, 99, 258, 260, 3, 3, 128, 64, 200};

  @TempDir Path folder;

  /// The two families rotate different rows of a head, so their logits only agree if Llama's rows
  /// were put in order, and Qwen2's left alone.
  @Test
  void aLlamaIsAQwen2WithoutBiases() throws IOException {
    TinyCheckpoint llama = TinyCheckpoint.llama(21);
    TinyCheckpoint qwen = TinyCheckpoint.qwen2(21);
    qwen.tensors()
        .replaceAll((name, tensor) ->
            llama
                .tensors()
                .getOrDefault(
                    name, new Tensor("BF16", tensor.shape(), new float[tensor.values().length])));

    float[] expected = logits(sharpened(qwen).write(folder.resolve("qwen")));
    float[] actual = logits(sharpened(llama).write(folder.resolve("llama")));

    float largest = 0;
    for (float logit : expected) {
      largest = Math.max(largest, Math.abs(logit));
    }
    assertTrue(largest > 0.1, "logits of " + largest + " tell nothing");
    // Sums of F32 products in another order.
    assertArrayEquals(expected, actual, 1e-4f * largest);
  }

  /// Makes attention depend on positions much more than small random weights do.
  private static TinyCheckpoint sharpened(TinyCheckpoint checkpoint) {
    checkpoint
        .tensors()
        .replaceAll((name, tensor) -> {
          if (!name.matches(".*\\.[qk]_proj\\.weight")) {
            return tensor;
          }
          float[] values = tensor.values().clone();
          for (int i = 0; i < values.length; i++) {
            values[i] *= 8;
          }
          return new Tensor(tensor.dtype(), tensor.shape(), values);
        });
    return checkpoint;
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama3", "yarn", "linear"})
  void takesEveryScalingOfRope(String type) throws IOException {
    TinyCheckpoint checkpoint = TinyCheckpoint.llama(22);
    checkpoint.config().putObject("rope_scaling").put("rope_type", type).put("factor", 4.0);

    assertEquals(TinyCheckpoint.VOCABULARY, logits(checkpoint.write(folder)).length);
  }

  @Test
  void takesAnUntiedHead() throws IOException {
    Path untied = TinyCheckpoint.qwen3(23).untied().write(folder);

    assertEquals(TinyCheckpoint.VOCABULARY, logits(untied).length);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void tokenizesAsTheMergesSay(boolean llama) throws IOException {
    TinyCheckpoint checkpoint = llama ? TinyCheckpoint.llama(24) : TinyCheckpoint.qwen2(24);

    try (LlamaModel model = load(checkpoint.write(folder))) {
      // "in", " the", "<|im_end|>"; the others are bytes.
      assertArrayEquals(
          new int[] {259, 258, 263}, model.vocabulary().tokenize("in the<|im_end|>", false, true));
      assertArrayEquals(
          new int[] {264, '1', '2'}, model.vocabulary().tokenize("<think>12", false, true));
      assertEquals(261, model.vocabulary().beginning().orElseThrow());
      assertEquals(263, model.vocabulary().end().orElseThrow());
    }
  }

  @Test
  void aCacheOfBlocksThatHeadsDoNotFillIsRefused() throws IOException {
    // Heads of 16, which the checkpoint does not state but the ratio of its sizes.
    try (LlamaModel model = load(TinyCheckpoint.llama(24).write(folder))) {
      AttentionOptions quantized =
          AttentionOptions.defaults().withCache(GgmlType.Q8_0, GgmlType.F16);
      String message =
          assertThrows(IllegalArgumentException.class, () -> model.requireCacheFits(quantized))
              .getMessage();
      assertTrue(message.contains("keys") && message.contains("32"), message);
      LlamaContextOptions options =
          LlamaContextOptions.builder().contextLength(64).attention(quantized).build();
      assertThrows(IllegalArgumentException.class, () -> model.newContext(options));
    }
  }

  private static float[] logits(Path checkpoint) throws IOException {
    LlamaContextOptions options =
        LlamaContextOptions.builder().contextLength(64).batchSize(64).threads(1).build();
    try (LlamaModel model = load(checkpoint);
        LlamaContext context = model.newContext(options)) {
      Batch batch = new Batch(PROMPT.length);
      for (int i = 0; i < PROMPT.length; i++) {
        batch.add(PROMPT[i], i, 0, i == PROMPT.length - 1);
      }
      context.decode(batch);
      float[] logits = new float[TinyCheckpoint.VOCABULARY];
      context.copyLogits(PROMPT.length - 1, logits);
      return logits;
    }
  }

  private static LlamaModel load(Path checkpoint) throws IOException {
    try (var file = ImportedTensors.convert(checkpoint, GgmlType.F32)) {
      return LlamaModel.load(file.path(), LlamaModelOptions.defaults());
    }
  }
}
