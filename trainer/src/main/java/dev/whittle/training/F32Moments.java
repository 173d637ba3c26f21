package dev.whittle.training;

import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Tensor;
import dev.whittle.ggml.TensorContext;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.LinkedHashMap;
import java.util.SequencedMap;

/// Moments as they are computed.
final class F32Moments extends Moments {
  private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT;

  private final Tensor first;
  private final Tensor second;

  F32Moments(TensorContext context, long inputs, long outputs) {
    first = context.newTensor(GgmlType.F32, inputs, outputs);
    second = context.newTensor(GgmlType.F32, inputs, outputs);
  }

  /// The first moment [inputs, outputs] F32.
  Tensor first() {
    return first;
  }

  /// The second moment [inputs, outputs] F32.
  Tensor second() {
    return second;
  }

  @Override
  SequencedMap<String, Tensor> tensors() {
    SequencedMap<String, Tensor> tensors = new LinkedHashMap<>();
    tensors.put("m", first);
    tensors.put("v", second);
    return tensors;
  }

  @Override
  MomentType type() {
    return MomentType.F32;
  }

  @Override
  Part from(long element) {
    MemorySegment m = first.host().asSlice(element * Float.BYTES);
    MemorySegment v = second.host().asSlice(element * Float.BYTES);
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
