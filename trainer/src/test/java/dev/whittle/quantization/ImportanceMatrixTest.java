package dev.whittle.quantization;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.ggml.GgmlType;
import dev.whittle.gguf.GgufException;
import dev.whittle.gguf.GgufFile;
import dev.whittle.gguf.GgufMetadata;
import dev.whittle.gguf.GgufWriter;
import dev.whittle.gguf.TensorData;
import dev.whittle.gguf.TensorInfo;
import dev.whittle.quantization.ImportanceMatrix.Entry;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImportanceMatrixTest {
  private static final ImportanceMatrix MATRIX =
      new ImportanceMatrix(
          Map.of(
              "blk.0.attn_q.weight", new Entry(new float[] {2, 4, 9}, new float[] {2}),
              "blk.0.ffn_up_exps.weight",
                  new Entry(new float[] {1, 2, 3, 4, 5, 6}, new float[] {4, 0})),
          List.of("a.txt", "b.txt"),
          3,
          512,
          null);

  @TempDir Path folder;

  @Test
  void meansAreSumsOverCountsAndOnesWhereNothingWasSeen() {
    assertArrayEquals(new float[] {1, 2, 4.5f}, MATRIX.means("blk.0.attn_q.weight").orElseThrow());
    assertArrayEquals(
        new float[] {0.25f, 0.5f, 0.75f, 1, 1, 1},
        MATRIX.means("blk.0.ffn_up_exps.weight").orElseThrow());
    assertEquals(Optional.empty(), MATRIX.means("blk.1.attn_q.weight"));
    assertEquals(MATRIX.tensors(), MATRIX.means().keySet());
  }

  @Test
  void anotherModelsImportanceIsRefused() {
    String name = "blk.0.attn_q.weight";
    TensorInfo tensor = new TensorInfo(name, GgmlType.F32, List.of(3L, 8L), 0);
    assertArrayEquals(new float[] {1, 2, 4.5f}, MATRIX.means(tensor).orElseThrow());
    TensorInfo wider = new TensorInfo(name, GgmlType.F32, List.of(4L, 8L), 0);
    QuantizationException e = assertThrows(QuantizationException.class, () -> MATRIX.means(wider));
    assertEquals(
        "tensor 'blk.0.attn_q.weight' has 4 columns and the importance matrix has 3;"
            + " make one for this model",
        e.getMessage());
  }

  @Test
  void readsWhatItWrote() throws IOException {
    Path file = folder.resolve("imatrix.gguf");
    MATRIX.write(file, false);
    ImportanceMatrix read = ImportanceMatrix.read(file);
    assertEquals(MATRIX.tensors(), read.tensors());
    for (String name : MATRIX.tensors()) {
      assertArrayEquals(MATRIX.means(name).orElseThrow(), read.means(name).orElseThrow());
    }
    assertEquals(List.of("a.txt", "b.txt"), read.datasets());
    assertEquals(3, read.chunkCount());
    assertEquals(512, read.chunkSize());
    assertEquals(Optional.of(file), read.file());
    assertThrows(FileAlreadyExistsException.class, () -> MATRIX.write(file, false));
  }

  @Test
  void fileHasTheLayoutOfLlamaImatrix() throws IOException {
    Path path = folder.resolve("imatrix.gguf");
    MATRIX.write(path, false);
    try (GgufFile file = GgufFile.open(path)) {
      assertEquals(
          List.of("general.type", "imatrix.datasets", "imatrix.chunk_count", "imatrix.chunk_size"),
          List.copyOf(file.metadata().asMap().keySet()));
      assertEquals("imatrix", file.metadata().requireString("general.type"));
      assertEquals(
          List.of(
              "blk.0.attn_q.weight.in_sum2 [3]",
              "blk.0.attn_q.weight.counts [1]",
              "blk.0.ffn_up_exps.weight.in_sum2 [3, 2]",
              "blk.0.ffn_up_exps.weight.counts [1, 2]"),
          file.tensors().stream().map(tensor -> tensor.name() + " " + tensor.shape()).toList());
      assertEquals(
          Set.of(GgmlType.F32), Set.copyOf(file.tensors().stream().map(TensorInfo::type).toList()));
    }
  }

  @Test
  void readsTheOlderForm() throws IOException {
    Path file = folder.resolve("imatrix.dat");
    Files.write(file, legacy());
    ImportanceMatrix read = ImportanceMatrix.read(file);
    assertEquals(Set.of("blk.0.attn_q.weight", "blk.0.ffn_up.weight"), read.tensors());
    assertArrayEquals(new float[] {1, 3}, read.means("blk.0.attn_q.weight").orElseThrow());
    // An entry without calls is taken as it is.
    assertArrayEquals(new float[] {0.5f, 8, 1}, read.means("blk.0.ffn_up.weight").orElseThrow());
    assertEquals(5, read.chunkCount());
    assertEquals(0, read.chunkSize());
    assertEquals(List.of("wiki.txt"), read.datasets());
  }

  @Test
  void theOlderFormMayEndAfterItsEntries() throws IOException {
    Path file = folder.resolve("imatrix.dat");
    byte[] whole = legacy();
    Files.write(file, Arrays.copyOf(whole, whole.length - 16));
    ImportanceMatrix read = ImportanceMatrix.read(file);
    assertEquals(2, read.tensors().size());
    assertEquals(0, read.chunkCount());
    assertEquals(List.of(), read.datasets());
  }

  @Test
  void refusesATruncatedFileOfTheOlderForm() throws IOException {
    Path file = folder.resolve("imatrix.dat");
    byte[] whole = legacy();
    // Its last 16 bytes are optional, and so are the last 12 of those.
    for (int length = 0; length < whole.length; length++) {
      if (length == whole.length - 16 || length == whole.length - 12) {
        continue;
      }
      Files.write(file, Arrays.copyOf(whole, length));
      refused("is no importance matrix", file);
    }
  }

  @Test
  void refusesLengthsThatTheFileCannotHave() throws IOException {
    Path file = folder.resolve("imatrix.dat");
    for (int at : new int[] {0, 4, 31}) {
      for (int value : new int[] {-1, Integer.MIN_VALUE, Integer.MAX_VALUE}) {
        byte[] bytes = legacy();
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putInt(at, value);
        Files.write(file, bytes);
        refused("is no importance matrix", file);
      }
    }
  }

  @Test
  void refusesValuesThatAreNoImportance() throws IOException {
    Path file = folder.resolve("imatrix.dat");
    byte[] bytes = legacy();
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putFloat(35, Float.NaN);
    Files.write(file, bytes);
    refused("the entry 'blk.0.attn_q.weight' has the sum NaN", file);

    writeGguf(file, new float[] {1, -2}, new float[] {1});
    refused("the entry 'x' has the sum -2.0", file);
    writeGguf(file, new float[] {1, 2}, new float[] {Float.POSITIVE_INFINITY});
    refused("the entry 'x' has the count Infinity", file);
    writeGguf(file, new float[] {1, 2, 3}, new float[] {1, 1});
    refused("the entry 'x' has 3 sums for 2 counts", file);
  }

  @Test
  void refusesAModelAndAFileThatIsMissing() throws IOException {
    Path model = folder.resolve("model.gguf");
    SyntheticModel.dense(1).write(model);
    refused("holds no importance matrix", model);
    refused("cannot be read", folder.resolve("missing.gguf"));
  }

  @Test
  void refusesSumsWithoutCounts() throws IOException {
    Path file = folder.resolve("imatrix.gguf");
    new GgufWriter(GgufMetadata.builder().build())
        .add("x.in_sum2", GgmlType.F32, List.of(1L), data(new float[1]))
        .write(file, false);
    var e = assertThrows(GgufException.class, () -> ImportanceMatrix.read(file));
    assertTrue(e.getMessage().contains("lacks the tensor 'x.counts'"), e.getMessage());
  }

  private static void refused(String why, Path file) {
    var e = assertThrows(QuantizationException.class, () -> ImportanceMatrix.read(file));
    assertTrue(e.getMessage().contains(why), e.getMessage());
    assertTrue(e.getMessage().startsWith(file.toString()), e.getMessage());
  }

  private static void writeGguf(Path file, float[] sums, float[] counts) throws IOException {
    new GgufWriter(
            GgufMetadata.builder()
                .put("imatrix.datasets", List.of())
                .putU32("imatrix.chunk_count", 1)
                .putU32("imatrix.chunk_size", 1)
                .build())
        .add("x.in_sum2", GgmlType.F32, List.of((long) sums.length), data(sums))
        .add("x.counts", GgmlType.F32, List.of((long) counts.length), data(counts))
        .write(file, true);
  }

  private static TensorData data(float[] values) {
    ByteBuffer bytes =
        ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return TensorData.of(MemorySegment.ofBuffer(bytes));
  }

  /// Two entries, of 2 and 3 values, then 16 bytes: the number of chunks and the text's name.
  private static byte[] legacy() {
    ByteBuffer out = ByteBuffer.allocate(1024).order(ByteOrder.LITTLE_ENDIAN);
    out.putInt(2);
    text(out, "blk.0.attn_q.weight");
    out.putInt(2).putInt(2).putFloat(2).putFloat(6);
    text(out, "blk.0.ffn_up.weight");
    out.putInt(0).putInt(3).putFloat(0.5f).putFloat(8).putFloat(1);
    out.putInt(5);
    text(out, "wiki.txt");
    return Arrays.copyOf(out.array(), out.position());
  }

  private static void text(ByteBuffer out, String text) {
    out.putInt(text.length()).put(text.getBytes(StandardCharsets.US_ASCII));
  }
}
