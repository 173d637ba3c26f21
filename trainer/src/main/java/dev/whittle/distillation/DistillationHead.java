package dev.whittle.distillation;

import dev.whittle.autograd.Gradients;
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
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// The final norm and the head of student and teacher, the loss, and their backward pass, over
/// chunks of tokens: the logits of a chunk are all that is ever held.
///
/// Only tokens that carry loss are computed at all.
public final class DistillationHead implements AutoCloseable {
  private static final int NODES = 256;

  /// The logits of a chunk have at most so many elements.
  private static final int CHUNK_ELEMENTS = 1 << 24;

  /// A model's last two weights and its hidden states before them.
  ///
  /// @param hidden [width, tokens + 1] F32
  public record Side(Weight norm, Weight head, float epsilon, Tensor hidden) {}

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
  private final LossGraph.Nodes nodes;
  private final Graph graph;

  /// Builds the graph.
  ///
  /// @param teacher null if the mix is cross-entropy alone
  /// @param gradient where the gradient at the student's hidden states goes, [width, tokens + 1]
  /// @param confidence γ of the confidence-aware term
  public DistillationHead(
      Backend backend,
      Side student,
      @Nullable Side teacher,
      Tensor gradient,
      LossMix mix,
      double confidence) {
    this.backend = backend;
    spare = Math.toIntExact(student.hidden().dimension(1) - 1);
    vocabulary = Math.toIntExact(student.head().value().dimension(1));
    chunk = Math.max(1, Math.min(spare, CHUNK_ELEMENTS / vocabulary));

    indices = leaves.newTensor(GgmlType.I32, chunk);
    targets = leaves.newTensor(GgmlType.I32, chunk);
    weights = leaves.newTensor(GgmlType.F32, 1, chunk);
    Tensor ones = leaves.newTensor(GgmlType.F32, 1, chunk);
    leaves.allocate(backend);
    float[] one = new float[chunk];
    Arrays.fill(one, 1f);
    ones.write(one);

    Operations ops = new Operations(context);
    Tape tape = new Tape(ops);
    Variable x = tape.input(student.hidden(), true);
    Variable logits = logits(tape, student, tape.rows(x, indices, gradient));
    Tensor target = null;
    if (teacher != null) {
      Tape frozen = new Tape(ops);
      Variable h = new Variable(ops.rows(teacher.hidden(), indices), false);
      target = logits(frozen, teacher, h).tensor();
    }
    nodes = LossGraph.build(ops, mix, confidence, logits.tensor(), target, targets, weights);
    nodes.losses().asOutput();
    Gradients result = tape.differentiate(logits, nodes.gradient(), ops, ones);
    graph = new Graph(context, "the head and its loss", NODES);
    graph.expand(nodes.losses());
    result.accumulations().forEach(graph::expand);
    graph.expand(result.at(x));
    allocator = new GraphAllocator(backend);
    allocator.reserve(graph);
    allocator.allocate(graph);
  }

  private static Variable logits(Tape tape, Side side, Variable hidden) {
    return tape.linear(side.head(), tape.rmsNorm(hidden, side.norm(), side.epsilon()));
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
    double loss = 0;
    int filled = 0;
    for (int t = 0; t < tokenWeights.length; t++) {
      if (tokenWeights[t] > 0) {
        chosen[filled] = t;
        places[filled] = filled * vocabulary + next[t];
        chunkWeights[filled] = tokenWeights[t];
        filled++;
      }
      if (filled == chunk || (filled > 0 && t == tokenWeights.length - 1)) {
        // The rest of an incomplete chunk reads and writes the spare column, with weight 0.
        for (int i = filled; i < chunk; i++) {
          chosen[i] = spare;
          places[i] = i * vocabulary;
          chunkWeights[i] = 0;
        }
        loss += runChunk(chosen, places, chunkWeights);
        filled = 0;
      }
    }
    return loss;
  }

  private double runChunk(int[] chosen, int[] places, float[] chunkWeights) {
    indices.write(chosen);
    targets.write(places);
    weights.write(chunkWeights);
    backend.compute(graph);
    float[] losses = nodes.losses().readFloats();
    double sum = 0;
    for (int i = 0; i < chunk; i++) {
      if (chunkWeights[i] > 0) {
        sum += (double) chunkWeights[i] * losses[i];
      }
    }
    return sum;
  }

  /// The bytes of the chunk's logits and what is computed from them.
  public long bytes() {
    return allocator.bytes();
  }

  @Override
  public void close() {
    allocator.close();
    context.close();
    leaves.close();
  }
}
