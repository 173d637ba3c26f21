package dev.whittle.onednn;

import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Tensor;

/// The extents of attention: queries [rows, length, heads, head] and keys and values [rows, length,
/// keyValueHeads, head], the contiguous dimension last.
record AttentionShape(
    long head, long heads, long keyValueHeads, long length, long rows, float scale) {

  static AttentionShape of(Tensor q, Tensor k, Tensor v, Tensor starts, float scale) {
    AttentionShape shape =
        new AttentionShape(
            q.dimension(0),
            q.dimension(1),
            k.dimension(1),
            starts.dimension(0),
            starts.dimension(1),
            scale);
    OneDnn.require(
        OneDnn.isContiguousFloats(q)
            && OneDnn.isContiguousFloats(k)
            && OneDnn.isContiguousFloats(v)
            && starts.type() == GgmlType.I32
            && starts.isContiguous()
            && shape.heads % shape.keyValueHeads == 0
            && q.dimension(2) == shape.tokens()
            && k.elements() == shape.head * shape.keyValueHeads * shape.tokens()
            && v.elements() == k.elements(),
        "attention of " + q + " to " + k + " and " + v + " does not fit the rows " + starts);
    return shape;
  }

  long tokens() {
    return length * rows;
  }

  /// How many heads of queries share keys and values.
  long group() {
    return heads / keyValueHeads;
  }

  /// Elements from one token's queries to the next one's.
  long queryStep() {
    return head * heads;
  }

  /// Elements from one token's keys to the next one's; so with values.
  long keyStep() {
    return head * keyValueHeads;
  }

  /// Where the queries of a head of a row begin, in elements.
  long queryOffset(long row, long queryHead) {
    return row * length * queryStep() + queryHead * head;
  }

  /// Where the keys or values of a head of a row begin, in elements.
  long keyOffset(long row, long keyHead) {
    return row * length * keyStep() + keyHead * head;
  }
}
