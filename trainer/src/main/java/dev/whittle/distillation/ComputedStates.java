package dev.whittle.distillation;

import dev.whittle.data.PackedBatch;
import dev.whittle.ggml.Backend;
import dev.whittle.ggml.Graph;
import dev.whittle.ggml.GraphAllocator;
import dev.whittle.ggml.Operations;
import dev.whittle.ggml.Tensor;
import dev.whittle.ggml.TensorContext;
import dev.whittle.model.BatchInputs;
import dev.whittle.model.FrozenWeights;
import dev.whittle.model.ModelFile;
import dev.whittle.model.Trunk;
import java.util.ArrayList;
import java.util.List;

/// The teacher's forward pass.
final class ComputedStates implements TeacherStates {
  private static final int NODES = 16;

  private final Backend backend;
  private final Trunk trunk;
  private final TensorContext leaves = new TensorContext(1);
  private final TensorContext context = new TensorContext(NODES);
  private final GraphAllocator allocator;
  private final Tensor states;
  private final Graph norm;

  private final List<Tensor> layers;

  /// @param inputs what holds the micro-batches, shared with the student
  /// @param everyLayer whether the states behind each layer are kept too
  ComputedStates(
      Backend backend,
      ModelFile teacher,
      FrozenWeights weights,
      BatchInputs inputs,
      boolean everyLayer) {
    this.backend = backend;
    trunk =
        new Trunk(
            backend,
            teacher.config(),
            teacher.family(),
            weights,
            weights.ropeFactors(),
            inputs,
            everyLayer ? Trunk.Activations.STATES : Trunk.Activations.NONE);
    layers = everyLayer ? trunk.states() : List.of();
    int tokens = inputs.shape().tokens();
    states = leaves.newTensor(TeacherStates.type(teacher), teacher.config().width(), tokens + 1);
    leaves.allocate(backend);
    Operations ops = new Operations(context);
    Tensor normed =
        ops.multiply(
            ops.rmsNorm(ops.columns(trunk.output(), 0, tokens), teacher.config().epsilon()),
            weights.weight(ModelFile.OUTPUT_NORM).value());
    norm =
        new Graph(context, "the teacher's final norm", NODES)
            .expand(ops.copy(normed, ops.columns(states, 0, tokens)));
    allocator = new GraphAllocator(backend);
    allocator.reserve(norm);
    allocator.allocate(norm);
  }

  @Override
  public Tensor tensor() {
    return states;
  }

  @Override
  public List<Tensor> layers() {
    return layers;
  }

  @Override
  public void load(PackedBatch batch) {
    trunk.forward();
    backend.compute(norm);
  }

  @Override
  public List<Graph> graphs() {
    List<Graph> graphs = new ArrayList<>(trunk.graphs());
    graphs.add(norm);
    return graphs;
  }

  @Override
  public long bytes() {
    return trunk.bytes() + allocator.bytes() + states.bytes();
  }

  @Override
  public void close() {
    allocator.close();
    context.close();
    leaves.close();
    trunk.close();
  }
}
