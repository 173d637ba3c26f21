package dev.whittle.training;

import dev.whittle.ggml.Backend;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Graph;
import dev.whittle.ggml.GraphAllocator;
import dev.whittle.ggml.Operations;
import dev.whittle.ggml.Tensor;
import dev.whittle.ggml.TensorContext;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;

/// The weights that training starts from, for [DecayTarget#START].
///
/// AdamW's decay takes α·λ of a weight; adding α·λ of where it started makes of that a pull to
/// there. By a graph, so that it runs on any device.
final class StartingPoint implements AutoCloseable {
  private final Backend backend;
  private final List<Parameter> parameters;
  private final List<Tensor> starts = new ArrayList<>();
  private final TensorContext leaves;
  private final TensorContext nodes;
  private final Tensor share;
  private final GraphAllocator allocator;
  private final Graph graph;
  private final long bytes;

  /// @param parameters those that decay
  StartingPoint(Backend backend, List<Parameter> parameters) {
    this.backend = backend;
    this.parameters = List.copyOf(parameters);
    leaves = new TensorContext(parameters.size() + 1);
    nodes = new TensorContext(2 * parameters.size() + 1);
    share = leaves.newTensor(GgmlType.F32, 1);
    for (Parameter p : parameters) {
      starts.add(leaves.newTensor(GgmlType.F32, p.inputs(), p.outputs()));
    }
    long kept = leaves.allocate(backend);
    Operations ops = new Operations(nodes);
    graph =
        new Graph(nodes, "the pull of weights to where they started", 2 * parameters.size() + 1);
    for (int i = 0; i < parameters.size(); i++) {
      graph.expand(ops.addInPlace(parameters.get(i).master(), ops.multiply(starts.get(i), share)));
    }
    allocator = new GraphAllocator(backend);
    allocator.reserve(graph);
    allocator.allocate(graph);
    bytes = kept + allocator.bytes();
  }

  /// Takes the weights as they are.
  void set() {
    for (int i = 0; i < parameters.size(); i++) {
      try (Arena arena = Arena.ofConfined()) {
        starts.get(i).write(parameters.get(i).master().onHost(arena), 0);
      }
    }
  }

  /// Adds a share of where they started to the weights.
  void add(float share) {
    this.share.write(new float[] {share});
    backend.compute(graph);
  }

  long bytes() {
    return bytes;
  }

  @Override
  public void close() {
    allocator.close();
    nodes.close();
    leaves.close();
  }
}
