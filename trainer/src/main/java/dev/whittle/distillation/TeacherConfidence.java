package dev.whittle.distillation;

import dev.whittle.autograd.Kernels;
import dev.whittle.autograd.Tape;
import dev.whittle.autograd.Variable;
import dev.whittle.data.PackedBatch;
import dev.whittle.data.PackedBatches;
import dev.whittle.ggml.Backend;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Graph;
import dev.whittle.ggml.GraphAllocator;
import dev.whittle.ggml.Operations;
import dev.whittle.ggml.Tensor;
import dev.whittle.ggml.TensorContext;
import dev.whittle.model.BatchInputs;
import dev.whittle.model.BatchShape;
import dev.whittle.model.FrozenWeights;
import dev.whittle.model.ModelFile;
import org.jspecify.annotations.Nullable;

/// γ of the confidence-aware divergence: the teacher's mean probability of the data's own next
/// tokens (BitDistiller, Du et al. 2024, equation 7).
final class TeacherConfidence {
  /// So many targets give the mean to about a percent.
  private static final int ENOUGH_TARGETS = 4096;

  private static final int CHUNK = 64;

  private TeacherConfidence() {}

  /// Measures it on the first micro-batches.
  ///
  /// @param cache what the teacher makes of them; null to run the teacher
  static double measure(
      Backend backend,
      ModelFile teacher,
      FrozenWeights weights,
      @Nullable TeacherCache cache,
      PackedBatches batches,
      BatchShape shape,
      boolean completionOnly) {
    double sum = 0;
    long targets = 0;
    try (BatchInputs inputs = new BatchInputs(backend, shape);
        TeacherStates states = TeacherStates.of(backend, teacher, weights, inputs, cache, false);
        TensorContext leaves = new TensorContext(4);
        TensorContext context = new TensorContext(32);
        GraphAllocator allocator = new GraphAllocator(backend)) {
      Tensor indices = leaves.newTensor(GgmlType.I32, CHUNK);
      Tensor places = leaves.newTensor(GgmlType.I32, CHUNK);
      leaves.allocate(backend);
      Operations ops = new Operations(context);
      Variable rows = new Variable(ops.rows(states.tensor(), indices), false);
      Tensor logits =
          new Tape(ops, Kernels.of(backend))
              .linear(weights.weight(teacher.headName()), rows)
              .tensor();
      int vocabulary = teacher.config().vocabulary();
      Tensor probabilities =
          ops.rows(ops.reshape(ops.softmax(logits, null, 1), 1, (long) vocabulary * CHUNK), places)
              .asOutput();
      Graph graph = new Graph(context, "the teacher's confidence", 32).expand(probabilities);
      allocator.reserve(graph);
      allocator.allocate(graph);

      while (targets < ENOUGH_TARGETS) {
        PackedBatch batch = batches.next();
        inputs.load(batch.tokens(), batch.positions(), batch.documents());
        states.load(batch);
        int[] chosen = new int[CHUNK];
        int[] at = new int[CHUNK];
        int filled = 0;
        for (int t = 0; t < batch.targets().length; t++) {
          if (batch.isTarget(t, completionOnly)) {
            chosen[filled] = t;
            at[filled] = filled * vocabulary + batch.targets()[t];
            filled++;
          }
          if (filled == CHUNK || (filled > 0 && t == batch.targets().length - 1)) {
            indices.write(chosen);
            places.write(at);
            backend.compute(graph);
            float[] p = probabilities.readFloats();
            for (int i = 0; i < filled; i++) {
              sum += p[i];
            }
            targets += filled;
            filled = 0;
          }
        }
        if (batches.position().epoch() > 0) {
          break;
        }
      }
    }
    return targets == 0 ? 0 : sum / targets;
  }
}
