package dev.whittle.quantization;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.ggml.BlockCodec;
import dev.whittle.ggml.FileType;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.LlamaModelOptions;
import dev.whittle.ggml.ModelQuantizer;
import dev.whittle.gguf.GgufFile;
import dev.whittle.gguf.TensorInfo;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImportanceCollectorTest {
  private static final int CHUNK = 64;

  /// One thread: on a busy machine ggml's threads spend their time waiting for each other.
  private static final ImportanceCollector COLLECTOR = new ImportanceCollector(CHUNK, false, 1);

  @TempDir static Path folder;
  private static Path file;
  private static LlamaModel model;
  private static int[] tokens;

  @BeforeAll
  static void loadModel() throws IOException {
    file = SampleModel.importTo(folder);
    model = LlamaModel.load(file, LlamaModelOptions.defaults());
    Random random = new Random(3);
    tokens = IntStream.generate(() -> random.nextInt(1000)).limit(3 * CHUNK + 10).toArray();
  }

  @AfterAll
  static void closeModel() {
    model.close();
  }

  @Test
  void agreesWithAnIndependentComputationOfTheFirstLayer() {
    float[] means = collect(List.of(tokens)).means("blk.0.attn_q.weight").orElseThrow();
    double[] expected = normalizedEmbeddingSquares(Arrays.copyOf(tokens, 3 * CHUNK));
    for (int i = 0; i < means.length; i++) {
      // llama.cpp normalizes in single precision.
      assertEquals(expected[i], means[i], 1e-4 * expected[i], "column " + i);
    }
  }

  @Test
  void coversEveryMatrixOfTheLayersAndNoOther() {
    ImportanceMatrix importance = collect(List.of(tokens));
    try (GgufFile source = GgufFile.open(file)) {
      List<String> matrices =
          source.tensors().stream()
              .filter(tensor -> tensor.rows() > 1 && tensor.name().startsWith("blk."))
              .map(TensorInfo::name)
              .sorted()
              .toList();
      assertEquals(matrices, List.copyOf(importance.tensors()));
      for (String name : matrices) {
        assertEquals(source.require(name).rowLength(), importance.means(name).orElseThrow().length);
      }
    }
    assertEquals(3, importance.chunkCount());
    assertEquals(CHUNK, importance.chunkSize());
    assertEquals(List.of("the test"), importance.datasets());
  }

  @Test
  void matricesWithTheSameInputHaveTheSameImportance() {
    ImportanceMatrix importance = collect(List.of(tokens));
    for (int layer = 0; layer < 6; layer++) {
      String prefix = "blk." + layer + ".";
      float[] queries = importance.means(prefix + "attn_q.weight").orElseThrow();
      assertArrayEquals(queries, importance.means(prefix + "attn_k.weight").orElseThrow());
      assertArrayEquals(queries, importance.means(prefix + "attn_v.weight").orElseThrow());
      assertArrayEquals(
          importance.means(prefix + "ffn_gate.weight").orElseThrow(),
          importance.means(prefix + "ffn_up.weight").orElseThrow());
    }
  }

  @Test
  void documentsAreJoinedAndTheRestIsNotUsed() {
    List<int[]> pieces = new ArrayList<>();
    for (int start = 0; start < 3 * CHUNK; start += 48) {
      pieces.add(Arrays.copyOfRange(tokens, start, start + 48));
    }
    assertSameMeans(collect(List.of(tokens)), collect(pieces));
  }

  @Test
  void chunksDoNotSeeEachOther() {
    // The count of a chunk is the same in each, so the mean of both is the mean of their means.
    int[] first = Arrays.copyOf(tokens, CHUNK);
    int[] second = Arrays.copyOfRange(tokens, CHUNK, 2 * CHUNK);
    String name = "blk.5.ffn_down.weight";
    float[] both = collect(List.of(first, second)).means(name).orElseThrow();
    float[] ofFirst = collect(List.of(first)).means(name).orElseThrow();
    float[] ofSecond = collect(List.of(second)).means(name).orElseThrow();
    for (int i = 0; i < both.length; i++) {
      assertEquals((ofFirst[i] + ofSecond[i]) / 2, both[i], 1e-5 * both[i]);
    }
  }

  @Test
  void quantizesAsLlamaCppDoesWithTheSameMatrix() throws IOException {
    Path stored = folder.resolve("imatrix.gguf");
    collect(List.of(tokens)).write(stored, true);
    ImportanceMatrix importance = ImportanceMatrix.read(stored);
    Path ours = folder.resolve("ours.gguf");
    Path theirs = folder.resolve("theirs.gguf");
    try (GgufFile source = GgufFile.open(file)) {
      PostTrainingQuantizer.of(TypeSelection.of(FileType.Q2_K))
          .withMethod(QuantizationMethod.IMATRIX, importance)
          .quantize(source, ours, true, QuantizationListener.NONE);
    }
    ModelQuantizer.of(FileType.Q2_K).withImportance(importance.means()).quantize(file, theirs);
    try (GgufFile actual = GgufFile.open(ours);
        GgufFile expected = GgufFile.open(theirs)) {
      assertEquals(expected.tensors(), actual.tensors());
      for (TensorInfo tensor : expected.tensors()) {
        assertEquals(-1, expected.data(tensor).mismatch(actual.data(tensor)), tensor.name());
      }
    }
  }

  @Test
  void reportsEachChunk() {
    List<Integer> heard = new ArrayList<>();
    COLLECTOR.collect(model, List.of(tokens), "the test", heard::add);
    assertEquals(List.of(1, 2, 3), heard);
  }

  @Test
  void refusesTooLittleText() {
    var e =
        assertThrows(
            QuantizationException.class, () -> collect(List.of(new int[] {1, 2}, new int[] {3})));
    assertEquals(
        "the test has fewer than 64 tokens; give more text, or smaller chunks", e.getMessage());
    assertThrows(IllegalArgumentException.class, () -> new ImportanceCollector(15, false, 1));
  }

  private static ImportanceMatrix collect(List<int[]> documents) {
    return COLLECTOR.collect(model, documents, "the test", chunks -> {});
  }

  private static void assertSameMeans(ImportanceMatrix expected, ImportanceMatrix actual) {
    assertEquals(expected.tensors(), actual.tensors());
    for (String name : expected.tensors()) {
      assertArrayEquals(expected.means(name).orElseThrow(), actual.means(name).orElseThrow());
    }
    assertTrue(expected.tensors().size() > 1);
  }

  /// The mean squares of the embeddings after RMS normalization and the first layer's gain.
  private static double[] normalizedEmbeddingSquares(int[] tokens) {
    try (GgufFile source = GgufFile.open(file)) {
      float[] embedding = values(source, "token_embd.weight");
      float[] gain = values(source, "blk.0.attn_norm.weight");
      double epsilon = source.metadata().requireNumber("qwen3.attention.layer_norm_rms_epsilon");
      double[] squares = new double[gain.length];
      for (int token : tokens) {
        double sum = 0;
        for (int i = 0; i < gain.length; i++) {
          sum += Math.pow(embedding[token * gain.length + i], 2);
        }
        double norm = Math.sqrt(sum / gain.length + epsilon);
        for (int i = 0; i < gain.length; i++) {
          squares[i] += Math.pow(embedding[token * gain.length + i] / norm * gain[i], 2);
        }
      }
      return Arrays.stream(squares).map(square -> square / tokens.length).toArray();
    }
  }

  private static float[] values(GgufFile source, String name) {
    TensorInfo tensor = source.require(name);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment values = arena.allocate(tensor.elements() * Float.BYTES, Float.BYTES);
      BlockCodec.of(tensor.type()).decode(source.data(tensor), values, tensor.elements());
      return values.toArray(ValueLayout.JAVA_FLOAT);
    }
  }
}
