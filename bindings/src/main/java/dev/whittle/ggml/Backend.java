package dev.whittle.ggml;

import dev.whittle.ffi.Llama;
import dev.whittle.ffi.ggml_backend_set_n_threads_t;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// A stream of work on a [Device] (`ggml_backend_t`): runs graphs, on the CPU with threads of its
/// own.
public final class Backend implements AutoCloseable {
  /// The most threads that a computation can have (`GGML_MAX_N_THREADS`).
  public static final int MOST_THREADS = 512;

  private final Device device;
  private final MemorySegment pointer;
  private final @Nullable ThreadPool threads;
  private final boolean measuring;
  private @Nullable CudaQueue cudaQueue;
  private @Nullable ApartThread apart;
  private boolean open = true;

  private Backend(
      Device device, MemorySegment pointer, @Nullable ThreadPool threads, boolean measuring) {
    this.device = device;
    this.pointer = pointer;
    this.threads = threads;
    this.measuring = measuring;
  }

  /// A backend on the CPU with so many threads.
  public static Backend cpu(int threads) {
    if (threads < 1 || threads > MOST_THREADS) {
      throw new IllegalArgumentException(
          "threads must be 1 to " + MOST_THREADS + ", not " + threads);
    }
    Device device = Device.cpu();
    MemorySegment pointer = start(device);
    ThreadPool pool = ThreadPool.of(threads);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment setter =
          Llama.ggml_backend_reg_get_proc_address(
              device.registration(), arena.allocateFrom("ggml_backend_set_n_threads"));
      ggml_backend_set_n_threads_t.invoke(setter, pointer, threads);
    }
    pool.attachTo(pointer);
    return new Backend(device, pointer, pool, false);
  }

  /// A backend on a device.
  ///
  /// @param threads how many, if it is the CPU
  /// @throws NativeException if the device cannot be started
  public static Backend on(Device device, int threads) {
    return device.kind() == Device.Kind.CPU ? cpu(threads) : on(device);
  }

  /// A backend on a device.
  ///
  /// @throws NativeException if the device cannot be started
  public static Backend on(Device device) {
    return new Backend(device, start(device), null, false);
  }

  private static MemorySegment start(Device device) {
    NativeRuntime runtime = NativeRuntime.load();
    MemorySegment pointer = Llama.ggml_backend_dev_init(device.pointer(), MemorySegment.NULL);
    if (pointer.address() == 0) {
      throw new NativeException(device + " cannot be started: " + runtime.takeErrors());
    }
    return pointer;
  }

  /// A backend that gives no memory and runs nothing: tensors and graphs that are built on it only
  /// tell how many bytes they would take on this one, which must stay open meanwhile.
  public Backend measuring() {
    return new Backend(device, pointer(), null, true);
  }

  /// Whether this backend only measures.
  public boolean isMeasuring() {
    return measuring;
  }

  public Device device() {
    return device;
  }

  /// Whether this backend computes in the memory of the process, which [Tensor#host] gives access
  /// to.
  public boolean isHost() {
    return device.kind() == Device.Kind.CPU;
  }

  /// Runs every node of an allocated graph and returns when the results are there.
  ///
  /// @throws NativeException if the backend reports a failure
  /// @throws IllegalStateException if this backend only measures
  public void compute(Graph graph) {
    compute(List.of(graph));
  }

  private void check(Graph graph, int status) {
    if (status != Llama.GGML_STATUS_SUCCESS()) {
      throw new NativeException(
          graph.title()
              + " failed on "
              + this
              + ": "
              + Llama.ggml_status_to_string(status).getString(0));
    }
    graph.context().rethrow();
  }

  /// Runs graphs one behind the other and returns when the results of all are there. On a GPU this
  /// is faster than one by one: it works on while the next graph is prepared.
  ///
  /// @throws NativeException if the backend reports a failure
  /// @throws IllegalStateException if this backend only measures
  public void compute(List<Graph> graphs) {
    if (measuring) {
      throw new IllegalStateException("what was only measured cannot run");
    }
    if (isHost() && graphs.stream().anyMatch(graph -> graph.context().hasKernelNodes())) {
      apart = apart == null ? new ApartThread() : apart;
      apart.run(() -> computeHere(graphs));
    } else {
      computeHere(graphs);
    }
  }

  private void computeHere(List<Graph> graphs) {
    for (Graph graph : graphs) {
      NativeRuntime.load().about(graph.title());
      check(graph, queue(graph));
    }
    Llama.ggml_backend_synchronize(pointer());
  }

  private int queue(Graph graph) {
    if (isHost() || !graph.context().hasKernelNodes()) {
      return Llama.ggml_backend_graph_compute_async(pointer(), graph.pointer());
    }
    if (cudaQueue == null) {
      cudaQueue =
          new CudaQueue(
              pointer(),
              device,
              CudaKernels.on(this)
                  .orElseThrow(
                      () -> new NativeException(device + " has no kernels for " + graph.title())));
    }
    return cudaQueue.compute(graph);
  }

  /// Whether this backend can run the operation that makes `node`.
  public boolean supports(Tensor node) {
    return Llama.ggml_backend_supports_op(pointer(), node.pointer());
  }

  /// The operations of some graphs that this backend cannot run, each once, as [Tensor#operation]
  /// has them.
  public SortedSet<String> unsupportedOperations(Iterable<Graph> graphs) {
    SortedSet<String> unsupported = new TreeSet<>();
    for (Graph graph : graphs) {
      for (int i = 0; i < graph.nodes(); i++) {
        Tensor node = graph.node(i);
        boolean ours =
            graph.context().hasKernelNodes() && graph.context().kernelNodes().launch(node) != null;
        if (!ours && !supports(node)) {
          unsupported.add(node.operation());
        }
      }
    }
    return unsupported;
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
      if (cudaQueue != null) {
        cudaQueue.close();
      }
      if (apart != null) {
        apart.close();
      }
      if (!measuring) {
        Llama.ggml_backend_free(pointer);
      }
      if (threads != null) {
        threads.close();
      }
    }
  }

  @Override
  public String toString() {
    return device.name();
  }
}
