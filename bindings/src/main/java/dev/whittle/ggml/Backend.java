package dev.whittle.ggml;

import dev.whittle.ffi.Llama;
import dev.whittle.ffi.ggml_backend_set_n_threads_t;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// A stream of work on a [Device] (`ggml_backend_t`): runs graphs and owns nothing else.
public final class Backend implements AutoCloseable {
  private final Device device;
  private final MemorySegment pointer;
  private boolean open = true;

  private Backend(Device device, MemorySegment pointer) {
    this.device = device;
    this.pointer = pointer;
  }

  /// A backend on the CPU with so many threads.
  public static Backend cpu(int threads) {
    if (threads < 1 || threads > 512) {
      throw new IllegalArgumentException("threads must be 1 to 512, not " + threads);
    }
    Backend backend = on(Device.cpu());
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment setter =
          Llama.ggml_backend_reg_get_proc_address(
              backend.device.registration(), arena.allocateFrom("ggml_backend_set_n_threads"));
      ggml_backend_set_n_threads_t.invoke(setter, backend.pointer, threads);
    }
    return backend;
  }

  /// A backend on a device.
  ///
  /// @throws NativeException if the device cannot be started
  public static Backend on(Device device) {
    NativeRuntime runtime = NativeRuntime.load();
    MemorySegment pointer = Llama.ggml_backend_dev_init(device.pointer(), MemorySegment.NULL);
    if (pointer.address() == 0) {
      throw new NativeException(device + " cannot be started: " + runtime.takeErrors());
    }
    return new Backend(device, pointer);
  }

  public Device device() {
    return device;
  }

  /// Runs every node of an allocated graph and returns when the results are there.
  ///
  /// @throws NativeException if the backend reports a failure
  public void compute(Graph graph) {
    NativeRuntime.load().about(graph.title());
    int status = Llama.ggml_backend_graph_compute(pointer(), graph.pointer());
    if (status != Llama.GGML_STATUS_SUCCESS()) {
      throw new NativeException(
          graph.title()
              + " failed on "
              + this
              + ": "
              + Llama.ggml_status_to_string(status).getString(0));
    }
  }

  /// Whether this backend can run the operation that makes `node`.
  public boolean supports(Tensor node) {
    return Llama.ggml_backend_supports_op(pointer(), node.pointer());
  }

  MemorySegment pointer() {
    if (!open) {
      throw new IllegalStateException("the backend on " + device + " is closed");
    }
    return pointer;
  }

  @Override
  public void close() {
    if (open) {
      open = false;
      Llama.ggml_backend_free(pointer);
    }
  }

  @Override
  public String toString() {
    return device.name();
  }
}
