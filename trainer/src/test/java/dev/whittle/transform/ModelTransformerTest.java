package dev.whittle.transform;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.data.RandomText;
import dev.whittle.ggml.AttentionOptions;
import dev.whittle.ggml.Backend;
import dev.whittle.ggml.Batch;
import dev.whittle.ggml.FileType;
import dev.whittle.ggml.FlashAttention;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.LlamaContext;
import dev.whittle.ggml.LlamaContextOptions;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.LlamaModelOptions;
import dev.whittle.gguf.GgufFile;
import dev.whittle.huggingface.TinyCheckpoint;
import dev.whittle.model.ModelFile;
import dev.whittle.quantization.PostTrainingQuantizer;
import dev.whittle.quantization.QuantizationException;
import dev.whittle.quantization.QuantizationListener;
import dev.whittle.quantization.QuantizationMethod;
import dev.whittle.quantization.TypeSelection;
import dev.whittle.training.Workers;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class ModelTransformerTest {
  /// Rows are whole blocks of 32; 96 is no power of two; query heads share value heads.
  private static final TinyCheckpoint.Sizes SIZES = new TinyCheckpoint.Sizes(2, 96, 64, 4, 2, 32);

  /// A Llama's heads have to fill its width.
  private static final TinyCheckpoint.Sizes LLAMA = new TinyCheckpoint.Sizes(2, 64, 96, 4, 2, 16);

  @TempDir Path folder;

  static Stream<Arguments> familiesAndKinds() {
    return Stream.of("llama", "qwen2", "qwen3", "llama-untied")
        .flatMap(family ->
            Arrays.stream(TransformKind.values()).map(kind -> Arguments.of(family, kind)));
  }

  /// llama.cpp, all in single precision, gives the logits of the model itself: off by no more than
  /// a hundred thousandth of the greatest, where single precision has ten times as many digits.
  @ParameterizedTest
  @MethodSource("familiesAndKinds")
  void theTransformedModelComputesTheSame(String family, TransformKind kind) throws IOException {
    Path source = imported(family);
    Path target = folder.resolve("transformed.gguf");
    try (ModelFile model = ModelFile.open(source)) {
      transformer(kind, model)
          .transform(model, RandomText.corpus(30, 256, 9), target, false, TransformListener.NONE);
      if (kind != TransformKind.AWQ) {
        // AWQ may find that no scales are best.
        String matrix = "blk.1.attn_output.weight";
        assertFalse(Arrays.equals(values(source, matrix), values(target, matrix)));
      }
      try (ModelFile transformed = ModelFile.open(target)) {
        assertEquals(
            kind.rotatesStream() ? false : model.config().tied(), transformed.config().tied());
        assertEquals(
            kind.toString(),
            transformed.file().metadata().requireString("whittle.quantization.transform"));
      }
    }
    float[] expected = logits(source);
    float[] actual = logits(target);
    float greatest = 0;
    float difference = 0;
    for (int i = 0; i < expected.length; i++) {
      greatest = Math.max(greatest, Math.abs(expected[i]));
      difference = Math.max(difference, Math.abs(expected[i] - actual[i]));
    }
    assertTrue(difference <= 1e-5 * greatest, difference + " of " + greatest);
  }

  @Test
  void rotationsAreLearned() throws IOException {
    try (ModelFile model = ModelFile.open(imported("qwen3"));
        Backend backend = Backend.cpu(1);
        Workers workers = new Workers(1)) {
      ModelTransformer transformer = transformer(TransformKind.SPINQUANT, model);
      OutputError errors =
          new OutputError(
              new Products(backend),
              new TrialRounding(transformer.plan(), QuantizationMethod.RTN, workers));
      LearnedRotations rotations =
          LearnedRotations.of(model, errors, RandomText.corpus(30, 256, 9), backend, 1);
      double before = rotations.error();
      rotations.learn(60, 1, TransformListener.NONE);
      double after = rotations.error();
      assertTrue(after < 0.95 * before, after + " against " + before);
    }
  }

  @Test
  void aQuantizedModelIsRefused() throws IOException {
    Path quantized = quantized(imported("llama"));
    Path target = folder.resolve("transformed.gguf");
    try (ModelFile model = ModelFile.open(quantized)) {
      QuantizationException e =
          assertThrows(
              QuantizationException.class,
              () ->
                  transformer(TransformKind.QUAROT, model)
                      .transform(model, null, target, false, TransformListener.NONE));
      assertTrue(e.getMessage().contains("quantized already"), e.getMessage());
    }
    assertFalse(Files.exists(target));
  }

  private Path quantized(Path source) throws IOException {
    Path target = folder.resolve("quantized.gguf");
    try (GgufFile file = GgufFile.open(source)) {
      PostTrainingQuantizer.of(types())
          .withMethod(QuantizationMethod.FITTED, null)
          .quantize(file, target, true, QuantizationListener.NONE);
    }
    return target;
  }

  private static TypeSelection types() {
    return TypeSelection.of(FileType.Q4_0).withPure(true);
  }

  private static ModelTransformer transformer(TransformKind kind, ModelFile model) {
    return new ModelTransformer(
        new TransformSettings(kind, 1, 0.5, 3),
        ModelTransformer.plan(kind, types(), model, false),
        QuantizationMethod.FITTED,
        1);
  }

  private Path imported(String family) throws IOException {
    return TinyCheckpoint.ofFamily(family, family.equals("qwen3") ? SIZES : LLAMA)
        .imported(folder, family, GgmlType.F32);
  }

  private static float[] values(Path file, String tensor) {
    try (GgufFile open = GgufFile.open(file)) {
      return open.data(open.require(tensor)).toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
    }
  }

  /// llama.cpp's logits over a random document, [64 × vocabulary].
  private static float[] logits(Path file) {
    int[] document = new Random(11).ints(64, 0, 256).toArray();
    LlamaContextOptions options =
        LlamaContextOptions.builder()
            .contextLength(document.length)
            .batchSize(document.length)
            .maxOutputs(document.length)
            .threads(1)
            .attention(
                AttentionOptions.defaults()
                    .withFlash(FlashAttention.OFF)
                    .withCache(GgmlType.F32, GgmlType.F32))
            .build();
    try (LlamaModel model =
            LlamaModel.load(file, LlamaModelOptions.defaults().withExtraBuffers(false));
        LlamaContext context = model.newContext(options)) {
      Batch batch = new Batch(document.length);
      for (int i = 0; i < document.length; i++) {
        batch.add(document[i], i, 0, true);
      }
      context.decode(batch);
      int vocabulary = TinyCheckpoint.VOCABULARY;
      float[] all = new float[document.length * vocabulary];
      float[] row = new float[vocabulary];
      for (int i = 0; i < document.length; i++) {
        context.copyLogits(i, row);
        System.arraycopy(row, 0, all, i * vocabulary, vocabulary);
      }
      return all;
    }
  }
}
