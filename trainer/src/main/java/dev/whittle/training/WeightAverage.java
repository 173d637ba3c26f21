package dev.whittle.training;

import dev.whittle.ggml.Backend;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Graph;
import dev.whittle.ggml.GraphAllocator;
import dev.whittle.ggml.Operations;
import dev.whittle.ggml.Tensor;
import dev.whittle.ggml.TensorContext;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// An exponential moving average of all masters over the steps (Polyak averaging; Morales-Brotons
/// et al. 2024, <https://arxiv.org/abs/2411.18704>, tell what it does for deep networks).
///
/// A single step's weights carry the noise of its text, and near the border between two levels that
/// noise decides which one a weight gets. By graphs, so that it runs on any device.
final class WeightAverage implements AutoCloseable {
  private final Backend backend;
  private final float decay;
  private final Map<String, Tensor> means = new LinkedHashMap<>();
  private final List<Tensor> changes = new ArrayList<>();
  private final TensorContext leaves;
  private final TensorContext nodes;
  private final GraphAllocator allocator;
  private final Graph adding;
  private final Graph swapping;
  private final long bytes;

  /// @param decay what is left of the average in a step, once there were enough of them
  WeightAverage(Backend backend, List<Parameter> parameters, double decay) {
    this.backend = backend;
    this.decay = (float) decay;
    int count = parameters.size();
    leaves = new TensorContext(count);
    for (Parameter p : parameters) {
      means.put(p.name(), leaves.newTensor(GgmlType.F32, p.inputs(), p.outputs()));
    }
    long kept = leaves.allocate(backend);
    nodes = new TensorContext(6 * count);
    Operations ops = new Operations(nodes);
    adding = new Graph(nodes, "the average of the weights", 3 * count);
    swapping = new Graph(nodes, "the exchange of weights and their average", 3 * count);
    for (Parameter p : parameters) {
      Tensor mean = mean(p);
      Tensor change = ops.scale(ops.subtract(p.master(), mean), 0);
      changes.add(change);
      adding.expand(ops.addInPlace(mean, change));
      Tensor latest = ops.contiguous(p.master());
      swapping.expand(latest).expand(ops.copy(mean, p.master())).expand(ops.copy(latest, mean));
    }
    allocator = new GraphAllocator(backend);
    allocator.reserve(adding);
    allocator.reserve(swapping);
    allocator.allocate(adding);
    allocator.allocate(swapping);
    bytes = kept + allocator.bytes();
    if (!backend.isMeasuring()) {
      means.values().forEach(Tensor::clear);
    }
  }

  /// The average of a parameter's master, or the master while the two are exchanged: [inputs,
  /// outputs] F32.
  Tensor mean(Parameter p) {
    return means.get(p.name());
  }

  /// Takes in the masters as they are.
  ///
  /// @param step its number, from 1: as long as there were few, all count the same
  void add(int step) {
    float share = Math.max(1 - decay, 1f / step);
    changes.forEach(change -> Operations.rescale(change, share));
    backend.compute(adding);
  }

  /// Exchanges the masters and their averages.
  void swap() {
    backend.compute(swapping);
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
