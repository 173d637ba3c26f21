package dev.whittle.allocation;

import java.util.Collections;
import java.util.SortedMap;
import java.util.TreeMap;

/// What each tensor adds to the divergence from the full-precision model when tensors are lowered
/// to smaller types, all at once.
///
/// @param shares by tensor, in nats a token; together they are the divergence
public record Sensitivity(SortedMap<String, Double> shares) {
  public Sensitivity {
    shares = Collections.unmodifiableSortedMap(new TreeMap<>(shares));
  }

  /// The divergence with all tensors lowered, in nats a token.
  public double total() {
    return shares.values().stream().mapToDouble(Double::doubleValue).sum();
  }
}
