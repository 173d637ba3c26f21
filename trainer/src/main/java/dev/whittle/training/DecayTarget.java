package dev.whittle.training;

/// What weight decay pulls matrices to.
public enum DecayTarget {
  /// Zero, as AdamW does (Loshchilov and Hutter 2019).
  ZERO,
  /// The weights that training starts from: L2-SP (Li et al. 2018), so that what no gradient asks
  /// for stays as it was.
  START
}
