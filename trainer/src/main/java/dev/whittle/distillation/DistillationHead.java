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
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// The student's final norm, the heads of student and teacher, the loss, and its backward pass,
/// over chunks of tokens: the logits of a chunk are all that is ever held.
///
/// Only tokens that carry loss are computed at all.
public final class DistillationHead implements AutoCloseable {
  private static final int NODES = 256;

  /// The logits of a chunk have about so many elements: 64 MiB on a CPU, 2 GiB on a GPU.
  private static final int HOST_CHUNK = 1 << 24;

  private static final int DEVICE_CHUNK = 1 << 29;

  /// A chunk is a multiple of so many tokens: kernels for products are several times slower where
  /// rows do not begin at whole vectors.
  private static final int CHUNK_STEP = 64;

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
  private final Loss loss;

  /// Builds the graph.
  ///
  /// @param teacher null if the mix is cross-entropy alone
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
    spare = Math.toIntExact(student.hidden().dimension(1) - 1);
    vocabulary = Math.toIntExact(student.head().value().dimension(1));
    int elements = backend.isHost() ? HOST_CHUNK : DEVICE_CHUNK;
    chunk = Math.min(spare, (elements / vocabulary / CHUNK_STEP + 1) * CHUNK_STEP);

    indices = leaves.newTensor(GgmlType.I32, chunk);
    targets = leaves.newTensor(GgmlType.I32, chunk);
    weights = leaves.newTensor(GgmlType.F32, 1, chunk);
    Tensor ones = leaves.newTensor(GgmlType.F32, 1, chunk);
    leaves.allocate(backend);
    float[] one = new float[chunk];
    Arrays.fill(one, 1f);
    ones.write(one);

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
    /// @return the losses of the chunk's tokens
    float[] run();

    List<Graph> graphs();

    long bytes();

    @Override
    void close();
  }

  /// Everything in one graph, with the loss composed of ggml's operations.
  private final class GraphLoss implements Loss {
    private final Graph graph = new Graph(context, "the head and its loss", NODES);
    private final Tensor losses;

    GraphLoss(
        Tape tape,
        Variable x,
        Variable logits,
        @Nullable Tensor target,
        Tensor ones,
        LossMix mix,
        double confidence) {
      Operations ops = tape.operations();
      LossGraph.Nodes nodes =
          LossGraph.build(ops, mix, confidence, logits.tensor(), target, targets, weights);
      losses = nodes.losses().asOutput();
      Gradients result = tape.differentiate(logits, nodes.gradient(), ops, ones);
      graph.expand(losses);
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
      return losses.readFloats();
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
    private final CudaKernels.LossTerms terms;
    private final TensorContext backContext = new TensorContext(NODES);
    private final GraphAllocator backAllocator = new GraphAllocator(backend);
    private final TensorContext results = new TensorContext(1);
    private final Graph forward = new Graph(context, "the heads", NODES);
    private final Graph backward = new Graph(backContext, "the head's backward pass", NODES);
    private final Tensor student;
    private final @Nullable Tensor teacher;
    private final Tensor losses;

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
      terms =
          new CudaKernels.LossTerms(
              (float) mix.forwardKl(confidence),
              (float) mix.reverseKl(confidence),
              (float) mix.weight(Objective.JSD),
              (float) mix.weight(Objective.CE),
              (float) mix.temperature());
      losses = results.newTensor(GgmlType.F32, 1, chunk);
      results.allocate(backend);
      student = logits.tensor().asOutput();
      teacher = target == null ? null : target.asOutput();
      forward.expand(student);
      if (teacher != null) {
        forward.expand(teacher);
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

    @Override
    public int target(int place, int next) {
      return next;
    }

    @Override
    public float[] run() {
      backend.compute(forward);
      cuda.lossAndGradient(student, teacher, targets, weights, losses, terms);
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

  /// Computes the loss of the tokens with a weight above zero, adds to the gradients of the
  /// weights, and writes the gradient at their hidden states; the other columns must be zero
  /// before.
  ///
  /// @return the sum of the losses, each times its weight
  /// @param next the token that follows each one, at most `vocabulary - 1`
  /// @param tokenWeights the weight of each token's loss
  public double run(int[] next, float[] tokenWeights) {
    int[] chosen = new int[chunk];
    int[] places = new int[chunk];
    float[] chunkWeights = new float[chunk];
    double sum = 0;
    int filled = 0;
    for (int t = 0; t < tokenWeights.length; t++) {
      if (tokenWeights[t] > 0) {
        chosen[filled] = t;
        places[filled] = loss.target(filled, next[t]);
        chunkWeights[filled] = tokenWeights[t];
        filled++;
      }
      if (filled == chunk || (filled > 0 && t == tokenWeights.length - 1)) {
        // The rest of an incomplete chunk reads and writes the spare column, with weight 0.
        for (int i = filled; i < chunk; i++) {
          chosen[i] = spare;
          places[i] = loss.target(i, 0);
          chunkWeights[i] = 0;
        }
        sum += runChunk(chosen, places, chunkWeights);
        filled = 0;
      }
    }
    return sum;
  }

  private double runChunk(int[] chosen, int[] places, float[] chunkWeights) {
    indices.write(chosen);
    targets.write(places);
    weights.write(chunkWeights);
    float[] losses = loss.run();
    double sum = 0;
    for (int i = 0; i < chunk; i++) {
      if (chunkWeights[i] > 0) {
        sum += (double) chunkWeights[i] * losses[i];
      }
    }
    return sum;
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
