package dev.whittle.allocation;

import dev.whittle.quantization.TypeSelection;
import java.util.function.ToLongFunction;

/// How large a quantized model may be.
public sealed interface SizeBudget {
  /// On average over all weights of the file, as `whittle inspect` counts them.
  record BitsPerWeight(double bits) implements SizeBudget {
    @Override
    public String toString() {
      return bits + " bits a weight";
    }
  }

  /// The whole file, metadata included.
  ///
  /// @param fileBytes the size of the file that would be written for a choice of types
  record FileBytes(long bytes, ToLongFunction<TypeSelection> fileBytes) implements SizeBudget {
    @Override
    public String toString() {
      return "%,d bytes".formatted(bytes);
    }
  }
}
