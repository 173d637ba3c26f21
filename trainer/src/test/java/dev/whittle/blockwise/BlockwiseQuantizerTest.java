package dev.whittle.blockwise;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.data.RandomText;
import dev.whittle.data.TokenizedCorpus;
import dev.whittle.ggml.Backend;
import dev.whittle.ggml.BlockCodec;
import dev.whittle.ggml.FileType;
import dev.whittle.ggml.GgmlType;
import dev.whittle.gguf.GgufException;
import dev.whittle.gguf.GgufFile;
import dev.whittle.gguf.TensorInfo;
import dev.whittle.gptq.CalibrationBatches;
import dev.whittle.gptq.GptqListener;
import dev.whittle.gptq.GptqQuantizer;
import dev.whittle.gptq.GptqSettings;
import dev.whittle.huggingface.TinyCheckpoint;
import dev.whittle.model.BatchInputs;
import dev.whittle.model.ModelFile;
import dev.whittle.model.SingleLayer;
import dev.whittle.quantization.PostTrainingQuantizer;
import dev.whittle.quantization.QuantizationException;
import dev.whittle.quantization.QuantizationMethod;
import dev.whittle.quantization.TypeSelection;
import dev.whittle.training.ScaleMode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BlockwiseQuantizerTest {
  /// Rows are whole blocks of 32.
  private static final TinyCheckpoint.Sizes SIZES = new TinyCheckpoint.Sizes(2, 64, 96, 4, 2, 16);

  @TempDir Path folder;

  private final List<Reconstruction> results = new ArrayList<>();

  private final BlockwiseListener listener =
      new BlockwiseListener() {
        @Override
        public void layer(int done, int count) {}

        @Override
        public void warning(String sentence) {}

        @Override
        public void reconstructed(Reconstruction result) {
          results.add(result);
        }
      };

  /// On text that neither of them has seen.
  @ParameterizedTest
  @ValueSource(strings = {"llama", "qwen2", "qwen3", "llama-untied"})
  void outputsAreCloserThanByGptqInEveryFamily(String family) throws IOException {
    Path source = imported(family);
    Path gptq = folder.resolve("gptq.gguf");
    Path blockwise = folder.resolve("blockwise.gguf");
    try (ModelFile model = ModelFile.open(source)) {
      new GptqQuantizer(types(QuantizationMethod.GPTQ), GptqSettings.defaults())
          .quantize(model, RandomText.corpus(300, 100, 1), null, gptq, false, GptqListener.NONE);
      quantizer().quantize(model, RandomText.corpus(300, 100, 1), null, blockwise, false, listener);
    }
    assertEquals(2, results.size());
    for (Reconstruction result : results) {
      assertTrue(result.after() <= result.before(), result.toString());
    }
    float[] wanted = outputs(source);
    double before = distance(outputs(gptq), wanted);
    double after = distance(outputs(blockwise), wanted);
    assertTrue(after < 0.95 * before, after + " is hardly below " + before);
    try (GgufFile file = GgufFile.open(blockwise)) {
      assertEquals(GgmlType.Q4_0, file.require("blk.0.ffn_down.weight").type());
      assertEquals("blockwise", file.metadata().requireString("whittle.quantization.method"));
    }
  }

  @Test
  void aRunThatWasKilledEndsWithTheSameFile() throws IOException {
    Path kept = folder.resolve("layers");
    Path whole = folder.resolve("whole.gguf");
    Path resumed = folder.resolve("resumed.gguf");
    try (ModelFile model = ModelFile.open(imported("qwen3"))) {
      quantizer().quantize(model, RandomText.corpus(300, 100, 1), kept, whole, false, listener);
      Files.delete(kept.resolve("layer-001.gguf"));
      results.clear();
      quantizer().quantize(model, RandomText.corpus(300, 100, 1), kept, resumed, false, listener);
      assertEquals(1, results.size());
      assertEquals(1, results.getFirst().layer());
      assertEquals(-1, Files.mismatch(whole, resumed));
      GgufException e =
          assertThrows(
              GgufException.class,
              () ->
                  quantizer()
                      .quantize(
                          model, RandomText.corpus(301, 100, 1), kept, whole, true, listener));
      assertTrue(e.getMessage().contains(kept.toString()), e.getMessage());
    }
  }

  @Test
  void tooLittleTextToHoldSomeOutIsRefused() throws IOException {
    Path target = folder.resolve("out.gguf");
    try (ModelFile model = ModelFile.open(imported("qwen3"))) {
      QuantizationException e =
          assertThrows(
              QuantizationException.class,
              () ->
                  quantizer()
                      .quantize(
                          model, RandomText.corpus(5, 100, 1), null, target, false, listener));
      assertTrue(e.getMessage().contains("give more text"), e.getMessage());
    }
    assertFalse(Files.exists(target));
  }

  private static BlockwiseQuantizer quantizer() {
    // A tiny model sees few steps, so they are large.
    return new BlockwiseQuantizer(
        types(QuantizationMethod.BLOCKWISE),
        new BlockwiseSettings(GptqSettings.defaults(), 12, 0.03, 0.001, ScaleMode.TRAINED, 7));
  }

  private static PostTrainingQuantizer types(QuantizationMethod method) {
    return PostTrainingQuantizer.of(TypeSelection.of(FileType.Q4_0).withPure(true))
        .withMethod(method, null)
        .withThreads(1);
  }

  /// The hidden states behind the last layer.
  private static float[] outputs(Path file) {
    TokenizedCorpus corpus = RandomText.corpus(40, 100, 2);
    try (ModelFile model = ModelFile.open(file);
        Backend backend = Backend.cpu(1);
        CalibrationBatches batches = new CalibrationBatches(corpus, model.config().width());
        BatchInputs inputs = new BatchInputs(backend, batches.shape());
        SingleLayer layer = new SingleLayer(backend, model, inputs)) {
      TensorInfo embedding = model.file().require(ModelFile.EMBEDDING);
      batches.embed(BlockCodec.of(embedding.type()), model.file().data(embedding), embedding);
      assertEquals(1, batches.size());
      for (int i = 0; i < model.config().layers(); i++) {
        layer.load(i);
        batches.load(0, inputs, layer);
        layer.forward();
        batches.store(0, layer);
      }
      return layer.outputs().readFloats();
    }
  }

  private static double distance(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += Math.pow(a[i] - b[i], 2);
    }
    return sum;
  }

  private Path imported(String family) throws IOException {
    return TinyCheckpoint.ofFamily(family, SIZES).imported(folder, family, GgmlType.BF16);
  }
}
