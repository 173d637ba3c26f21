package dev.whittle.ggml;

import dev.whittle.ffi.ggml_backend_sched_eval_callback;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// Stands between the scheduler and an [EvalCallback]: nothing that the callback throws may reach
/// native code, so it is kept until the computation has returned.
final class EvalObserver {
  private final EvalCallback callback;
  private @Nullable Throwable failure;

  EvalObserver(EvalCallback callback) {
    this.callback = callback;
  }

  /// The function to give to the library, for as long as the arena is open.
  MemorySegment stub(Arena arena) {
    return ggml_backend_sched_eval_callback.allocate(this::onNode, arena);
  }

  /// @param ask whether the scheduler asks if the node is wanted; otherwise the node is computed,
  ///   and the result says whether to go on
  private boolean onNode(MemorySegment tensor, boolean ask, MemorySegment userData) {
    if (failure != null) {
      // Wanting the node makes the scheduler ask at once whether to go on.
      return ask;
    }
    try (Arena call = Arena.ofConfined()) {
      ObservedNode node = new ObservedNode(tensor, call);
      if (ask) {
        return callback.wants(node);
      }
      callback.computed(node);
      return true;
    } catch (Throwable t) {
      failure = t;
      return ask;
    }
  }

  /// Throws what the callback threw since the last time, if it did.
  void rethrow() {
    Throwable thrown = failure;
    failure = null;
    switch (thrown) {
      case null -> {}
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      default -> throw new IllegalStateException(thrown);
    }
  }
}
