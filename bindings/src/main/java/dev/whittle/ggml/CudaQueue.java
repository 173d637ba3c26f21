package dev.whittle.ggml;

import dev.whittle.ffi.Llama;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// Runs graphs on a CUDA backend that hold nodes of Whittle's own kernels, which are queued on
/// another stream than ggml's: events keep the two in order, and the host waits for neither.
final class CudaQueue implements AutoCloseable {
  /// `struct ggml_backend_event { ggml_backend_device * device; void * context; }`, whose context
  /// is the cudaEvent_t in ggml's CUDA backend.
  private static final long CONTEXT_OFFSET = 8;

  private static final long EVENT_BYTES = 16;

  private final MemorySegment backend;
  private final CudaKernels cuda;
  private final MemorySegment ggmlDone;
  private final MemorySegment kernelsDone;

  CudaQueue(MemorySegment backend, Device device, CudaKernels cuda) {
    this.backend = backend;
    this.cuda = cuda;
    ggmlDone = newEvent(device);
    kernelsDone = newEvent(device);
  }

  private static MemorySegment newEvent(Device device) {
    MemorySegment event = Llama.ggml_backend_event_new(device.pointer());
    if (event.address() == 0) {
      throw new NativeException(device + " has no events");
    }
    return event;
  }

  private static MemorySegment cudaEvent(MemorySegment event) {
    return event.reinterpret(EVENT_BYTES).get(ValueLayout.ADDRESS, CONTEXT_OFFSET);
  }

  /// Queues a graph. The next thing that is queued on the backend runs behind all of it.
  ///
  /// @return ggml's status
  int compute(Graph graph) {
    boolean onKernels = false;
    for (Graph.Part part : graph.parts()) {
      switch (part) {
        case Graph.Part.Kernel(KernelNodes.Launch launch) -> {
          if (!onKernels) {
            Llama.ggml_backend_event_record(ggmlDone, backend);
            cuda.waitFor(cudaEvent(ggmlDone));
            onKernels = true;
          }
          launch.kernel().launch(cuda, launch.result());
        }
        case Graph.Part.Nodes(MemorySegment nodes) -> {
          if (onKernels) {
            waitForKernels();
            onKernels = false;
          }
          int status = Llama.ggml_backend_graph_compute_async(backend, nodes);
          if (status != Llama.GGML_STATUS_SUCCESS()) {
            return status;
          }
        }
      }
    }
    if (onKernels) {
      waitForKernels();
    }
    return Llama.GGML_STATUS_SUCCESS();
  }

  private void waitForKernels() {
    cuda.record(cudaEvent(kernelsDone));
    Llama.ggml_backend_event_wait(backend, kernelsDone);
  }

  @Override
  public void close() {
    cuda.close();
    Llama.ggml_backend_event_free(ggmlDone);
    Llama.ggml_backend_event_free(kernelsDone);
  }
}
