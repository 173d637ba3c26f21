package dev.whittle.training;

import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.TensorContext;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// Moments as they are computed.
final class F32Moments extends PairMoments {
  private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT;

  F32Moments(TensorContext context, long inputs, long outputs) {
    super(context, GgmlType.F32, inputs, outputs);
  }

  @Override
  MomentType type() {
    return MomentType.F32;
  }

  @Override
  Part from(long element) {
    MemorySegment m = first().host().asSlice(element * Float.BYTES);
    MemorySegment v = second().host().asSlice(element * Float.BYTES);
    return new Part() {
      @Override
      public void read(long at, float[] first, float[] second, int n) {
        MemorySegment.copy(m, F32, at * Float.BYTES, first, 0, n);
        MemorySegment.copy(v, F32, at * Float.BYTES, second, 0, n);
      }

      @Override
      public void write(long at, float[] first, float[] second, int n) {
        MemorySegment.copy(first, 0, m, F32, at * Float.BYTES, n);
        MemorySegment.copy(second, 0, v, F32, at * Float.BYTES, n);
      }
    };
  }
}
