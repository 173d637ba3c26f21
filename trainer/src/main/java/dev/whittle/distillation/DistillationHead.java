package dev.whittle.distillation;

import dev.whittle.autograd.Gradients;
import dev.whittle.autograd.Kernels;
import dev.whittle.autograd.Tape;
import dev.whittle.autograd.Variable;
import dev.whittle.autograd.Weight;
import dev.whittle.ggml.Backend;
import dev.whittle.ggml.CudaKernels;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Graph;
import dev.whittle.ggml.GraphAllocator;
import dev.whittle.ggml.Operations;
import dev.whittle.ggml.Tensor;
import dev.whittle.ggml.TensorContext;
import dev.whittle.model.LogitChunk;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// The student's final norm, the heads of student and teacher, the loss, and its backward pass,
/// over chunks of tokens: the logits of a chunk are all that is ever held.
///
/// Only tokens that carry loss are computed at all.
public final class DistillationHead implements AutoCloseable {
  private static final int NODES = 256;

  /// The logits of a chunk on a GPU have about so many elements: 2 GiB.
  private static final int DEVICE_ELEMENTS = 1 << 29;

  /// The student's last two weights and its hidden states before them.
  ///
  /// @param hidden [width, tokens + 1] F32
  public record Student(Weight norm, Weight head, float epsilon, Tensor hidden) {}

  /// The teacher's head and its hidden states behind the final norm.
  ///
  /// @param states [width, tokens + 1] of any plain type
  public record Teacher(Weight head, Tensor states) {}

  private final Backend backend;
  private final int spare;
  private final int chunk;
  private final int vocabulary;
  private final TensorContext context = new TensorContext(NODES);
  private final TensorContext leaves = new TensorContext(8);
  private final GraphAllocator allocator;
  private final Tensor indices;
  private final Tensor targets;
  private final Tensor weights;
  private final boolean weighsTokens;
  private final Loss loss;

  /// Builds the graph.
  ///
  /// @param teacher null if the mix is cross-entropy alone
  /// @param mix whatever has a weight here can have another one later ([#use])
  /// @param gradient where the gradient at the student's hidden states goes, [width, tokens + 1]
  /// @param confidence γ of the confidence-aware term
  public DistillationHead(
      Backend backend,
      Student student,
      @Nullable Teacher teacher,
      Tensor gradient,
      LossMix mix,
      double confidence) {
    this.backend = backend;
    weighsTokens = mix.tokenWeights() != TokenWeights.UNIFORM;
    spare = Math.toIntExact(student.hidden().dimension(1) - 1);
    vocabulary = Math.toIntExact(student.head().value().dimension(1));
    int elements = backend.isHost() ? LogitChunk.HOST_ELEMENTS : DEVICE_ELEMENTS;
    chunk = LogitChunk.tokens(elements, vocabulary, spare);

    indices = leaves.newTensor(GgmlType.I32, chunk);
    targets = leaves.newTensor(GgmlType.I32, chunk);
    weights = leaves.newTensor(GgmlType.F32, 1, chunk);
    Tensor ones = leaves.newTensor(GgmlType.F32, 1, chunk);
    leaves.allocate(backend);
    ones.fill(1);

    allocator = new GraphAllocator(backend);
    Operations ops = new Operations(context);
    Kernels kernels = Kernels.of(backend);
    Tape tape = new Tape(ops, kernels);
    Variable x = tape.input(student.hidden(), true);
    Variable normed =
        tape.rmsNorm(tape.rows(x, indices, gradient), student.norm(), student.epsilon());
    Variable logits = tape.linear(student.head(), normed);
    Tensor target = null;
    if (teacher != null) {
      Tensor states = ops.rows(teacher.states(), indices);
      target = tape.linear(teacher.head(), new Variable(states, false)).tensor();
    }
    Optional<CudaKernels> cuda = CudaKernels.on(backend);
    loss =
        cuda.isPresent()
            ? new KernelLoss(cuda.get(), tape, x, logits, target, ones, mix, confidence)
            : new GraphLoss(tape, x, logits, target, ones, mix, confidence);
  }

  /// The loss of a chunk and its backward pass.
  private sealed interface Loss extends AutoCloseable {
    /// What a target is counted by: token · vocabulary + the token that follows, or the latter
    /// alone.
    int target(int place, int next);

    /// Runs forward pass, loss and backward pass for what the leaves hold.
    ///
    /// @return the losses of the chunk's tokens, unweighted
    float[] run();

    /// The weights of the chunk's tokens in the last run.
    Tensor weights();

    /// Gives the terms other weights.
    void use(LossMix mix);

    List<Graph> graphs();

    long bytes();

    @Override
    void close();
  }

  /// Everything in one graph, with the loss composed of ggml's operations.
  private final class GraphLoss implements Loss {
    private final Graph graph = new Graph(context, "the head and its loss", NODES);
    private final LossGraph terms;

    GraphLoss(
        Tape tape,
        Variable x,
        Variable logits,
        @Nullable Tensor target,
        Tensor ones,
        LossMix mix,
        double confidence) {
      Operations ops = tape.operations();
      terms = new LossGraph(ops, mix, confidence, logits.tensor(), target, targets, weights);
      Gradients result = tape.differentiate(logits, terms.gradient(), ops, ones);
      graph.expand(terms.losses().asOutput());
      if (weighsTokens) {
        graph.expand(terms.weights().asOutput());
      }
      result.accumulations().forEach(graph::expand);
      graph.expand(result.at(x));
      allocator.reserve(graph);
      allocator.allocate(graph);
    }

    @Override
    public int target(int place, int next) {
      return place * vocabulary + next;
    }

    @Override
    public float[] run() {
      backend.compute(graph);
      return terms.losses().readFloats();
    }

    @Override
    public Tensor weights() {
      return terms.weights();
    }

    @Override
    public void use(LossMix mix) {
      terms.use(mix);
    }

    @Override
    public List<Graph> graphs() {
      return List.of(graph);
    }

    @Override
    public long bytes() {
      return allocator.bytes();
    }

    @Override
    public void close() {
      // Its tensors are the head's.
    }
  }

  /// The loss by a kernel of its own, between a graph that ends with the logits and one that begins
  /// with the gradient there: it reads and writes the logits a fifth as often.
  private final class KernelLoss implements Loss {
    private final CudaKernels cuda;
    private final double confidence;
    private final TensorContext backContext = new TensorContext(NODES);
    private final GraphAllocator backAllocator = new GraphAllocator(backend);
    private final TensorContext results = new TensorContext(1);
    private final Graph forward = new Graph(context, "the heads", NODES);
    private final Graph backward = new Graph(backContext, "the head's backward pass", NODES);
    private final Tensor student;
    private final @Nullable Tensor teacher;
    private final Tensor counts;
    private final Tensor losses;
    private CudaKernels.LossTerms terms;

    KernelLoss(
        CudaKernels cuda,
        Tape tape,
        Variable x,
        Variable logits,
        @Nullable Tensor target,
        Tensor ones,
        LossMix mix,
        double confidence) {
      this.cuda = cuda;
      this.confidence = confidence;
      terms = terms(mix, confidence);
      losses = results.newTensor(GgmlType.F32, 1, chunk);
      results.allocate(backend);
      student = logits.tensor().asOutput();
      teacher = target == null ? null : target.asOutput();
      forward.expand(student);
      if (teacher != null) {
        forward.expand(teacher);
      }
      counts = teacher == null ? weights : counts(tape.operations(), teacher, mix);
      if (counts != weights) {
        forward.expand(counts.asOutput());
      }
      tape.savedTensors().forEach(saved -> forward.expand(saved.asOutput()));
      allocator.reserve(forward);
      allocator.allocate(forward);
      Tensor seed = backContext.newTensor(GgmlType.F32, vocabulary, chunk);
      backContext.alias(seed, student);
      Gradients result = tape.differentiate(logits, seed, new Operations(backContext), ones);
      result.accumulations().forEach(backward::expand);
      backward.expand(result.at(x));
      backAllocator.reserve(backward);
      backAllocator.allocate(backward);
    }

    private Tensor counts(Operations ops, Tensor teacher, LossMix mix) {
      // The nodes of weights that are all the same would never run.
      return mix.tokenWeights() == TokenWeights.UNIFORM
          ? weights
          : mix.tokenWeights()
              .build(ops, ops.softmax(teacher, null, (float) (1 / mix.temperature())), weights);
    }

    private static CudaKernels.LossTerms terms(LossMix mix, double confidence) {
      return new CudaKernels.LossTerms(
          (float) mix.forwardKl(confidence),
          (float) mix.reverseKl(confidence),
          (float) mix.weight(Objective.JSD),
          (float) mix.weight(Objective.CE),
          (float) mix.temperature());
    }

    @Override
    public Tensor weights() {
      return counts;
    }

    @Override
    public void use(LossMix mix) {
      terms = terms(mix, confidence);
    }

    @Override
    public int target(int place, int next) {
      return next;
    }

    @Override
    public float[] run() {
      backend.compute(forward);
      cuda.lossAndGradient(student, teacher, targets, counts, losses, terms);
      cuda.synchronize();
      backend.compute(backward);
      return losses.readFloats();
    }

    @Override
    public List<Graph> graphs() {
      return List.of(forward, backward);
    }

    @Override
    public long bytes() {
      return allocator.bytes() + backAllocator.bytes();
    }

    @Override
    public void close() {
      backAllocator.close();
      backContext.close();
      results.close();
      cuda.close();
    }
  }

  /// Gives the terms the weights of another mix, which has none that the head's own has not.
  void use(LossMix mix) {
    loss.use(mix);
  }

  /// What a pass over tokens found.
  ///
  /// @param loss the sum of the losses, each times its weight
  /// @param plain the same by the given weights, whatever [LossMix#tokenWeights] makes of them
  /// @param weights the weight of each token
  public record Result(double loss, double plain, float[] weights) {
    /// The weights of all tokens together.
    double totalWeight() {
      double sum = 0;
      for (float weight : weights) {
        sum += weight;
      }
      return sum;
    }
  }

  /// Computes the loss of the tokens with a weight above zero, adds to the gradients of the
  /// weights, and writes the gradient at their hidden states; the other columns must be zero
  /// before.
  ///
  /// @param next the token that follows each one, at most `vocabulary - 1`
  /// @param given the weight of each token's loss, beside [LossMix#tokenWeights]
  public Result run(int[] next, float[] given) {
    int[] chosen = new int[chunk];
    int[] places = new int[chunk];
    float[] chunkWeights = new float[chunk];
    float[] counts = weighsTokens ? new float[given.length] : given;
    double sum = 0;
    double plain = 0;
    int filled = 0;
    for (int t = 0; t < given.length; t++) {
      if (given[t] > 0) {
        chosen[filled] = t;
        places[filled] = loss.target(filled, next[t]);
        chunkWeights[filled] = given[t];
        filled++;
      }
      if (filled == chunk || (filled > 0 && t == given.length - 1)) {
        // The rest of an incomplete chunk reads and writes the spare column, with weight 0.
        for (int i = filled; i < chunk; i++) {
          chosen[i] = spare;
          places[i] = loss.target(i, 0);
          chunkWeights[i] = 0;
        }
        float[] losses = runChunk(chosen, places, chunkWeights);
        if (weighsTokens) {
          float[] found = loss.weights().readFloats();
          for (int i = 0; i < filled; i++) {
            counts[chosen[i]] = found[i];
          }
        }
        for (int i = 0; i < filled; i++) {
          sum += (double) counts[chosen[i]] * losses[i];
          plain += (double) chunkWeights[i] * losses[i];
        }
        filled = 0;
      }
    }
    return new Result(sum, plain, counts);
  }

  /// @return the losses of the tokens, unweighted
  private float[] runChunk(int[] chosen, int[] places, float[] chunkWeights) {
    indices.write(chosen);
    targets.write(places);
    weights.write(chunkWeights);
    return loss.run();
  }

  /// All that the head computes by graphs.
  List<Graph> graphs() {
    return loss.graphs();
  }

  /// The bytes of the chunk's logits and what is computed from them.
  public long bytes() {
    return loss.bytes();
  }

  @Override
  public void close() {
    loss.close();
    allocator.close();
    context.close();
    leaves.close();
  }
}
