package dev.whittle.huggingface;

import dev.whittle.ggml.GgmlType;
import dev.whittle.gguf.TensorData;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;

/// A checkpoint's tensor, converted while it is written: rows in another order, elements in another
/// type.
final class WeightData implements TensorData {
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /// How many elements are converted at a time.
  private static final int PIECE = 1 << 16;

  private final SafetensorsTensor source;
  private final GgmlType from;
  private final GgmlType to;
  private final RowOrder order;

  /// @param from the type of `source`, one of F32, F16 and BF16
  /// @param to the type to write, another or the same of these
  WeightData(SafetensorsTensor source, GgmlType from, GgmlType to, RowOrder order) {
    this.source = source;
    this.from = from;
    this.to = to;
    this.order = order;
  }

  @Override
  public void writeTo(WritableByteChannel channel) throws IOException {
    if (from == to && order == RowOrder.AS_IS) {
      TensorData.of(source.data()).writeTo(channel);
      return;
    }
    long rowLength = source.shape().getLast();
    long rows = source.data().byteSize() / from.rowBytes(rowLength);
    ByteBuffer buffer =
        ByteBuffer.allocateDirect(PIECE * to.blockBytes()).order(ByteOrder.LITTLE_ENDIAN);
    for (long row = 0; row < rows; row++) {
      long start = order.sourceOf(row) * rowLength;
      for (long done = 0; done < rowLength; ) {
        if (!buffer.hasRemaining()) {
          drain(buffer, channel);
        }
        int count = (int) Math.min(rowLength - done, buffer.remaining() / to.blockBytes());
        convert(start + done, count, buffer);
        done += count;
      }
    }
    drain(buffer, channel);
  }

  private void convert(long start, int count, ByteBuffer target) {
    MemorySegment data = source.data().asSlice(start * from.blockBytes());
    switch (to) {
      case F32 -> {
        for (int i = 0; i < count; i++) {
          target.putFloat(element(data, i));
        }
      }
      case F16 -> {
        for (int i = 0; i < count; i++) {
          target.putShort(toF16(element(data, i)));
        }
      }
      case BF16 -> {
        for (int i = 0; i < count; i++) {
          target.putShort(toBf16(element(data, i)));
        }
      }
      default -> throw new IllegalStateException("no conversion to " + to);
    }
  }

  private float element(MemorySegment data, int index) {
    return switch (from) {
      case F32 -> Float.intBitsToFloat(data.get(INT, (long) index * Float.BYTES));
      case F16 -> Float.float16ToFloat(data.get(SHORT, (long) index * Short.BYTES));
      case BF16 -> Float.intBitsToFloat(data.get(SHORT, (long) index * Short.BYTES) << 16);
      default -> throw new IllegalStateException("no conversion from " + from);
    };
  }

  private short toF16(float value) {
    short half = Float.floatToFloat16(value);
    boolean overflow = Float.isFinite(value) && Float.isInfinite(Float.float16ToFloat(half));
    if (overflow) {
      throw new CheckpointException(
          source.file()
              + " has "
              + value
              + " in tensor '"
              + source.name()
              + "', which is too large for f16; convert to bf16 or f32");
    }
    return half;
  }

  /// Rounds to nearest, ties to even, and keeps a NaN one by making it quiet
  /// (`ggml_compute_fp32_to_bf16`).
  static short toBf16(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return (short) (bits >>> 16 | 64);
    }
    return (short) (bits + (0x7FFF + (bits >>> 16 & 1)) >>> 16);
  }

  private static void drain(ByteBuffer buffer, WritableByteChannel channel) throws IOException {
    buffer.flip();
    while (buffer.hasRemaining()) {
      channel.write(buffer);
    }
    buffer.clear();
  }
}
