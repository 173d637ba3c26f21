package dev.whittle.distillation;

import dev.whittle.ggml.Backend;
import dev.whittle.model.ModelFile;
import dev.whittle.optimizer.AdamW;
import dev.whittle.training.AllReduce;
import dev.whittle.training.Checkpoint;
import dev.whittle.training.Parameter;
import dev.whittle.training.TrainedWeights;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;

/// The student, once in the memory of each device of a group.
///
/// The replicas begin equal, get the same gradients, and make the same updates of them, each for
/// itself: so they stay equal, and nothing but gradients ever goes from device to device.
public final class StudentReplicas implements AutoCloseable {
  private final ReplicaGroup group;
  private final List<TrainedWeights> replicas = new ArrayList<>();
  private final AllReduce gradients;

  /// @param group must stay open as long as this
  /// @param student makes the weights on a backend, the same on each
  public StudentReplicas(ReplicaGroup group, Function<Backend, TrainedWeights> student) {
    this.group = group;
    try {
      group.backends().forEach(backend -> replicas.add(student.apply(backend)));
      gradients =
          new AllReduce(
              group.backends(),
              replicas.stream()
                  .map(weights -> weights.parameters().stream().map(Parameter::gradient).toList())
                  .toList(),
              group.workers());
    } catch (RuntimeException e) {
      replicas.forEach(TrainedWeights::close);
      throw e;
    }
  }

  /// The replica that checkpoints and the model are written from.
  public TrainedWeights first() {
    return replicas.getFirst();
  }

  ReplicaGroup group() {
    return group;
  }

  TrainedWeights replica(int number) {
    return replicas.get(number);
  }

  private void each(Consumer<TrainedWeights> job) {
    group.each(number -> job.accept(replicas.get(number)));
  }

  /// See [TrainedWeights#startFrom].
  public void startFrom(ModelFile model) {
    each(weights -> weights.startFrom(model));
  }

  /// See [TrainedWeights#encode].
  public void encode() {
    each(TrainedWeights::encode);
  }

  /// See [TrainedWeights#encodeAgain].
  void encodeAgain() {
    each(TrainedWeights::encodeAgain);
  }

  /// Replaces the gradients of each replica by the sum over all of them.
  void sumGradients() {
    gradients.run();
  }

  /// The Euclidean norm of all gradients of a replica together.
  double gradientNorm() {
    return first().gradientNorm();
  }

  /// See [TrainedWeights#update].
  void update(AdamW adam, Function<Parameter.Group, AdamW.Step> step) {
    each(weights -> weights.update(adam, step));
  }

  /// See [TrainedWeights#swapAverage].
  void swapAverage() {
    each(TrainedWeights::swapAverage);
  }

  /// Reads a checkpoint into every replica.
  ///
  /// @throws dev.whittle.gguf.GgufException if it is damaged or belongs to another run
  Checkpoint.Progress restore(Path checkpoint) {
    Checkpoint.Progress[] progress = new Checkpoint.Progress[replicas.size()];
    group.each(number -> progress[number] = Checkpoint.read(checkpoint, replicas.get(number)));
    each(TrainedWeights::decode);
    return progress[0];
  }

  /// Checks that the blocks of all replicas are the same.
  ///
  /// @throws IllegalStateException naming the first tensor that differs
  public void requireEqual() {
    for (int number = 1; number < replicas.size(); number++) {
      for (Parameter p : replicas.get(number).parameters()) {
        try (Arena arena = Arena.ofConfined()) {
          Parameter first = first().parameter(p.name());
          if (first.blocks().onHost(arena).mismatch(p.blocks().onHost(arena)) != -1) {
            throw new IllegalStateException(
                "the replicas on "
                    + group.backend()
                    + " and "
                    + group.backends().get(number)
                    + " differ in tensor '"
                    + p.name()
                    + "'");
          }
        }
      }
    }
  }

  @Override
  public void close() {
    gradients.close();
    replicas.forEach(TrainedWeights::close);
  }
}
