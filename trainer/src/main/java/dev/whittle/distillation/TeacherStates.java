package dev.whittle.distillation;

import dev.whittle.data.PackedBatch;
import dev.whittle.ggml.Backend;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Graph;
import dev.whittle.ggml.Tensor;
import dev.whittle.model.BatchInputs;
import dev.whittle.model.FrozenWeights;
import dev.whittle.model.ModelFile;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The teacher's hidden states behind its final norm, which its head multiplies, for one
/// micro-batch at a time.
public sealed interface TeacherStates extends AutoCloseable permits ComputedStates, CachedStates {
  /// States of micro-batches of the inputs' shape.
  ///
  /// @param cache where they are read from; null to compute them
  /// @param everyLayer whether the states behind each layer are wanted too, which no cache has
  static TeacherStates of(
      Backend backend,
      ModelFile teacher,
      FrozenWeights weights,
      BatchInputs inputs,
      @Nullable TeacherCache cache,
      boolean everyLayer) {
    if (cache != null && everyLayer) {
      throw new IllegalArgumentException("a teacher cache has no states behind each layer");
    }
    return cache == null
        ? new ComputedStates(backend, teacher, weights, inputs, everyLayer)
        : new CachedStates(backend, inputs.shape(), cache);
  }

  /// The type that loses nothing: what `ggml_mul_mat` rounds the states to before it multiplies
  /// them with the head, where that is a plain type.
  static GgmlType type(ModelFile teacher) {
    GgmlType head = teacher.file().require(teacher.headName()).type();
    return head == GgmlType.BF16 || head == GgmlType.F16 ? head : GgmlType.F32;
  }

  /// The states, [width, tokens + 1] of [#type]; the last column is zero.
  Tensor tensor();

  /// The states behind each layer, [width, tokens + 1] F32; empty if they were not wanted.
  List<Tensor> layers();

  /// Brings the states of a micro-batch, which the inputs hold too, into [#tensor]. Those of
  /// padding are any numbers.
  void load(PackedBatch batch);

  /// What is computed to bring them, in running order.
  List<Graph> graphs();

  /// The bytes of the states and of what they are computed with.
  long bytes();

  @Override
  void close();
}
