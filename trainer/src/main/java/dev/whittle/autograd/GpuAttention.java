package dev.whittle.autograd;

import dev.whittle.ggml.CudaOperations;
import dev.whittle.ggml.Operations;
import dev.whittle.ggml.Tensor;
import org.jspecify.annotations.Nullable;

/// The attention of [Attention] as it suits a GPU: products read F32 (cuBLAS multiplies it as
/// TF32), from views where they can, so that the large matrices of probabilities are never copied.
///
/// With S tokens a row, R rows, H heads, K key-value heads and G = H / K. Where a product sums over
/// a group, its heads lie one behind the other: [head, S, H, R] is [head, S·G, K·R].
final class GpuAttention implements AttentionNodes {
  private final Variable q;
  private final Variable k;
  private final Variable v;
  private final float scale;
  private final Shape shape;
  private final Tape.Saved queries;
  private final Tape.Saved keys;
  private final Tape.Saved values;
  private final Tape.Saved probabilities;
  private final Tensor result;

  /// The extents of the pass: head size, query heads, key-value heads, tokens a row, rows.
  private record Shape(long head, long heads, long keyValueHeads, long length, long rows) {
    long group() {
      return heads / keyValueHeads;
    }
  }

  /// Builds the forward nodes.
  GpuAttention(
      Tape tape,
      @Nullable CudaOperations cuda,
      Variable q,
      Variable k,
      Variable v,
      AttentionMask mask,
      float scale) {
    this.q = q;
    this.k = k;
    this.v = v;
    this.scale = scale;
    shape =
        new Shape(
            q.tensor().dimension(0),
            q.tensor().dimension(1),
            k.tensor().dimension(1),
            mask.starts().dimension(0),
            mask.starts().dimension(1));
    Operations ops = tape.operations();
    Tensor heads = copy(ops, headsOutside(ops, q.tensor(), shape.heads()));
    Tensor scores =
        ops.multiplyMatrices(headsOutside(ops, k.tensor(), shape.keyValueHeads()), heads);
    Tensor p =
        cuda == null
            ? ops.softmax(scores, mask.scores(), scale)
            : cuda.causalSoftmax(ops, scores, mask.starts(), scale);
    Tensor mixed = ops.multiplyMatrices(tokensFirst(ops, v.tensor()), p);
    result =
        ops.reshape(
            tokensOutside(ops, mixed, shape.heads()),
            shape.head() * shape.heads(),
            shape.length() * shape.rows());
    queries = tape.save(heads);
    keys = tape.save(k.tensor());
    values = tape.save(v.tensor());
    probabilities = tape.save(p);
  }

  @Override
  public Tensor result() {
    return result;
  }

  /// With O = P·V and P = softmax(scale · Q·Kᵀ): dV = Pᵀ·dO, dP = dO·Vᵀ, dS = softmax'(dP), dQ =
  /// dS·K, dK = dSᵀ·Q.
  @Override
  public void differentiate(Tensor gradient, Gradients gradients) {
    Operations ops = gradients.operations();
    Tensor p = probabilities.in(gradients);
    Tensor out =
        copy(
            ops,
            headsOutside(
                ops,
                ops.reshape(gradient, shape.head(), shape.heads(), shape.length() * shape.rows()),
                shape.heads()));
    Tensor dValues = ops.outerProduct(grouped(ops, out, shape.head()), columns(ops, p));
    gradients.add(v, tokensOutside(ops, heads(ops, dValues), shape.keyValueHeads()));
    Tensor dProbabilities =
        ops.multiplyMatrices(headsOutside(ops, values.in(gradients), shape.keyValueHeads()), out);
    Tensor dScores = ops.softmaxBackInPlace(dProbabilities, p, scale);
    Tensor dQueries = ops.multiplyMatrices(tokensFirst(ops, keys.in(gradients)), dScores);
    gradients.add(q, tokensOutside(ops, dQueries, shape.heads()));
    Tensor dKeys =
        ops.outerProduct(grouped(ops, queries.in(gradients), shape.head()), columns(ops, dScores));
    gradients.add(k, tokensOutside(ops, heads(ops, dKeys), shape.keyValueHeads()));
  }

  /// A contiguous copy of a view whose rows are contiguous. As a repetition, once each way, whose
  /// kernel moves memory several times as fast as that of `ggml_cont`.
  private static Tensor copy(Operations ops, Tensor view) {
    return ops.repeat(
        view, view.dimension(0), view.dimension(1), view.dimension(2), view.dimension(3));
  }

  /// [head, n, S·R] as a view [head, S, n, R].
  private Tensor headsOutside(Operations ops, Tensor x, long n) {
    return ops.permute(ops.reshape(x, shape.head(), n, shape.length(), shape.rows()), 0, 2, 1, 3);
  }

  /// [n, S, H, R] as [n, S·G, K·R].
  private Tensor grouped(Operations ops, Tensor x, long n) {
    return ops.reshape(x, n, shape.length() * shape.group(), shape.keyValueHeads() * shape.rows());
  }

  /// [S, S, H, R] as [S, S·G, K·R].
  private Tensor columns(Operations ops, Tensor x) {
    return grouped(ops, x, shape.length());
  }

  /// [head, S, K·R] as [head, S, K, R].
  private Tensor heads(Operations ops, Tensor x) {
    return ops.reshape(x, shape.head(), shape.length(), shape.keyValueHeads(), shape.rows());
  }

  /// [head, K, S·R] as a copy [S, head, K, R]. CUDA's tiled kernel wants three dimensions.
  private Tensor tokensFirst(Operations ops, Tensor x) {
    Tensor flat =
        ops.reshape(x, shape.head() * shape.keyValueHeads(), shape.length(), shape.rows());
    return ops.reshape(
        ops.contiguous(ops.transpose(flat)),
        shape.length(),
        shape.head(),
        shape.keyValueHeads(),
        shape.rows());
  }

  /// [head, S, n, R] as a copy [head, n, S·R].
  private Tensor tokensOutside(Operations ops, Tensor x, long n) {
    return ops.reshape(
        copy(ops, ops.permute(x, 0, 2, 1, 3)), shape.head(), n, shape.length() * shape.rows());
  }
}
