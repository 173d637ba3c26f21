package dev.whittle.gguf;

import dev.whittle.ggml.GgmlType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;

/// Small files that hold something of everything.
final class GgufSamples {
  private GgufSamples() {}

  static GgufMetadata everyType() {
    return GgufMetadata.builder()
        .put("general.architecture", "sample")
        .put("u8", new GgufValue.U8(255))
        .put("i8", new GgufValue.I8((byte) -1))
        .put("u16", new GgufValue.U16(65_535))
        .put("i16", new GgufValue.I16((short) -1))
        .putU32("u32", 4_294_967_295L)
        .put("i32", new GgufValue.I32(-1))
        .put("u64", new GgufValue.U64(-1))
        .put("i64", new GgufValue.I64(Long.MIN_VALUE))
        .putF32("f32", 0.1f)
        .put("f64", new GgufValue.F64(0.1))
        .put("bool", true)
        .put("text", "größer 🙂")
        .put("strings", List.of("a", "", "Ġthe"))
        .put("ints", new int[] {1, -2, 3})
        .put("floats", new float[] {0.5f, Float.NaN})
        .put("empty", List.of())
        .build();
  }

  /// Writes a file with metadata of every type and three tensors, whose data is seeded.
  static Path write(Path file) throws IOException {
    Random random = new Random(1);
    new GgufWriter(everyType())
        .add("blk.0.weight", GgmlType.Q4_0, List.of(64L, 3L), random(random, 2 * 3 * 18))
        .add("blk.0.bias", GgmlType.F32, List.of(5L), random(random, 20))
        .add("cube", GgmlType.BF16, List.of(2L, 3L, 4L, 5L), random(random, 240))
        .write(file, true);
    return file;
  }

  private static TensorData random(Random random, int bytes) {
    byte[] data = new byte[bytes];
    random.nextBytes(data);
    return TensorData.of(MemorySegment.ofArray(data));
  }
}
