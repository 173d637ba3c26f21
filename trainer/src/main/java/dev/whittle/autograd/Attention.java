package dev.whittle.autograd;

import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Operations;
import dev.whittle.ggml.Tensor;

/// Softmax attention with grouped key-value heads (Vaswani et al. 2017; Ainslie et al. 2023), over
/// rows of packed documents that a mask keeps apart.
///
/// With S tokens a row, R rows, H heads, K key-value heads and G = H / K, the heads of a group lie
/// one behind the other, so that [head, S, H, R] is also [head, S·G, K, R]. All products use the
/// latter: the sum over a group in the gradients of keys and values is then part of the product.
///
/// Keys, values and scores are multiplied as F16 in the forward pass, as llama.cpp does with its
/// F16 cache, and as BF16 in the backward pass.
final class Attention implements AttentionNodes {
  private final Variable q;
  private final Variable k;
  private final Variable v;
  private final float scale;
  private final Shape shape;
  private final Tape.Saved heads;
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
  Attention(Tape tape, Variable q, Variable k, Variable v, Tensor mask, float scale) {
    this.q = q;
    this.k = k;
    this.v = v;
    this.scale = scale;
    shape =
        new Shape(
            q.tensor().dimension(0),
            q.tensor().dimension(1),
            k.tensor().dimension(1),
            mask.dimension(0),
            mask.dimension(3));
    if (shape.heads() % shape.keyValueHeads() != 0
        || q.tensor().dimension(2) != shape.length() * shape.rows()) {
      throw new IllegalArgumentException(
          "attention of " + q.tensor() + " to " + k.tensor() + " does not fit the mask " + mask);
    }
    Operations ops = tape.operations();
    Tensor queries = ops.contiguous(headsFirst(ops, q.tensor(), shape.heads(), shape));
    Tensor scores =
        ops.multiplyMatrices(
            ops.cast(headsFirst(ops, k.tensor(), shape.keyValueHeads(), shape), GgmlType.F16),
            grouped(ops, queries, shape.head(), shape));
    Tensor p =
        ops.softmax(
            ops.reshape(scores, shape.length(), shape.length(), shape.heads(), shape.rows()),
            mask,
            scale);
    Tensor mixed =
        ops.multiplyMatrices(
            ops.cast(tokensFirst(ops, v.tensor(), shape), GgmlType.F16),
            grouped(ops, p, shape.length(), shape));
    result =
        ops.reshape(
            tokensOutside(ops, mixed, shape.heads(), shape),
            shape.head() * shape.heads(),
            shape.length() * shape.rows());
    heads = tape.save(queries);
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
    Tensor queries = grouped(ops, heads.in(gradients), shape.head(), shape);

    Tensor out =
        ops.contiguous(
            headsFirst(
                ops,
                ops.reshape(gradient, shape.head(), shape.heads(), shape.length() * shape.rows()),
                shape.heads(),
                shape));
    Tensor outGrouped = grouped(ops, out, shape.head(), shape);
    Tensor dValues =
        ops.multiplyMatrices(
            gradients.transposedBf16(outGrouped),
            gradients.transposedBf16(grouped(ops, p, shape.length(), shape)));
    gradients.add(v, tokensOutside(ops, dValues, shape.keyValueHeads(), shape));

    Tensor dProbabilities =
        ops.multiplyMatrices(
            ops.cast(
                headsFirst(ops, values.in(gradients), shape.keyValueHeads(), shape), GgmlType.BF16),
            outGrouped);
    Tensor dScores =
        grouped(
            ops,
            ops.softmaxBackInPlace(
                ops.reshape(
                    dProbabilities, shape.length(), shape.length(), shape.heads(), shape.rows()),
                p,
                scale),
            shape.length(),
            shape);
    Tensor dQueries =
        ops.multiplyMatrices(
            ops.cast(tokensFirst(ops, keys.in(gradients), shape), GgmlType.BF16), dScores);
    gradients.add(q, tokensOutside(ops, dQueries, shape.heads(), shape));
    Tensor dKeys =
        ops.multiplyMatrices(gradients.transposedBf16(queries), gradients.transposedBf16(dScores));
    gradients.add(k, tokensOutside(ops, dKeys, shape.keyValueHeads(), shape));
  }

  /// [head, n, S·R] as a view [head, S, n, R].
  private static Tensor headsFirst(Operations ops, Tensor x, long n, Shape s) {
    return ops.permute(ops.reshape(x, s.head(), n, s.length(), s.rows()), 0, 2, 1, 3);
  }

  /// [head, K, S·R] as a view [S, head, K, R].
  private static Tensor tokensFirst(Operations ops, Tensor x, Shape s) {
    return ops.permute(
        ops.reshape(x, s.head(), s.keyValueHeads(), s.length(), s.rows()), 1, 2, 0, 3);
  }

  /// [n, S, H, R] as [n, S·G, K, R].
  private static Tensor grouped(Operations ops, Tensor x, long n, Shape s) {
    return ops.reshape(x, n, s.length() * s.group(), s.keyValueHeads(), s.rows());
  }

  /// [head, S, n, R] in any split of its middle dimensions as a copy [head, n, S·R].
  private static Tensor tokensOutside(Operations ops, Tensor x, long n, Shape s) {
    Tensor heads = ops.reshape(x, s.head(), s.length(), n, s.rows());
    return ops.reshape(
        ops.contiguous(ops.permute(heads, 0, 2, 1, 3)), s.head(), n, s.length() * s.rows());
  }
}
