package dev.whittle.gptq;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.data.TokenizedCorpus;
import dev.whittle.data.TokenizedDocument;
import dev.whittle.ggml.Backend;
import dev.whittle.ggml.GgmlType;
import dev.whittle.huggingface.TinyCheckpoint;
import dev.whittle.model.BatchInputs;
import dev.whittle.model.ModelFile;
import dev.whittle.model.SingleLayer;
import dev.whittle.quantization.ImportanceMatrix;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WeightedImportanceTest {
  private static final TinyCheckpoint.Sizes SIZES = new TinyCheckpoint.Sizes(2, 64, 96, 4, 2, 16);

  /// Of two lengths, so that some places of the micro-batches are empty.
  private static final TokenizedCorpus CORPUS = corpus();

  @TempDir Path folder;

  private static TokenizedCorpus corpus() {
    Random random = new Random(4);
    List<TokenizedDocument> documents = new ArrayList<>();
    for (int length : new int[] {16, 12, 16, 7}) {
      BitSet completion = new BitSet();
      completion.set(length / 2, length);
      documents.add(new TokenizedDocument(random.ints(length, 0, 200).toArray(), completion));
    }
    return TokenizedCorpus.of(documents);
  }

  /// Those of the last layer's first matrices, whose inputs depend on the layer before.
  @Test
  void columnsHaveTheMeanOfTheirWeighedSquares() throws IOException {
    List<String> matrices =
        List.of("blk.1.attn_q.weight", "blk.1.attn_k.weight", "blk.1.attn_v.weight");
    float[] wanted = new float[SIZES.hidden()];
    Path file = imported("qwen3");
    try (ModelFile model = ModelFile.open(file);
        Backend backend = Backend.cpu(1);
        CalibrationBatches batches = new CalibrationBatches(CORPUS, SIZES.hidden());
        BatchInputs inputs = new BatchInputs(backend, batches.shape());
        SingleLayer layer = new SingleLayer(backend, model, inputs)) {
      TokenSensitivity sensitivity = TokenSensitivity.of(backend, model, batches, inputs);
      assertEquals(1, batches.size());
      float[] weights = sensitivity.at(matrices, 0);
      batches.embed(model);
      layer.load(0);
      batches.forward(inputs, layer);
      layer.load(1);
      batches.load(0, inputs, layer);
      SingleLayer.InputProducts products = layer.products().getFirst();
      products.add();
      float[] values = products.inputs().readFloats();
      for (int token = 0; token < weights.length; token++) {
        for (int i = 0; i < wanted.length; i++) {
          float value = values[token * wanted.length + i];
          wanted[i] += weights[token] * value * value / CORPUS.tokens();
        }
      }
    }
    ImportanceMatrix importance = collect(file, false);
    for (String matrix : matrices) {
      float[] found = importance.means(matrix).orElseThrow();
      for (int i = 0; i < wanted.length; i++) {
        // The products are of BF16 factors.
        assertEquals(wanted[i], found[i], 0.01 * wanted[i], matrix + ", column " + i);
      }
    }
  }

  @Test
  void everyMatrixHasOneAndTheOutputIfAsked() throws IOException {
    Path untied = imported("llama-untied");
    assertEquals(2 * 7, collect(untied, false).tensors().size());
    assertTrue(collect(untied, true).tensors().contains("output.weight"));
    assertFalse(collect(imported("qwen3"), true).tensors().contains("token_embd.weight"));
  }

  private static ImportanceMatrix collect(Path file, boolean output) {
    try (ModelFile model = ModelFile.open(file)) {
      List<Integer> done = new ArrayList<>();
      ImportanceMatrix matrix =
          new WeightedImportance(output, 1).collect(model, CORPUS, "random", done::add);
      assertEquals(List.of(0, 1, 2), done);
      return matrix;
    }
  }

  private Path imported(String family) throws IOException {
    return TinyCheckpoint.ofFamily(family, SIZES).imported(folder, family, GgmlType.F32);
  }
}
