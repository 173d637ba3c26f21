package dev.whittle.model;

import dev.whittle.autograd.Gradients;
import dev.whittle.autograd.Kernels;
import dev.whittle.autograd.ObservedKernels;
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
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// A model from the token embedding to the input of its final norm, over micro-batches of one
/// shape.
///
/// All graphs are built and given their memory once; a pass only runs them. If there is a backward
/// pass, every layer's input is kept; what it needs beside that is kept or computed again, as
/// [Activations] says.
public final class Trunk implements AutoCloseable {
  /// What is kept of a layer's forward pass for its backward pass.
  public enum Activations {
    /// There is no backward pass.
    NONE,
    /// There is no backward pass, but the states behind every layer are kept to be read.
    STATES,
    /// Only the layer's input: the backward pass runs the layer's forward pass again. The memory of
    /// one layer serves all.
    RECOMPUTED,
    /// Everything: no work is done twice.
    KEPT;

    /// Whether there is a backward pass.
    public boolean differentiates() {
      return this == RECOMPUTED || this == KEPT;
    }
  }

  private static final int NODES_PER_LAYER = 256;

  private final Backend backend;
  private final Kernels kernels;
  private final ModelConfig config;
  private final Family family;
  private final WeightSource weights;
  private final BatchInputs inputs;
  private final Activations activations;
  private final @Nullable LayerLoss layerLoss;
  private final @Nullable GradientObserver observer;
  private final TensorContext persistent;
  private final Positions positions;
  private final List<Tensor> hidden = new ArrayList<>();
  private final List<Tensor> gradients = new ArrayList<>();
  private final @Nullable Tensor ones;
  private final List<AutoCloseable> owned = new ArrayList<>();
  private final List<Graph> forward = new ArrayList<>();
  private final List<Graph> backward = new ArrayList<>();
  private final GraphAllocator shared;
  private final List<GraphAllocator> kept = new ArrayList<>();

  /// Builds the graphs.
  ///
  /// @param weights the model's weights; their tensors must outlive the trunk
  /// @param inputs the micro-batch, shared with other models
  public Trunk(
      Backend backend,
      ModelConfig config,
      Family family,
      WeightSource weights,
      @Nullable Tensor ropeFactors,
      BatchInputs inputs,
      Activations activations) {
    this(backend, config, family, weights, ropeFactors, inputs, activations, false, null, null);
  }

  /// Builds the graphs of a model whose weights are frozen, for the gradients at its states.
  ///
  /// @param weights the model's weights, in the types of its file; their tensors must outlive the
  ///   trunk
  /// @param inputs the micro-batch, shared with other models
  /// @param observer of the gradients
  public Trunk(
      Backend backend,
      ModelFile model,
      FrozenWeights weights,
      BatchInputs inputs,
      GradientObserver observer) {
    this(
        backend,
        model.config(),
        model.family(),
        weights,
        weights.ropeFactors(),
        inputs,
        Activations.RECOMPUTED,
        false,
        null,
        observer);
  }

  /// Builds the graphs.
  ///
  /// @param weights the model's weights; their tensors must outlive the trunk
  /// @param inputs the micro-batch, shared with other models
  /// @param alone whether a step has no other micro-batch, so that gradients of matrices need not
  ///   be added to what is there
  /// @param layerLoss a loss on the states behind each layer, whose gradient the backward pass adds
  ///   there; null for none
  /// @param observer of the gradients in the backward pass; null for none
  public Trunk(
      Backend backend,
      ModelConfig config,
      Family family,
      WeightSource weights,
      @Nullable Tensor ropeFactors,
      BatchInputs inputs,
      Activations activations,
      boolean alone,
      @Nullable LayerLoss layerLoss,
      @Nullable GradientObserver observer) {
    this.backend = backend;
    this.config = config;
    this.family = family;
    this.weights = weights;
    this.inputs = inputs;
    this.activations = activations;
    this.layerLoss = layerLoss;
    this.observer = observer;
    Kernels fastest = Kernels.of(backend);
    Kernels fitting = multipliesBlocks() ? fastest.withDeployedAttention() : fastest;
    kernels = alone ? fitting.replacingGradients() : fitting;
    int tokens = inputs.shape().tokens();
    persistent = new TensorContext(config.layers() + 16);
    // One column more than there are tokens: the place of rows that nobody reads. Without a
    // backward pass, two places take turns.
    int places = activations == Activations.NONE ? 2 : config.layers() + 1;
    for (int i = 0; i < places; i++) {
      hidden.add(persistent.newTensor(GgmlType.F32, config.width(), tokens + 1));
    }
    if (!activations.differentiates()) {
      ones = null;
    } else {
      gradients.add(persistent.newTensor(GgmlType.F32, config.width(), tokens + 1));
      gradients.add(persistent.newTensor(GgmlType.F32, config.width(), tokens + 1));
      ones = persistent.newTensor(GgmlType.F32, 1, (long) config.heads() * tokens);
    }
    persistent.allocate(backend);
    if (ones != null) {
      ones.fill(1);
    }
    positions = Positions.of(inputs, config, family, ropeFactors);
    shared = new GraphAllocator(backend);
    build();
  }

  private void build() {
    List<Graph> sharing = new ArrayList<>();
    buildEmbedding(sharing);
    for (int layer = 0; layer < config.layers(); layer++) {
      switch (activations) {
        case NONE, STATES -> sharing.add(buildForward(layer).graph());
        case RECOMPUTED -> {
          sharing.add(buildForward(layer).graph());
          sharing.add(buildRecomputedBackward(layer));
        }
        case KEPT -> sharing.add(buildKept(layer));
      }
    }
    sharing.forEach(shared::reserve);
    sharing.forEach(shared::allocate);
  }

  private void buildEmbedding(List<Graph> sharing) {
    TensorContext context = own(new TensorContext(8));
    Tensor x =
        new Operations(context).rows(weights.weight("token_embd.weight").value(), inputs.tokens());
    context.alias(x, hiddenAt(0));
    Graph graph = new Graph(context, "the token embedding", 8).expand(x);
    forward.add(graph);
    sharing.add(graph);
  }

  /// A layer's forward nodes in a context of their own.
  ///
  /// @param kernels that compute its matrices; they observe where somebody wants to know
  private record LayerForward(
      Tape tape, Kernels kernels, Variable input, Variable output, Graph graph) {}

  private LayerForward buildForward(int layer) {
    TensorContext context = own(new TensorContext(NODES_PER_LAYER));
    LayerForward built =
        layerInto(context, layer, layerWeights(layer), "forward pass of layer " + layer);
    context.alias(built.output().tensor(), hiddenAt(layer + 1));
    built.graph().expand(built.output().tensor());
    forward.add(built.graph());
    return built;
  }

  private LayerForward layerInto(
      TensorContext context, int layer, Map<String, Weight> layerWeights, String title) {
    Kernels own = observer == null ? kernels : new ObservedKernels(kernels);
    Tape tape = new Tape(new Operations(context), own);
    Tensor x = columnsOf(hiddenAt(layer), context);
    Variable input = tape.input(x, activations.differentiates());
    Variable output = family.layer(tape, config, layerWeights, input, positions);
    return new LayerForward(tape, own, input, output, new Graph(context, title, NODES_PER_LAYER));
  }

  /// The forward nodes once more and the backward nodes behind them, in one graph.
  private Graph buildRecomputedBackward(int layer) {
    TensorContext context = own(new TensorContext(2 * NODES_PER_LAYER));
    Operations ops = new Operations(context);
    Map<String, Weight> differentiable = layerWeights(layer);
    differentiable.replaceAll((name, weight) -> weight.differentiable(ops, kernels));
    LayerForward again =
        layerInto(context, layer, differentiable, "forward pass of layer " + layer);
    return differentiate(layer, again, context);
  }

  private Graph buildKept(int layer) {
    LayerForward built = buildForward(layer);
    for (Tensor saved : built.tape().savedTensors()) {
      built.graph().expand(saved.asOutput());
    }
    GraphAllocator own = own(new GraphAllocator(backend));
    own.reserve(built.graph());
    own.allocate(built.graph());
    kept.add(own);
    return differentiate(layer, built, own(new TensorContext(2 * NODES_PER_LAYER)));
  }

  private Graph differentiate(int layer, LayerForward from, TensorContext context) {
    Graph graph = new Graph(context, "backward pass of layer " + layer, 2 * NODES_PER_LAYER);
    Operations ops = new Operations(context);
    Tensor seed = columnsOf(gradientAt(layer + 1), context);
    if (layerLoss != null) {
      LayerLoss.Nodes loss = layerLoss.build(ops, layer, columnsOf(hiddenAt(layer + 1), context));
      graph.expand(loss.value());
      seed = ops.add(seed, loss.gradient());
    }
    Gradients result = from.tape().differentiate(from.output(), seed, ops, ones());
    Tensor atInput = result.at(from.input());
    context.alias(atInput, gradientAt(layer));
    result.accumulations().forEach(graph::expand);
    if (observer != null && from.kernels() instanceof ObservedKernels observed) {
      observer.build(ops, layer, seed, observed.gradients()).forEach(graph::expand);
    }
    graph.expand(atInput);
    backward.add(graph);
    return graph;
  }

  /// All columns but the spare one, as a tensor of another context.
  private Tensor columnsOf(Tensor places, TensorContext context) {
    Tensor columns = context.newTensor(GgmlType.F32, config.width(), inputs.shape().tokens());
    context.alias(columns, places);
    return columns;
  }

  /// Whether the forward pass multiplies with blocks themselves, and not with what they decode to.
  private boolean multipliesBlocks() {
    return IntStream.range(0, config.layers())
        .mapToObj(this::layerWeights)
        .flatMap(layer -> layer.values().stream())
        .anyMatch(weight -> weight.value().type().isQuantized());
  }

  private Map<String, Weight> layerWeights(int layer) {
    Map<String, Weight> result = new HashMap<>();
    for (Family.WeightSpec spec : family.layerWeights(config)) {
      result.put(spec.name(), weights.weight("blk." + layer + "." + spec.name()));
    }
    return result;
  }

  /// Runs the forward pass over the micro-batch in the inputs.
  public void forward() {
    if (!backend.isHost()) {
      backend.compute(forward);
      return;
    }
    backend.compute(forward.getFirst());
    for (int layer = 0; layer < config.layers(); layer++) {
      backend.compute(forward.get(layer + 1));
      weights.release(layer);
    }
  }

  /// Runs the backward pass from [#outputGradient] to [#embeddingGradient], adding to the gradients
  /// of the weights.
  public void backward() {
    backend.compute(backward.reversed());
  }

  /// The hidden states before the final norm, [width, tokens + 1] F32; the last column is spare.
  public Tensor output() {
    return hiddenAt(config.layers());
  }

  /// The hidden states behind each layer, [width, tokens + 1] F32; the last column is spare.
  ///
  /// @throws IllegalStateException if they are not kept
  public List<Tensor> states() {
    if (activations == Activations.NONE) {
      throw new IllegalStateException("this trunk keeps no states");
    }
    return List.copyOf(hidden.subList(1, hidden.size()));
  }

  /// Where the gradient at [#output] has to be before [#backward], [width, tokens + 1] F32.
  public Tensor outputGradient() {
    return gradientAt(config.layers());
  }

  /// The gradient at the embedded tokens after [#backward], [width, tokens + 1] F32.
  public Tensor embeddingGradient() {
    return gradientAt(0);
  }

  /// The bytes of activations, gradients at them, and work space.
  public long bytes() {
    long bytes = shared.bytes();
    for (GraphAllocator allocator : kept) {
      bytes += allocator.bytes();
    }
    for (Tensor tensor : hidden) {
      bytes += tensor.bytes();
    }
    for (Tensor tensor : gradients) {
      bytes += tensor.bytes();
    }
    return bytes;
  }

  /// The graphs in running order.
  public List<Graph> graphs() {
    List<Graph> all = new ArrayList<>(forward);
    all.addAll(backward.reversed());
    return all;
  }

  /// The input of a layer, or behind the last one the output.
  private Tensor hiddenAt(int layer) {
    return hidden.get(layer % hidden.size());
  }

  /// Two places take turns: a layer reads the one and writes the other.
  private Tensor gradientAt(int layer) {
    return gradients.get(layer % 2);
  }

  Tensor ones() {
    if (ones == null) {
      throw new IllegalStateException("this trunk has no backward pass");
    }
    return ones;
  }

  private <T extends AutoCloseable> T own(T resource) {
    owned.add(resource);
    return resource;
  }

  @Override
  public void close() {
    for (AutoCloseable resource : owned.reversed()) {
      try {
        resource.close();
      } catch (Exception e) {
        throw new IllegalStateException(e);
      }
    }
    shared.close();
    persistent.close();
  }
}
