package dev.whittle.model;

import dev.whittle.autograd.Weight;

/// Gives a model's weights by their names in the GGUF file.
public interface WeightSource {
  /// @throws RuntimeException if there is no such weight
  Weight weight(String name);
}
