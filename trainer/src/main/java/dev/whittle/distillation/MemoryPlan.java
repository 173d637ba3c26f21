package dev.whittle.distillation;

import dev.whittle.training.Parameter;
import dev.whittle.training.TrainedWeights;
import java.util.function.ToLongFunction;

/// The memory that a distillation takes while it trains, in bytes, by what it is for.
///
/// @param masters float32 weights, where they started if they decay to there, their average if one
///   is kept, and scales that are trained
/// @param gradients float32 gradients of them
/// @param moments of the optimizer
/// @param blocks the weights in the types that are shipped
/// @param copies what the passes read in place of the blocks: decoded, transposed
/// @param activations what the student's passes keep and work with
/// @param head the logits of a chunk of tokens and what is computed from them
/// @param teacher the teacher's weights as far as they are in memory at a time, its states, and
///   what they are computed with
/// @param java Java's heap, its code, the libraries, and the data
public record MemoryPlan(
    long masters,
    long gradients,
    long moments,
    long blocks,
    long copies,
    long activations,
    long head,
    long teacher,
    long java) {

  /// The memory of these weights and passes, which may be measured only.
  static MemoryPlan of(
      TrainedWeights weights, DistillationEngine engine, long teacherWeights, long java) {
    return new MemoryPlan(
        sum(weights, p -> p.isEncoded() ? p.master().bytes() : 0) + weights.extraBytes(),
        sum(weights, p -> p.gradient().bytes()),
        sum(weights, p -> p.moments().bytes()),
        sum(weights, p -> p.blocks().bytes()),
        sum(
            weights,
            p ->
                (p.decoded() == null ? 0 : p.decoded().bytes())
                    + (p.transposed() == null ? 0 : p.transposed().bytes())),
        engine.activationBytes(),
        engine.headBytes(),
        teacherWeights + engine.teacherBytes(),
        java);
  }

  private static long sum(TrainedWeights weights, ToLongFunction<Parameter> bytes) {
    return weights.parameters().stream().mapToLong(bytes).sum();
  }

  /// The same with another teacher.
  MemoryPlan withTeacher(long bytes) {
    return new MemoryPlan(
        masters, gradients, moments, blocks, copies, activations, head, bytes, java);
  }

  /// All of it.
  public long total() {
    return masters + gradients + moments + blocks + copies + activations + head + teacher + java;
  }
}
