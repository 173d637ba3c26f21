package dev.whittle.training;

import dev.whittle.ggml.Tensor;
import dev.whittle.gguf.TensorData;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.Function;

/// What tensors hold, wherever they lie, copied to the host one at a time: all that a GPU trains
/// may be more than the host has room for.
final class HostCopies {
  private HostCopies() {}

  /// What a function makes of a tensor's bytes, which are gone behind it.
  static <T> T read(Tensor tensor, Function<MemorySegment, T> function) {
    try (Arena arena = Arena.ofConfined()) {
      return function.apply(tensor.onHost(arena));
    }
  }

  /// A tensor's bytes as they are when they are written.
  static TensorData data(Tensor tensor) {
    return channel -> {
      try (Arena arena = Arena.ofConfined()) {
        TensorData.of(tensor.onHost(arena)).writeTo(channel);
      }
    };
  }
}
