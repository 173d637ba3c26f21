package dev.whittle.reinforcement;

import dev.whittle.autograd.Gradients;
import dev.whittle.autograd.Kernels;
import dev.whittle.autograd.Tape;
import dev.whittle.autograd.Variable;
import dev.whittle.distillation.DistillationHead;
import dev.whittle.ggml.Backend;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Graph;
import dev.whittle.ggml.GraphAllocator;
import dev.whittle.ggml.Operations;
import dev.whittle.ggml.Tensor;
import dev.whittle.ggml.TensorContext;
import dev.whittle.model.LogitChunk;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// The policy's final norm and head, the loss of policy optimization, and its backward pass, over
/// chunks of tokens.
///
/// With temperature τ, policy q = softmax(student / τ) and reference p = softmax(reference / τ), a
/// token a with the advantage A, which had the probability q₀ when it was drawn, has the ratio r =
/// q(a) / q₀(a) and the loss
///
/// −min(r·A, clip(r)·A) + β·KL(q‖p)
///
/// (Schulman et al. 2017, arXiv 1707.06347). Its gradient at student / τ is A·r·(q − onehot(a)), or
/// 0 where the clipped ratio is the lesser, plus β·q·(ln(q / p) − KL(q‖p)). The divergence is that
/// of the whole distributions, not an estimate from the token that was drawn.
///
/// What A·r comes to is decided between two graphs: one that ends with the probabilities, and one
/// that begins with the gradient at the logits.
final class PolicyHead implements AutoCloseable {
  private static final int NODES = 256;

  /// Keeps logarithms finite.
  private static final float TINY = 1e-30f;

  /// What the head computes of the tokens that follow, by the places before them.
  ///
  /// @param logProbabilities of the tokens
  /// @param entropies of the distributions, in nats
  /// @param divergences KL(q‖p) of the distributions, in nats; 0 without a reference
  record Statistics(float[] logProbabilities, float[] entropies, float[] divergences) {
    Statistics(int places) {
      this(new float[places], new float[places], new float[places]);
    }
  }

  /// What the loss of a token is multiplied with.
  interface Weights {
    /// The factor of the gradient q − onehot: the token's weight times A·r, or 0 if clipped.
    float policy(int place, float logProbability);

    /// The factor of the divergence's gradient: the token's weight times β.
    float divergence(int place);
  }

  private final Backend backend;
  private final int spare;
  private final int chunk;
  private final int vocabulary;
  private final TensorContext leaves = new TensorContext(8);
  private final TensorContext forwardContext = new TensorContext(NODES);
  private final TensorContext backwardContext = new TensorContext(NODES);
  private final GraphAllocator forwardAllocator;
  private final GraphAllocator backwardAllocator;
  private final Tensor indices;
  private final Tensor targets;
  private final Tensor policyWeights;
  private final Tensor divergenceWeights;
  private final Graph forward = new Graph(forwardContext, "the policy's head", NODES);
  private final Graph backward =
      new Graph(backwardContext, "the backward pass of the policy's head", NODES);
  private final Tensor logProbabilities;
  private final Tensor entropies;
  private final @Nullable Tensor divergences;

  /// Builds the graphs.
  ///
  /// @param reference null for no divergence
  /// @param gradient where the gradient at the student's hidden states goes, [width, tokens + 1]
  PolicyHead(
      Backend backend,
      DistillationHead.Student student,
      DistillationHead.@Nullable Teacher reference,
      Tensor gradient,
      double temperature) {
    this.backend = backend;
    spare = Math.toIntExact(student.hidden().dimension(1) - 1);
    vocabulary = Math.toIntExact(student.head().value().dimension(1));
    chunk = LogitChunk.tokens(LogitChunk.HOST_ELEMENTS, vocabulary, spare);
    indices = leaves.newTensor(GgmlType.I32, chunk);
    targets = leaves.newTensor(GgmlType.I32, chunk);
    policyWeights = leaves.newTensor(GgmlType.F32, 1, chunk);
    divergenceWeights = leaves.newTensor(GgmlType.F32, 1, chunk);
    Tensor ones = leaves.newTensor(GgmlType.F32, 1, chunk);
    leaves.allocate(backend);
    ones.fill(1);

    float scale = (float) (1 / temperature);
    Operations ops = new Operations(forwardContext);
    Tape tape = new Tape(ops, Kernels.of(backend));
    Variable x = tape.input(student.hidden(), true);
    Variable normed =
        tape.rmsNorm(tape.rows(x, indices, gradient), student.norm(), student.epsilon());
    Variable logits = tape.linear(student.head(), normed);
    Tensor q = ops.softmax(logits.tensor(), null, scale).asOutput();
    Tensor logQ = logarithm(ops, q);
    Tensor chosen = ops.rows(ops.reshape(q, 1, (long) vocabulary * chunk), targets).asOutput();
    logProbabilities = logarithm(ops, chosen).asOutput();
    entropies = ops.scale(ops.sumRows(ops.multiply(q, logQ)), -1).asOutput();
    Tensor ratio = null;
    if (reference == null) {
      divergences = null;
    } else {
      Tensor states = ops.rows(reference.states(), indices);
      Tensor other = tape.linear(reference.head(), new Variable(states, false)).tensor();
      ratio = ops.subtract(logQ, logarithm(ops, ops.softmax(other, null, scale))).asOutput();
      divergences = ops.sumRows(ops.multiply(q, ratio)).asOutput();
    }
    forward.expand(logProbabilities).expand(entropies);
    if (divergences != null) {
      forward.expand(divergences);
    }
    tape.savedTensors().forEach(saved -> forward.expand(saved.asOutput()));
    forwardAllocator = new GraphAllocator(backend);
    forwardAllocator.reserve(forward);
    forwardAllocator.allocate(forward);

    Operations back = new Operations(backwardContext);
    Tensor seed = back.multiply(crossEntropyGradient(back, leaf(q), leaf(chosen)), policyWeights);
    if (ratio != null && divergences != null) {
      Tensor away = back.multiply(back.subtract(leaf(ratio), leaf(divergences)), leaf(q));
      seed = back.add(seed, back.multiply(away, divergenceWeights));
    }
    Gradients result = tape.differentiate(logits, back.scale(seed, scale), back, ones);
    result.accumulations().forEach(backward::expand);
    backward.expand(result.at(x));
    backwardAllocator = new GraphAllocator(backend);
    backwardAllocator.reserve(backward);
    backwardAllocator.allocate(backward);
  }

  private static Tensor logarithm(Operations ops, Tensor probabilities) {
    return ops.log(ops.scaleAndShift(probabilities, 1, TINY));
  }

  /// A result of the forward graph, for the other one to read.
  private Tensor leaf(Tensor tensor) {
    Tensor alias =
        backwardContext.newTensor(tensor.type(), tensor.dimension(0), tensor.dimension(1));
    backwardContext.alias(alias, tensor);
    return alias;
  }

  /// q − onehot, of which the one-hot vector is never made.
  private Tensor crossEntropyGradient(Operations ops, Tensor q, Tensor chosen) {
    long elements = (long) vocabulary * chunk;
    // A copy, because q is read by others, in no defined order.
    Tensor copy = ops.reshape(ops.contiguous(q), 1, elements);
    Tensor minusOne = ops.scaleAndShift(chosen, 1, -1);
    return ops.reshape(ops.setRows(copy, minusOne, targets), vocabulary, chunk);
  }

  /// Computes the statistics of some tokens.
  ///
  /// @param next the token that follows each place
  /// @param carries which places to compute
  void evaluate(int[] next, boolean[] carries, Statistics statistics) {
    run(next, carries, statistics, null);
  }

  /// Computes the statistics of some tokens, adds to the gradients of the weights, and writes the
  /// gradient at the hidden states; the other columns must be zero before.
  ///
  /// @param next the token that follows each place
  /// @param carries which places to compute
  /// @param weights null for the statistics alone
  void run(int[] next, boolean[] carries, Statistics statistics, @Nullable Weights weights) {
    int[] chosen = new int[chunk];
    int filled = 0;
    for (int place = 0; place < carries.length; place++) {
      if (carries[place]) {
        chosen[filled++] = place;
      }
      if (filled == chunk || (filled > 0 && place == carries.length - 1)) {
        runChunk(Arrays.copyOf(chosen, filled), next, statistics, weights);
        filled = 0;
      }
    }
  }

  private void runChunk(
      int[] places, int[] next, Statistics statistics, @Nullable Weights weights) {
    int[] columns = new int[chunk];
    int[] elements = new int[chunk];
    for (int i = 0; i < chunk; i++) {
      // The rest of an incomplete chunk reads and writes the spare column, with weight 0.
      boolean real = i < places.length;
      columns[i] = real ? places[i] : spare;
      elements[i] = i * vocabulary + (real ? next[places[i]] : 0);
    }
    indices.write(columns);
    targets.write(elements);
    backend.compute(forward);
    float[] logs = logProbabilities.readFloats();
    float[] entropy = entropies.readFloats();
    float[] kl = divergences == null ? new float[chunk] : divergences.readFloats();
    float[] policy = new float[chunk];
    float[] divergence = new float[chunk];
    for (int i = 0; i < places.length; i++) {
      int place = places[i];
      statistics.logProbabilities()[place] = logs[i];
      statistics.entropies()[place] = entropy[i];
      statistics.divergences()[place] = kl[i];
      if (weights != null) {
        policy[i] = weights.policy(place, logs[i]);
        divergence[i] = weights.divergence(place);
      }
    }
    if (weights != null) {
      policyWeights.write(policy);
      divergenceWeights.write(divergence);
      backend.compute(backward);
    }
  }

  /// The bytes of the chunk's logits and what is computed from them.
  long bytes() {
    return forwardAllocator.bytes() + backwardAllocator.bytes();
  }

  @Override
  public void close() {
    backwardAllocator.close();
    forwardAllocator.close();
    backwardContext.close();
    forwardContext.close();
    leaves.close();
  }
}
