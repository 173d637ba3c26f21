package dev.whittle.ggml;

import dev.whittle.ffi.Llama;
import dev.whittle.ffi.ggml_backend_cpu_set_threadpool_t;
import dev.whittle.ffi.ggml_threadpool_free_t;
import dev.whittle.ffi.ggml_threadpool_new_t;
import dev.whittle.ffi.ggml_threadpool_params;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// The CPU's threads for one user at a time, which wait for the next graph (`ggml_threadpool`).
/// Without one, ggml starts its threads anew for each graph, which takes longer than a small
/// model's token.
final class ThreadPool implements AutoCloseable {
  private final NativeHandle handle;

  private ThreadPool(NativeHandle handle) {
    this.handle = handle;
  }

  /// How long a waiting thread spins before it sleeps, in ggml's unit, which is some milliseconds:
  /// longer than the time between two tokens. llama.cpp's tools have 50 here, which keeps a
  /// processor busy that other threads may want.
  private static final int POLLING = 1;

  /// Starts threads.
  ///
  /// @param threads the caller of a computation among them
  /// @throws NativeException if the threads cannot be started
  static ThreadPool of(int threads) {
    NativeRuntime.load();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment params = Llama.ggml_threadpool_params_default(arena, threads);
      ggml_threadpool_params.poll(params, POLLING);
      MemorySegment pool =
          ggml_threadpool_new_t.invoke(function("ggml_threadpool_new", arena), params);
      if (pool.address() == 0) {
        throw new NativeException(threads + " threads cannot be started; use fewer");
      }
      return new ThreadPool(NativeHandle.own("the thread pool", pool, ThreadPool::free));
    }
  }

  private static void free(MemorySegment pool) {
    try (Arena arena = Arena.ofConfined()) {
      ggml_threadpool_free_t.invoke(function("ggml_threadpool_free", arena), pool);
    }
  }

  /// Only the CPU library has these functions, and it is not linked.
  private static MemorySegment function(String name, Arena arena) {
    return Llama.ggml_backend_reg_get_proc_address(
        Device.cpu().registration(), arena.allocateFrom(name));
  }

  /// Lets a backend on the CPU compute with these threads.
  void attachTo(MemorySegment backend) {
    try (Arena arena = Arena.ofConfined()) {
      ggml_backend_cpu_set_threadpool_t.invoke(
          function("ggml_backend_cpu_set_threadpool", arena), backend, pointer());
    }
  }

  MemorySegment pointer() {
    return handle.pointer();
  }

  /// Ends the threads. Nothing may compute with them any more.
  @Override
  public void close() {
    handle.close();
  }
}
