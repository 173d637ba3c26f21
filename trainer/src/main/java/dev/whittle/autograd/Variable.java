package dev.whittle.autograd;

import dev.whittle.ggml.Tensor;

/// A value on a [Tape]: the node that computes it, and whether a gradient has to reach it.
///
/// @param tensor the forward node
/// @param needsGradient whether anything before this value is trained, or it was asked for itself
public record Variable(Tensor tensor, boolean needsGradient) {
  @Override
  public boolean equals(Object other) {
    return this == other;
  }

  @Override
  public int hashCode() {
    return System.identityHashCode(this);
  }
}
