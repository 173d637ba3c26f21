package dev.whittle.gguf;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.ggml.GgmlType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GgufWriterTest {
  @TempDir Path folder;

  @Test
  void writesTheSpecifiedLayout() throws IOException {
    Path file = folder.resolve("small.gguf");

    new GgufWriter(GgufMetadata.builder().putU32("a.b", 7).put("c", List.of("x", "")).build())
        .add("t", GgmlType.F32, List.of(3L), floats(1, 2, 3))
        .add("u", GgmlType.F16, List.of(1L, 2L), TensorData.of(MemorySegment.ofArray(new byte[4])))
        .write(file, false);

    byte[] expected =
        new GgufBytes()
            .magic()
            .u32(3)
            .u64(2)
            .u64(2)
            .string("a.b")
            .u32(4)
            .u32(7)
            .string("c")
            .u32(9)
            .u32(8)
            .u64(2)
            .string("x")
            .string("")
            .string("t")
            .u32(1)
            .u64(3)
            .u32(0)
            .u64(0)
            .string("u")
            .u32(2)
            .u64(1)
            .u64(2)
            .u32(1)
            .u64(32)
            .align(32)
            .f32(1)
            .f32(2)
            .f32(3)
            .align(32)
            .u32(0)
            .align(32)
            .toByteArray();
    assertArrayEquals(expected, Files.readAllBytes(file));
  }

  @Test
  void readsBackWhatItWrote() throws IOException {
    GgufMetadata metadata = GgufSamples.everyType();
    Path file = folder.resolve("all.gguf");

    new GgufWriter(metadata)
        .add("w", GgmlType.F32, List.of(3L, 2L), floats(1, 2, 3, 4, 5, 6))
        .write(file, false);

    try (GgufFile read = GgufFile.open(file)) {
      assertEquals(metadata, read.metadata());
      assertEquals(
          List.copyOf(metadata.asMap().keySet()), List.copyOf(read.metadata().asMap().keySet()));
      TensorInfo tensor = read.require("w");
      assertEquals(6, tensor.elements());
      assertEquals(3, tensor.rowLength());
      assertEquals(2, tensor.rows());
      assertEquals(1, tensor.dimension(2));
      assertArrayEquals(
          new float[] {1, 2, 3, 4, 5, 6},
          read.data(tensor).toArray(ValueLayout.JAVA_FLOAT_UNALIGNED));
      assertEquals(file, read.path());
      assertEquals(Files.size(file), read.fileBytes());
    }
  }

  @Test
  void copiesAFileByteForByte() throws IOException {
    Path original = GgufSamples.write(folder.resolve("original.gguf"));
    Path copy = folder.resolve("copy.gguf");

    try (GgufFile file = GgufFile.open(original)) {
      GgufWriter writer = new GgufWriter(file.metadata());
      for (TensorInfo tensor : file.tensors()) {
        writer.add(tensor.name(), tensor.type(), tensor.shape(), TensorData.of(file.data(tensor)));
      }
      writer.write(copy, false);
    }

    assertEquals(-1, Files.mismatch(original, copy));
  }

  @Test
  void copiesStringsThatAreNotUtf8() throws IOException {
    byte[] invalid = {(byte) 0xFF, 'a', (byte) 0xC0};
    byte[] bytes =
        new GgufBytes()
            .magic()
            .u32(3)
            .u64(0)
            .u64(2)
            .string("one")
            .u32(8)
            .string(invalid)
            .string("many")
            .u32(9)
            .u32(8)
            .u64(1)
            .string(invalid)
            .align(32)
            .toByteArray();
    Path original = Files.write(folder.resolve("original.gguf"), bytes);
    Path copy = folder.resolve("copy.gguf");

    try (GgufFile file = GgufFile.open(original)) {
      assertEquals("\uFFFDa\uFFFD", file.metadata().requireString("one"));
      assertEquals(List.of("\uFFFDa\uFFFD"), file.metadata().requireStrings("many"));
      new GgufWriter(file.metadata()).write(copy, false);
    }

    assertArrayEquals(bytes, Files.readAllBytes(copy));
  }

  @Test
  void honoursTheStatedAlignment() throws IOException {
    Path file = folder.resolve("aligned.gguf");

    new GgufWriter(GgufMetadata.builder().putU32("general.alignment", 128).build())
        .add("a", GgmlType.F32, List.of(1L), floats(1))
        .add("b", GgmlType.F32, List.of(1L), floats(2))
        .write(file, false);

    try (GgufFile read = GgufFile.open(file)) {
      assertEquals(128, read.alignment());
      assertEquals(128, read.require("b").offset());
      assertEquals(0, read.fileBytes() % 128);
    }
  }

  @Test
  void refusesDataOfAnotherSizeAndLeavesNoFile() {
    Path file = folder.resolve("wrong.gguf");
    GgufWriter writer =
        new GgufWriter(GgufMetadata.builder().build())
            .add("w", GgmlType.F32, List.of(3L), floats(1, 2));

    IOException failure = assertThrows(IOException.class, () -> writer.write(file, false));

    assertTrue(failure.getMessage().contains("tensor 'w' has 12 bytes"), failure.getMessage());
    assertFalse(Files.exists(file));
  }

  @Test
  void refusesATensorTwice() {
    GgufWriter writer =
        new GgufWriter(GgufMetadata.builder().build())
            .add("w", GgmlType.F32, List.of(1L), floats(1));

    assertThrows(
        IllegalArgumentException.class,
        () -> writer.add("w", GgmlType.F32, List.of(1L), floats(1)));
  }

  @Test
  void reportsProgress() throws IOException {
    List<Map.Entry<String, Long>> heard = new ArrayList<>();

    new GgufWriter(GgufMetadata.builder().build())
        .add("a", GgmlType.F32, List.of(1L), floats(1))
        .add("b", GgmlType.F32, List.of(2L), floats(1, 2))
        .write(
            folder.resolve("p.gguf"),
            false,
            (tensor, done, total) -> {
              heard.add(Map.entry(tensor, done));
              assertEquals(12, total);
            });

    assertEquals(List.of(Map.entry("a", 4L), Map.entry("b", 12L)), heard);
  }

  private static TensorData floats(float... values) {
    GgufBytes bytes = new GgufBytes();
    for (float value : values) {
      bytes.f32(value);
    }
    return channel -> channel.write(ByteBuffer.wrap(bytes.toByteArray()));
  }
}
