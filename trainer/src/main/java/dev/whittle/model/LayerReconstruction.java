package dev.whittle.model;

import dev.whittle.autograd.Gradients;
import dev.whittle.autograd.Kernels;
import dev.whittle.autograd.Tape;
import dev.whittle.autograd.Variable;
import dev.whittle.autograd.Weight;
import dev.whittle.ggml.Backend;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Graph;
import dev.whittle.ggml.GraphAllocator;
import dev.whittle.ggml.Operations;
import dev.whittle.ggml.Tensor;
import dev.whittle.ggml.TensorContext;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// One trained layer, and how far its outputs are from wanted ones: the squared error, each token
/// by its weight, and its gradient at the layer's weights. Runs on the CPU.
public final class LayerReconstruction implements AutoCloseable {
  private static final int NODES = 512;

  private final Backend backend;
  private final int width;
  private final TensorContext persistent = new TensorContext(8);
  private final Tensor states;
  private final Tensor outputs;
  private final Tensor targets;
  private final Tensor weights;
  private final Tensor ones;
  private final List<TensorContext> contexts = new ArrayList<>();
  private final GraphAllocator allocator;
  private final Graph forward;
  private final Graph backward;

  /// Builds the graphs.
  ///
  /// @param source of the layer's weights, trained; their tensors must outlive this
  /// @param layer its number
  /// @param inputs the micro-batch
  public LayerReconstruction(
      Backend backend,
      ModelFile model,
      WeightSource source,
      int layer,
      @Nullable Tensor ropeFactors,
      BatchInputs inputs) {
    this.backend = backend;
    ModelConfig config = model.config();
    width = config.width();
    int tokens = inputs.shape().tokens();
    states = persistent.newTensor(GgmlType.F32, width, tokens);
    outputs = persistent.newTensor(GgmlType.F32, width, tokens);
    targets = persistent.newTensor(GgmlType.F32, width, tokens);
    weights = persistent.newTensor(GgmlType.F32, 1, tokens);
    ones = persistent.newTensor(GgmlType.F32, 1, (long) config.heads() * tokens);
    persistent.allocate(backend);
    ones.fill(1);

    Map<String, Weight> byName = new HashMap<>();
    for (Family.WeightSpec spec : model.family().layerWeights(config)) {
      byName.put(spec.name(), source.weight("blk." + layer + "." + spec.name()));
    }
    Positions positions = Positions.of(inputs, config, model.family(), ropeFactors);
    allocator = new GraphAllocator(backend);
    forward = forward(model, byName, positions);
    backward = backward(model, byName, positions);
    for (Graph graph : List.of(forward, backward)) {
      allocator.reserve(graph);
    }
    allocator.allocate(forward);
    allocator.allocate(backward);
  }

  private TensorContext newContext() {
    contexts.add(new TensorContext(NODES));
    return contexts.getLast();
  }

  private Graph forward(ModelFile model, Map<String, Weight> byName, Positions positions) {
    TensorContext context = newContext();
    Tape tape = new Tape(new Operations(context), Kernels.of(backend));
    Variable x = tape.input(states, false);
    Tensor y = model.family().layer(tape, model.config(), byName, x, positions).tensor();
    context.alias(y, outputs);
    return new Graph(context, "a layer's forward pass", NODES).expand(y);
  }

  private Graph backward(ModelFile model, Map<String, Weight> byName, Positions positions) {
    TensorContext context = newContext();
    Operations ops = new Operations(context);
    Tape tape = new Tape(ops, Kernels.of(backend).replacingGradients());
    Variable x = tape.input(states, false);
    Variable y = model.family().layer(tape, model.config(), byName, x, positions);
    Tensor difference = ops.multiply(ops.subtract(y.tensor(), targets), weights);
    Gradients gradients = tape.differentiate(y, difference, ops, ones);
    Graph graph = new Graph(context, "a layer's reconstruction", NODES);
    gradients.accumulations().forEach(graph::expand);
    return graph;
  }

  /// What goes into the layer, [width, tokens] F32.
  public Tensor states() {
    return states;
  }

  /// What should come out, [width, tokens] F32.
  public Tensor targets() {
    return targets;
  }

  /// Sets what the squared error of each token counts.
  ///
  /// @param tokenWeights [tokens]; 0 for those that do not count
  public void weigh(float[] tokenWeights) {
    weights.write(tokenWeights);
  }

  /// Runs the layer, and adds to the gradients of its weights half the gradient of the error.
  public void differentiate() {
    backend.compute(backward);
  }

  /// Runs the layer.
  ///
  /// @return `Σ weight · ‖output - target‖²` over the tokens
  public double error() {
    backend.compute(forward);
    return weightedSquares(outputs.host());
  }

  /// `Σ weight · ‖target‖²` over the tokens: what the error would be if nothing came out.
  public double targetSize() {
    return weightedSquares(null);
  }

  /// The squares of how far the targets are from other states, or without any from zero.
  private double weightedSquares(@Nullable MemorySegment from) {
    MemorySegment wanted = targets.host();
    float[] factors = weights.readFloats();
    double sum = 0;
    for (int t = 0; t < factors.length; t++) {
      double square = 0;
      for (long i = (long) t * width; i < (long) (t + 1) * width; i++) {
        double d = wanted.getAtIndex(ValueLayout.JAVA_FLOAT, i);
        if (from != null) {
          d -= from.getAtIndex(ValueLayout.JAVA_FLOAT, i);
        }
        square += d * d;
      }
      sum += factors[t] * square;
    }
    return sum;
  }

  @Override
  public void close() {
    allocator.close();
    contexts.forEach(TensorContext::close);
    persistent.close();
  }
}
