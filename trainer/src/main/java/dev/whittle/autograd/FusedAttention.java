package dev.whittle.autograd;

import dev.whittle.ggml.Operations;
import dev.whittle.ggml.Tensor;
import dev.whittle.onednn.OneDnn;

/// Attention as one node in each direction, in F32: the probabilities are never held for longer
/// than a block of queries takes, and what the mask hides is mostly not computed.
final class FusedAttention implements AttentionNodes {
  private final OneDnn library;
  private final Variable q;
  private final Variable k;
  private final Variable v;
  private final AttentionMask mask;
  private final float scale;
  private final Tape.Saved queries;
  private final Tape.Saved keys;
  private final Tape.Saved values;
  private final Tensor result;

  /// Builds the forward node.
  FusedAttention(
      OneDnn library,
      Tape tape,
      Variable q,
      Variable k,
      Variable v,
      AttentionMask mask,
      float scale) {
    this.library = library;
    this.q = q;
    this.k = k;
    this.v = v;
    this.mask = mask;
    this.scale = scale;
    Operations ops = tape.operations();
    Tensor mixed = library.attention(ops, q.tensor(), k.tensor(), v.tensor(), mask.starts(), scale);
    result = ops.reshape(mixed, mixed.dimension(0) * mixed.dimension(1), mixed.dimension(2));
    queries = tape.save(q.tensor());
    keys = tape.save(k.tensor());
    values = tape.save(v.tensor());
  }

  @Override
  public Tensor result() {
    return result;
  }

  @Override
  public void differentiate(Tensor gradient, Gradients gradients) {
    Operations ops = gradients.operations();
    Tensor all =
        library.attentionGradients(
            ops,
            gradient,
            queries.in(gradients),
            keys.in(gradients),
            values.in(gradients),
            mask.starts(),
            scale);
    long first = 0;
    for (Variable variable : new Variable[] {q, k, v}) {
      Tensor x = variable.tensor();
      gradients.add(variable, ops.part(all, first, x.dimension(0), x.dimension(1), x.dimension(2)));
      first += x.elements();
    }
  }
}
