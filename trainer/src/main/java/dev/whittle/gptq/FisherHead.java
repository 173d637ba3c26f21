package dev.whittle.gptq;

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
import dev.whittle.model.FrozenWeights;
import dev.whittle.model.LogitChunk;
import dev.whittle.model.ModelFile;
import dev.whittle.model.Trunk;
import java.util.Arrays;
import java.util.Random;

/// A model's final norm and head, with a random gradient at the logits whose products have the mean
/// of the Fisher information: for the distribution q = softmax(logits / τ) of a token,
///
/// g = √q ∘ ε − q (√q · ε) with random signs ε, so that E[g gᵀ] = diag(q) − q qᵀ.
///
/// To second order, a small change d of the logits has the divergence KL ≈ ½ dᵀ (diag(q) − q qᵀ) d.
/// A gradient of the same mean is that of a label drawn from q (the Monte-Carlo Fisher of K-FAC,
/// Martens and Grosse 2015, <https://arxiv.org/abs/1503.05671>); this one has less noise where q is
/// spread.
final class FisherHead implements AutoCloseable {
  private static final int NODES = 128;

  private final Backend backend;
  private final int spare;
  private final int chunk;
  private final TensorContext leaves = new TensorContext(8);
  private final TensorContext context = new TensorContext(NODES);
  private final GraphAllocator allocator;
  private final Graph graph;
  private final Tensor gradient;
  private final Tensor indices;
  private final Tensor counted;
  private final Tensor squares;

  /// Builds the graph.
  ///
  /// @param trunk the rest of the model, whose output gradient is written
  /// @param temperature τ
  /// @param seed of the signs
  FisherHead(
      Backend backend,
      ModelFile model,
      FrozenWeights weights,
      Trunk trunk,
      double temperature,
      long seed) {
    this.backend = backend;
    gradient = trunk.outputGradient();
    spare = Math.toIntExact(gradient.dimension(1) - 1);
    int vocabulary = model.config().vocabulary();
    chunk = LogitChunk.tokens(LogitChunk.HOST_ELEMENTS, vocabulary, spare);
    indices = leaves.newTensor(GgmlType.I32, chunk);
    counted = leaves.newTensor(GgmlType.F32, 1, chunk);
    Tensor signs = leaves.newTensor(GgmlType.F32, vocabulary, chunk);
    Tensor ones = leaves.newTensor(GgmlType.F32, 1, chunk);
    leaves.allocate(backend);
    signs.write(signs(vocabulary * chunk, new Random(seed)));
    ones.fill(1);

    Operations ops = new Operations(context);
    Kernels kernels = Kernels.of(backend);
    Tape tape = new Tape(ops, kernels);
    Variable x = tape.input(trunk.output(), true);
    Weight head = weights.weight(model.headName()).differentiable(ops, kernels);
    Variable normed =
        tape.rmsNorm(
            tape.rows(x, indices, gradient),
            weights.weight(ModelFile.OUTPUT_NORM),
            model.config().epsilon());
    Variable logits = tape.linear(head, normed);
    // softmax(z / 2τ) is √q up to its length, and √q has the length 1.
    Tensor direction = ops.softmax(logits.tensor(), null, (float) (0.5 / temperature));
    Tensor root = ops.scale(ops.rmsNorm(direction, 0), (float) (1 / Math.sqrt(vocabulary)));
    Tensor drawn = ops.multiply(root, signs);
    Tensor centre = ops.multiply(ops.multiply(root, root), ops.sumRows(drawn));
    Tensor atLogits = ops.multiply(ops.subtract(drawn, centre), counted);
    squares = ops.sumRows(ops.multiply(atLogits, atLogits)).asOutput();
    Gradients result = tape.differentiate(logits, atLogits, ops, ones);
    graph = new Graph(context, "the head's Fisher information", NODES);
    graph.expand(squares).expand(result.at(x));
    allocator = new GraphAllocator(backend);
    allocator.reserve(graph);
    allocator.allocate(graph);
  }

  private static float[] signs(int count, Random random) {
    float[] signs = new float[count];
    for (int i = 0; i < count; i++) {
      signs[i] = random.nextBoolean() ? 1 : -1;
    }
    return signs;
  }

  /// Writes the gradient at the states of some tokens, and zeros at those of the others.
  ///
  /// @param places of these tokens
  /// @return `‖g‖²` by place; 0 for the others
  float[] run(int[] places) {
    gradient.clear();
    float[] norms = new float[spare];
    for (int first = 0; first < places.length; first += chunk) {
      int filled = Math.min(chunk, places.length - first);
      int[] chosen = new int[chunk];
      float[] count = new float[chunk];
      // The rest of an incomplete chunk reads and writes the spare column.
      Arrays.fill(chosen, filled, chunk, spare);
      System.arraycopy(places, first, chosen, 0, filled);
      Arrays.fill(count, 0, filled, 1f);
      indices.write(chosen);
      counted.write(count);
      backend.compute(graph);
      float[] found = squares.readFloats();
      for (int i = 0; i < filled; i++) {
        norms[chosen[i]] = found[i];
      }
    }
    return norms;
  }

  @Override
  public void close() {
    allocator.close();
    context.close();
    leaves.close();
  }
}
