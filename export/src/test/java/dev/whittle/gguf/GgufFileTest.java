package dev.whittle.gguf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.ggml.GgmlType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GgufFileTest {
  private static final int F32 = 0;
  private static final int Q4_0 = 2;

  @TempDir Path folder;

  @Test
  void readsVersion2() throws IOException {
    GgufBytes bytes = new GgufBytes().magic().u32(2).u64(0).u64(1).string("key").u32(4).u32(5);

    try (GgufFile file = GgufFile.open(write(bytes))) {
      assertEquals(5, file.metadata().requireInteger("key"));
      assertEquals(32, file.alignment());
    }
  }

  @Test
  void refusesOtherVersions() throws IOException {
    assertFails(new GgufBytes().magic().u32(1).u32(0).u32(0), "version 1 ");
    assertFails(header(4, 0, 0), "version 4 ");
    assertFails(header(0x03000000, 0, 0), "big-endian");
  }

  @Test
  void refusesWhatIsNoGguf() throws IOException {
    assertFails(new GgufBytes(), "not a GGUF file");
    assertFails(new GgufBytes().string("safetensors"), "not a GGUF file");
    assertFails(folder, "is not a file");
    assertFails(folder.resolve("absent"), "does not exist");
  }

  @Test
  void refusesCountsThatTheFileCannotHold() throws IOException {
    assertFails(header(3, Long.MAX_VALUE, 0), "claims 9223372036854775807 tensors");
    assertFails(header(3, 0, -1), "claims 18446744073709551615 metadata values");
    assertFails(
        header(3, 0, 1).string("k").u32(9).u32(4).u64(1L << 40).u64(0),
        "1099511627776 elements of the metadata 'k'");
    assertFails(
        header(3, 0, 1).string("k").u32(8).u64(-2).u64(0), "the metadata 'k' at byte 45 takes");
  }

  @Test
  void whatIsNoModelIsCalledWhatItIs() throws IOException {
    GgufBytes bytes = header(3, 0, 1).string("general.type").u32(8).string("imatrix");
    try (GgufFile file = GgufFile.open(write(bytes))) {
      GgufException e =
          assertThrows(
              GgufException.class, () -> file.metadata().requireString("general.architecture"));
      assertTrue(e.getMessage().contains("holds no model, but something of type 'imatrix'"));
      e = assertThrows(GgufException.class, () -> file.metadata().requireString("general.name"));
      assertTrue(e.getMessage().contains("lacks the metadata 'general.name'"));
    }
  }

  @Test
  void refusesMalformedMetadata() throws IOException {
    assertFails(header(3, 0, 1).string("").u32(4).u32(1), "empty key");
    assertFails(header(3, 0, 1).string("k").u32(13).u64(0), "unknown type 13");
    assertFails(header(3, 0, 1).string("k").u32(9).u32(9).u64(0).u64(0), "arrays within");
    assertFails(header(3, 0, 2).string("k").u32(4).u32(1).string("k").u32(4).u32(1), "'k' twice");
    assertFails(header(3, 0, 1).string(new byte[] {(byte) 0xFF}).u32(4).u32(1), "other than UTF-8");
  }

  @Test
  void refusesMalformedAlignment() throws IOException {
    assertFails(header(3, 0, 1).string("general.alignment").u32(4).u32(0), "power of two");
    assertFails(header(3, 0, 1).string("general.alignment").u32(4).u32(48), "power of two");
    assertFails(header(3, 0, 1).string("general.alignment").u32(10).u64(32), "power of two");
    assertFails(header(3, 0, 1).string("general.alignment").u32(4).u32(1L << 31), "power of two");
  }

  @Test
  void refusesMalformedTensors() throws IOException {
    assertFails(header(3, 1, 0).string("t").u32(0).u32(F32).u64(0).u64(0), "0 dimensions");
    assertFails(
        header(3, 1, 0).string("t").u32(5).u64(1).u64(1).u64(1).u64(1).u64(1).u32(F32).u64(0),
        "5 dimensions");
    assertFails(tensor("t", 0, F32, 0), "empty or negative dimension");
    assertFails(tensor("t", -4, F32, 0), "empty or negative dimension");
    assertFails(tensor("t", 4, 4, 0), "unknown type 4");
    assertFails(tensor("t", 33, Q4_0, 0), "whole number of Q4_0 blocks");
    assertFails(tensor("t", Long.MAX_VALUE, F32, 0), "too large");
    assertFails(tensor("t", 8, F32, -32), "negative offset");
    assertFails(tensor("", 8, F32, 0).align(64), "name of 0 bytes");
    assertFails(tensor("t".repeat(64), 8, F32, 0), "name of 64 bytes");
    assertFails(
        header(3, 1, 0).string("t").u32(2).u64(1L << 32).u64(1L << 32).u32(F32).u64(0),
        "too large");
  }

  @Test
  void refusesTensorsOutOfPlace() throws IOException {
    assertFails(tensor("t", 8, F32, 32).align(32).f32(0), "'t' at offset 32");
    assertFails(tensor("t", 8, F32, 1).align(32).f32(0), "'t' at offset 1 ");
    assertFails(twoTensors("a", "b", 0).align(32).f32(1).align(32).f32(2), "'b' at offset 0 ");
    assertFails(twoTensors("a", "a", 32).align(32).f32(1).align(32).f32(2), "tensor 'a' twice");
  }

  @Test
  void namesWhereATruncatedFileEnds() throws IOException {
    Path whole = GgufSamples.write(folder.resolve("whole.gguf"));
    byte[] bytes = Files.readAllBytes(whole);
    Path file = folder.resolve("truncated.gguf");
    Files.write(file, Arrays.copyOf(bytes, bytes.length - 64));

    assertFails(file, "truncated.gguf is truncated: tensor 'cube' ends at byte");
  }

  @Test
  void namesTheKeyThatIsMissingOrOfAnotherKind() throws IOException {
    Path path = GgufSamples.write(folder.resolve("sample.gguf"));

    try (GgufFile file = GgufFile.open(path)) {
      GgufMetadata metadata = file.metadata();
      assertEquals(OptionalLong.empty(), metadata.integer("absent"));
      assertMessage(() -> metadata.requireString("absent"), path + " lacks", "'absent'");
      assertMessage(() -> metadata.string("u8"), path.toString(), "type u8", "'u8'");
      assertMessage(() -> metadata.integer("text"), "'text'");
      assertMessage(() -> metadata.integer("u64"), "18446744073709551615");
      assertMessage(() -> metadata.ints("floats"), "array of f32");
      assertMessage(() -> metadata.strings("text"), "'text'");
      assertMessage(() -> file.require("absent"), path + " lacks the tensor 'absent'");
    }
  }

  @Test
  void readsEveryIntegerTypeAsInteger() throws IOException {
    try (GgufFile file = GgufFile.open(GgufSamples.write(folder.resolve("sample.gguf")))) {
      GgufMetadata metadata = file.metadata();
      assertEquals(255, metadata.requireInteger("u8"));
      assertEquals(-1, metadata.requireInteger("i16"));
      assertEquals(4_294_967_295L, metadata.requireInteger("u32"));
      assertEquals(Long.MIN_VALUE, metadata.requireInteger("i64"));
      assertEquals(0.1, metadata.requireNumber("f64"));
      assertEquals(255, metadata.requireNumber("u8"));
      assertEquals(List.of("a", "", "Ġthe"), metadata.requireStrings("strings"));
      assertEquals(List.of(), metadata.requireStrings("empty"));
    }
  }

  @Test
  void givesDataThatCannotBeWrittenTo() throws IOException {
    try (GgufFile file = GgufFile.open(GgufSamples.write(folder.resolve("sample.gguf")))) {
      MemorySegment data = file.data(file.require("cube"));
      assertEquals(240, data.byteSize());
      assertTrue(data.isReadOnly());
    }
  }

  @Test
  void dataThatWasReleasedIsThereAgain() throws IOException {
    try (GgufFile file = GgufFile.open(GgufSamples.write(folder.resolve("sample.gguf")))) {
      TensorInfo tensor = file.require("cube");
      byte[] before = file.data(tensor).toArray(JAVA_BYTE);
      file.release(tensor);
      assertArrayEquals(before, file.data(tensor).toArray(JAVA_BYTE));
    }
  }

  @Test
  void refusesTensorsOfOtherFiles() throws IOException {
    TensorInfo foreign = new TensorInfo("cube", GgmlType.F32, List.of(1L << 40), 0);

    try (GgufFile file = GgufFile.open(GgufSamples.write(folder.resolve("sample.gguf")))) {
      assertThrows(IllegalArgumentException.class, () -> file.data(foreign));
    }
  }

  @Test
  void dataIsGoneOnceTheFileIsClosed() throws IOException {
    GgufFile file = GgufFile.open(GgufSamples.write(folder.resolve("sample.gguf")));
    MemorySegment data = file.data(file.require("cube"));

    file.close();
    file.close();

    assertThrows(IllegalStateException.class, () -> data.get(JAVA_BYTE, 0));
  }

  private static GgufBytes header(int version, long tensors, long values) {
    return new GgufBytes().magic().u32(version).u64(tensors).u64(values);
  }

  private static GgufBytes tensor(String name, long length, int type, long offset) {
    return header(3, 1, 0).string(name).u32(1).u64(length).u32(type).u64(offset);
  }

  private static GgufBytes twoTensors(String first, String second, long secondOffset) {
    return header(3, 2, 0)
        .string(first)
        .u32(1)
        .u64(1)
        .u32(F32)
        .u64(0)
        .string(second)
        .u32(1)
        .u64(1)
        .u32(F32)
        .u64(secondOffset);
  }

  private Path write(GgufBytes bytes) throws IOException {
    return Files.write(folder.resolve("file.gguf"), bytes.toByteArray());
  }

  private void assertFails(GgufBytes bytes, String part) throws IOException {
    assertFails(write(bytes), part);
  }

  private static void assertFails(Path file, String part) {
    assertMessage(() -> GgufFile.open(file).close(), file.toString(), part);
  }

  private static void assertMessage(Runnable action, String... parts) {
    GgufException failure = assertThrows(GgufException.class, action::run);
    for (String part : parts) {
      assertTrue(failure.getMessage().contains(part), failure.getMessage());
    }
  }
}
