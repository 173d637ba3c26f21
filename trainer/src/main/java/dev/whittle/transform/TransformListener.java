package dev.whittle.transform;

/// Hears how far a transform has come.
@FunctionalInterface
public interface TransformListener {
  /// A listener that does nothing.
  TransformListener NONE = (_, _) -> {};

  /// Called before the first layer, or step of learning, and after each.
  void progress(int done, int count);
}
