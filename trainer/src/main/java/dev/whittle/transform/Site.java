package dev.whittle.transform;

import java.util.List;

/// A place in a layer where the basis of what goes on can be changed.
enum Site {
  /// What the first norm hands to the projections of queries, keys and values.
  ATTENTION,
  /// What the value heads hand, by attention, to the output projection.
  HEADS,
  /// What the second norm hands to `ffn_gate` and `ffn_up`.
  FEED_FORWARD,
  /// What `ffn_up` hands, multiplied with the activation, to `ffn_down`.
  HIDDEN;

  /// The site before matrices.
  ///
  /// @param readers the names of those that share the inputs, without the `blk.N.` in front
  static Site of(List<String> readers) {
    return switch (readers.getFirst()) {
      case "attn_q.weight" -> ATTENTION;
      case "attn_output.weight" -> HEADS;
      case "ffn_gate.weight" -> FEED_FORWARD;
      case "ffn_down.weight" -> HIDDEN;
      default -> throw new IllegalArgumentException("no site is known before " + readers);
    };
  }
}
