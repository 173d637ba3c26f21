package dev.whittle.training;

import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Tensor;
import dev.whittle.ggml.TensorContext;
import java.util.LinkedHashMap;
import java.util.SequencedMap;

/// Moments that are stored as one tensor each, shaped as the parameter.
abstract sealed class PairMoments extends Moments permits F32Moments, BFloat16Moments {
  private final Tensor first;
  private final Tensor second;

  PairMoments(TensorContext context, GgmlType type, long inputs, long outputs) {
    first = context.newTensor(type, inputs, outputs);
    second = context.newTensor(type, inputs, outputs);
  }

  /// The first moment [inputs, outputs].
  final Tensor first() {
    return first;
  }

  /// The second moment [inputs, outputs].
  final Tensor second() {
    return second;
  }

  @Override
  final SequencedMap<String, Tensor> tensors() {
    SequencedMap<String, Tensor> tensors = new LinkedHashMap<>();
    tensors.put("m", first);
    tensors.put("v", second);
    return tensors;
  }
}
