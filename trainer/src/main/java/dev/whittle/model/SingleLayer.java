package dev.whittle.model;

import dev.whittle.autograd.Kernels;
import dev.whittle.autograd.ObservedKernels;
import dev.whittle.autograd.Tape;
import dev.whittle.autograd.Variable;
import dev.whittle.autograd.Weight;
import dev.whittle.ggml.Backend;
import dev.whittle.ggml.BlockCodec;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Graph;
import dev.whittle.ggml.GraphAllocator;
import dev.whittle.ggml.Operations;
import dev.whittle.ggml.Tensor;
import dev.whittle.ggml.TensorContext;
import dev.whittle.gguf.TensorInfo;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// One layer of a model after the other, with float32 weights that may be changed between passes,
/// for methods that go through a model layer by layer.
///
/// Beside its outputs, it tells what goes into its matrices: over the passes, `Σ x xᵀ` of each
/// distinct input. All layers share the memory and the graphs of one. Runs on the CPU.
public final class SingleLayer implements AutoCloseable {
  private static final int NODES = 256;

  private final Backend backend;
  private final ModelFile model;
  private final BatchInputs inputs;
  private final TensorContext persistent;
  private final Map<String, Weight> weights = new LinkedHashMap<>();
  private final Tensor finalNorm;
  private final Tensor states;
  private final Tensor outputs;
  private final Tensor counted;
  private final List<TensorContext> contexts = new ArrayList<>();
  private final GraphAllocator allocator;
  private final Graph forward;
  private final List<InputProducts> products = new ArrayList<>();
  private final InputProducts headProducts;

  /// The inputs that some matrices share, and what is summed up over them.
  public final class InputProducts {
    private final List<String> matrices;
    private final Tensor inputs;
    private final Tensor sums;
    private final Graph graph;

    private InputProducts(List<String> matrices, Tensor inputs, Tensor sums, Graph graph) {
      this.matrices = matrices;
      this.inputs = inputs;
      this.sums = sums;
      this.graph = graph;
    }

    /// The names of the matrices, without the `blk.N.` in front.
    public List<String> matrices() {
      return matrices;
    }

    /// The names of a layer's matrices in the file.
    public List<String> namesIn(int layer) {
      return matrices.stream().map(matrix -> "blk." + layer + "." + matrix).toList();
    }

    /// Forgets what has been summed up.
    public void clear() {
      sums.clear();
    }

    /// Runs the layer so far as needed, over the micro-batch in the inputs, and adds `x xᵀ` of the
    /// tokens that count.
    public void add() {
      backend.compute(graph);
    }

    /// The inputs of the micro-batch after [#add], [inputs, tokens] F32.
    public Tensor inputs() {
      return inputs;
    }

    /// Σ x xᵀ, [inputs, inputs].
    public float[] sums() {
      return sums.readFloats();
    }
  }

  /// @param model must stay open meanwhile
  /// @param inputs the micro-batch
  public SingleLayer(Backend backend, ModelFile model, BatchInputs inputs) {
    this.backend = backend;
    this.model = model;
    this.inputs = inputs;
    ModelConfig config = model.config();
    int tokens = inputs.shape().tokens();
    persistent = new TensorContext(64);
    for (Family.WeightSpec spec : model.family().layerWeights(config)) {
      Tensor value = persistent.newTensor(GgmlType.F32, spec.inputs(), spec.outputs());
      weights.put(spec.name(), Weight.frozen(spec.name(), value));
    }
    finalNorm = persistent.newTensor(GgmlType.F32, config.width());
    Tensor ropeFactors =
        model
            .file()
            .tensor(ModelFile.ROPE_FACTORS)
            .map(info -> persistent.newTensor(GgmlType.F32, info.rowLength()))
            .orElse(null);
    states = persistent.newTensor(GgmlType.F32, config.width(), tokens);
    outputs = persistent.newTensor(GgmlType.F32, config.width(), tokens);
    counted = persistent.newTensor(GgmlType.F32, 1, tokens);
    Map<List<String>, Tensor> sums = new LinkedHashMap<>();
    for (List<String> matrices : sharedInputs(ropeFactors)) {
      long length = weights.get(matrices.getFirst()).value().dimension(0);
      sums.put(matrices, persistent.newTensor(GgmlType.F32, length, length));
    }
    Tensor headSums = persistent.newTensor(GgmlType.F32, config.width(), config.width());
    persistent.allocate(backend);
    decode(ModelFile.OUTPUT_NORM, finalNorm);
    if (ropeFactors != null) {
      decode(ModelFile.ROPE_FACTORS, ropeFactors);
    }

    allocator = new GraphAllocator(backend);
    List<Graph> graphs = new ArrayList<>();
    TensorContext context = newContext();
    Tensor result = layer(context, new ObservedKernels(kernels()), ropeFactors);
    context.alias(result, outputs);
    forward = new Graph(context, "a layer's forward pass", NODES).expand(result);
    graphs.add(forward);
    sums.forEach((matrices, sum) -> {
      TensorContext own = newContext();
      ObservedKernels observed = new ObservedKernels(kernels());
      layer(own, observed, ropeFactors);
      Tensor x = observed.inputs().get(matrices.getFirst());
      products.add(products(own, matrices, x, sum));
      graphs.add(products.getLast().graph);
    });
    TensorContext head = newContext();
    Operations ops = new Operations(head);
    Tensor normed = ops.multiply(ops.rmsNorm(states, config.epsilon()), finalNorm);
    headProducts = products(head, List.of(model.headName()), normed, headSums);
    graphs.add(headProducts.graph);
    graphs.forEach(allocator::reserve);
    graphs.forEach(allocator::allocate);
  }

  /// The matrices of a layer in the order of the pass, those together that have the same inputs.
  private List<List<String>> sharedInputs(Tensor ropeFactors) {
    try (TensorContext context = new TensorContext(NODES)) {
      ObservedKernels observed = new ObservedKernels(kernels());
      layer(context, observed, ropeFactors);
      Map<Tensor, List<String>> byInput = new IdentityHashMap<>();
      List<List<String>> shared = new ArrayList<>();
      observed
          .inputs()
          .forEach((matrix, x) ->
              byInput
                  .computeIfAbsent(
                      x,
                      first -> {
                        shared.add(new ArrayList<>());
                        return shared.getLast();
                      })
                  .add(matrix));
      return shared;
    }
  }

  private Kernels kernels() {
    return Kernels.of(backend);
  }

  private TensorContext newContext() {
    contexts.add(new TensorContext(NODES));
    return contexts.getLast();
  }

  private Tensor layer(TensorContext context, ObservedKernels kernels, Tensor ropeFactors) {
    Operations ops = new Operations(context);
    // Products of BF16 factors are the fast ones.
    Map<String, Weight> rounded = new HashMap<>();
    weights.forEach((name, weight) -> {
      Tensor value = weight.value();
      rounded.put(
          name,
          value.dimension(1) == 1 ? weight : Weight.frozen(name, ops.cast(value, GgmlType.BF16)));
    });
    Tape tape = new Tape(ops, kernels);
    Positions positions = Positions.of(inputs, model.config(), model.family(), ropeFactors);
    Variable x = tape.input(states, false);
    return model.family().layer(tape, model.config(), rounded, x, positions).tensor();
  }

  private InputProducts products(
      TensorContext context, List<String> matrices, Tensor x, Tensor sums) {
    Operations ops = new Operations(context);
    Tensor sum = kernels().addOuterProducts(ops, sums, ops.multiply(x.asOutput(), counted));
    Graph graph = new Graph(context, "the products of a layer's inputs", NODES).expand(sum);
    return new InputProducts(List.copyOf(matrices), x, sums, graph);
  }

  private void decode(String name, Tensor target) {
    TensorInfo info = model.file().require(name);
    BlockCodec.of(info.type()).decode(model.file().data(info), target.host(), info.elements());
  }

  /// Takes the weights of a layer from the model.
  public void load(int layer) {
    weights.forEach((name, weight) -> {
      String full = "blk." + layer + "." + name;
      decode(full, weight.value());
      model.file().release(model.file().require(full));
    });
  }

  /// A weight of the layer by its name without the `blk.N.` in front, F32, [inputs, outputs].
  public Tensor weight(String name) {
    return weights.get(name).value();
  }

  /// What goes into the layer, [width, tokens] F32.
  public Tensor states() {
    return states;
  }

  /// What comes out of it after [#forward], [width, tokens] F32.
  public Tensor outputs() {
    return outputs;
  }

  /// What the inputs of each token are multiplied with before they go into sums: the root of what
  /// the token counts, [1, tokens] F32.
  public Tensor counted() {
    return counted;
  }

  /// The inputs of the layer's matrices, in the order of the pass: those of later ones depend on
  /// the weights of earlier ones.
  public List<InputProducts> products() {
    return List.copyOf(products);
  }

  /// The inputs of the model's head, where [#states] are those behind the last layer.
  public InputProducts headProducts() {
    return headProducts;
  }

  /// Runs the layer over the micro-batch in the inputs.
  public void forward() {
    backend.compute(forward);
  }

  @Override
  public void close() {
    allocator.close();
    contexts.forEach(TensorContext::close);
    persistent.close();
  }
}
