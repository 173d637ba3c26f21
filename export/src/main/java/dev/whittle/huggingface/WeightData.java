package dev.whittle.huggingface;

import dev.whittle.ggml.GgmlType;
import dev.whittle.gguf.TensorData;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.util.Locale;

/// A checkpoint's tensor, converted while it is written: rows in another order, elements in another
/// type. None of them may be infinite or NaN.
final class WeightData implements TensorData {
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /// How many elements are converted at a time.
  private static final int PIECE = 1 << 16;

  /// How many bytes are written at a time where nothing is converted: so few that they are still in
  /// the processor's cache once they have been looked at.
  private static final long UNCONVERTED = 1 << 18;

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

  /// @throws CheckpointException if an element is not finite, or too large for the type
  @Override
  public void writeTo(WritableByteChannel channel) throws IOException {
    if (from == to && order == RowOrder.AS_IS) {
      MemorySegment all = source.data();
      for (long start = 0; start < all.byteSize(); start += UNCONVERTED) {
        write(all.asSlice(start, Math.min(UNCONVERTED, all.byteSize() - start)), channel);
      }
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
          target.putShort(Float.floatToFloat16(element(data, i)));
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

  private float element(MemorySegment data, long index) {
    return switch (from) {
      case F32 -> Float.intBitsToFloat(data.get(INT, index * Float.BYTES));
      case F16 -> Float.float16ToFloat(data.get(SHORT, index * Short.BYTES));
      case BF16 -> Float.intBitsToFloat(data.get(SHORT, index * Short.BYTES) << 16);
      default -> throw new IllegalStateException("no conversion from " + from);
    };
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

  private void drain(ByteBuffer buffer, WritableByteChannel channel) throws IOException {
    write(MemorySegment.ofBuffer(buffer.flip()), channel);
    buffer.clear();
  }

  /// Writes elements of the type that they are to have.
  private void write(MemorySegment elements, WritableByteChannel channel) throws IOException {
    if (!Finiteness.isFinite(elements, to)) {
      throw notFinite();
    }
    ByteBuffer bytes = elements.asByteBuffer();
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }

  /// Names the first element that is not finite, or is not once it has been converted.
  private CheckpointException notFinite() {
    long count = source.data().byteSize() / from.blockBytes();
    for (long i = 0; i < count; i++) {
      float value = element(source.data(), i);
      if (!Float.isFinite(value)) {
        return new CheckpointException(
            "%s has %s in tensor '%s', element %,d; the checkpoint is damaged, or was trained into overflow: download it again, or use another"
                .formatted(source.file(), value, source.name(), i));
      }
      if (isTooLarge(value)) {
        return new CheckpointException(
            "%s has %s in tensor '%s', which is too large for %s; convert to %s"
                .formatted(
                    source.file(),
                    value,
                    source.name(),
                    to.name().toLowerCase(Locale.ROOT),
                    to == GgmlType.F16 ? "bf16 or f32" : "f32"));
      }
    }
    throw new IllegalStateException(source.name() + " has nothing that is not finite");
  }

  private boolean isTooLarge(float value) {
    return switch (to) {
      case F16 -> Float.isInfinite(Float.float16ToFloat(Float.floatToFloat16(value)));
      case BF16 -> Float.isInfinite(Float.intBitsToFloat(toBf16(value) << 16));
      default -> false;
    };
  }
}
