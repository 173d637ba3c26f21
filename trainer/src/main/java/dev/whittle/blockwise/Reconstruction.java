package dev.whittle.blockwise;

/// What came of a layer.
///
/// @param layer its number
/// @param before the squared error of its outputs on the held-out text, over that of giving out
///   nothing, with the blocks that training began with
/// @param after the same with those that are kept
public record Reconstruction(int layer, double before, double after) {}
