package dev.whittle.ggml;

import dev.whittle.ffi.ggml_custom_op_t;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/// The nodes of a context that Java computes: stands between ggml's threads and the [Kernel]s.
///
/// Nothing that a kernel throws may reach native code, so it is kept until the graph has run.
final class KernelNodes {
  private final MemorySegment stub;
  private final List<Kernel> kernels = new ArrayList<>();
  private final List<Tensor> results = new ArrayList<>();
  private final Map<Long, Launch> launches = new HashMap<>();
  private final AtomicReference<Throwable> failure = new AtomicReference<>();

  /// @param arena of the context; the nodes' function lives as long
  KernelNodes(Arena arena) {
    stub = ggml_custom_op_t.allocate(this::onNode, arena);
  }

  /// The function that ggml calls for every one of these nodes.
  MemorySegment stub() {
    return stub;
  }

  /// What tells the function apart which node it is called for: handed back to it, never followed.
  MemorySegment nextUserData() {
    return MemorySegment.ofAddress(kernels.size());
  }

  void add(Kernel kernel, Tensor result) {
    kernels.add(kernel);
    results.add(result);
  }

  /// A node that a GPU's kernel computes.
  record Launch(DeviceKernel kernel, Tensor result) {}

  void add(Tensor result, DeviceKernel kernel) {
    launches.put(result.pointer().address(), new Launch(kernel, result));
  }

  /// The kernel of a node, if a GPU's computes it.
  @Nullable Launch launch(Tensor node) {
    return launches.get(node.pointer().address());
  }

  private void onNode(MemorySegment result, int thread, int threads, MemorySegment userData) {
    try {
      int node = (int) userData.address();
      kernels.get(node).compute(results.get(node), thread, threads);
    } catch (Throwable t) {
      failure.compareAndSet(null, t);
    }
  }

  /// Throws what a kernel threw since the last time, if one did.
  void rethrow() {
    switch (failure.getAndSet(null)) {
      case null -> {}
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      case Throwable t -> throw new IllegalStateException(t);
    }
  }
}
