package dev.whittle.training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The log, read back by what the formats' documents say: TFRecord, and the wire format of Protocol
/// Buffers.
class TensorBoardLogTest {
  @TempDir Path folder;

  @Test
  void holds_what_was_appended() throws IOException {
    TensorBoardLog log = TensorBoardLog.begin(folder, 301);
    Map<String, Double> figures = new LinkedHashMap<>();
    figures.put("loss", 0.125);
    figures.put("lr", 2e-4);
    log.append(301, figures);

    List<byte[]> records = records();
    assertEquals(3, records.size());
    Map<Integer, List<Object>> version = fields(records.get(0));
    assertEquals("brain.Event:2", text(version.get(3).getFirst()));
    double wallTime = Double.longBitsToDouble((long) version.get(1).getFirst());
    assertEquals(System.currentTimeMillis() / 1e3, wallTime, 60);
    Map<Integer, List<Object>> start = fields(records.get(1));
    assertEquals(301L, start.get(2).getFirst());
    assertEquals(Map.of(1, List.of(1L)), fields((byte[]) start.get(7).getFirst()));
    Map<Integer, List<Object>> step = fields(records.get(2));
    assertEquals(301L, step.get(2).getFirst());
    List<Object> values = fields((byte[]) step.get(5).getFirst()).get(1);
    assertEquals(2, values.size());
    assertFigure("loss", 0.125f, values.get(0));
    assertFigure("lr", 2e-4f, values.get(1));
  }

  private static void assertFigure(String name, float value, Object message) {
    Map<Integer, List<Object>> figure = fields((byte[]) message);
    assertEquals(name, text(figure.get(1).getFirst()));
    assertEquals(value, Float.intBitsToFloat((int) figure.get(2).getFirst()));
  }

  @Test
  void a_run_keeps_one_beside_its_metrics() throws IOException {
    RunDirectory run = RunDirectory.create(folder.resolve("run"), Map.of("lr", 1), false);
    run.appendMetrics(Map.of("step", 1, "loss", 2.0));
    run.appendMetrics(Map.of("step", 2, "loss", 1.0));
    folder = folder.resolve("run/tensorboard");
    assertEquals(4, records().size());
    RunDirectory.create(run.root(), Map.of("lr", 2), true);
    try (Stream<Path> files = Files.list(folder)) {
      assertEquals(0, files.count());
    }
  }

  /// The check value of the catalogue of CRC algorithms.
  @Test
  void checksums_are_castagnolis() {
    assertEquals(0xe3069283, crc32c("123456789".getBytes(StandardCharsets.US_ASCII)));
  }

  private List<byte[]> records() throws IOException {
    Path file;
    try (Stream<Path> files = Files.list(folder)) {
      file = files.filter(f -> f.toString().contains("tfevents")).findFirst().orElseThrow();
    }
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    List<byte[]> records = new ArrayList<>();
    while (bytes.hasRemaining()) {
      byte[] length = new byte[8];
      bytes.get(bytes.position(), length);
      byte[] record = new byte[Math.toIntExact(bytes.getLong())];
      assertEquals(masked(crc32c(length)), bytes.getInt());
      bytes.get(record);
      assertEquals(masked(crc32c(record)), bytes.getInt());
      records.add(record);
    }
    return records;
  }

  private static int masked(int crc) {
    return ((crc >>> 15) | (crc << 17)) + 0xa282ead8;
  }

  /// Bit by bit, with the reversed polynomial.
  private static int crc32c(byte[] data) {
    int crc = -1;
    for (byte b : data) {
      crc ^= b & 0xff;
      for (int bit = 0; bit < 8; bit++) {
        crc = (crc >>> 1) ^ ((crc & 1) != 0 ? 0x82f63b78 : 0);
      }
    }
    return ~crc;
  }

  /// The values of each field: longs, ints, or bytes.
  private static Map<Integer, List<Object>> fields(byte[] message) {
    ByteBuffer bytes = ByteBuffer.wrap(message).order(ByteOrder.LITTLE_ENDIAN);
    Map<Integer, List<Object>> fields = new LinkedHashMap<>();
    while (bytes.hasRemaining()) {
      int key = (int) varint(bytes);
      Object value =
          switch (key & 7) {
            case 0 -> varint(bytes);
            case 1 -> bytes.getLong();
            case 2 -> {
              byte[] content = new byte[(int) varint(bytes)];
              bytes.get(content);
              yield content;
            }
            case 5 -> bytes.getInt();
            default -> throw new AssertionError("wire type " + (key & 7));
          };
      fields.computeIfAbsent(key >>> 3, field -> new ArrayList<>()).add(value);
    }
    return fields;
  }

  private static long varint(ByteBuffer bytes) {
    long value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      byte b = bytes.get();
      value |= (long) (b & 0x7f) << shift;
      if (b >= 0) {
        return value;
      }
    }
    throw new AssertionError("a number of more than ten bytes");
  }

  private static String text(Object bytes) {
    assertTrue(bytes instanceof byte[]);
    return new String((byte[]) bytes, StandardCharsets.UTF_8);
  }
}
