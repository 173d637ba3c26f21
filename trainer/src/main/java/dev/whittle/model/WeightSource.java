package dev.whittle.model;

import dev.whittle.autograd.Weight;

/// Gives a model's weights by their names in the GGUF file.
public interface WeightSource {
  /// @throws RuntimeException if there is no such weight
  Weight weight(String name);

  /// Hears that a pass is done with the weights of a layer, which may then give up memory that is
  /// easily had again.
  default void release(int layer) {}
}
