package dev.whittle.onednn;

import dev.whittle.ffi.onednn.OneDnnLibrary;
import dev.whittle.ffi.onednn.dnnl_exec_arg_t;
import dev.whittle.ggml.NativeException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/// A computation on matrices of fixed shapes that oneDNN compiled for one thread
/// (`dnnl_primitive_t`). It lives as long as the process.
///
/// Any number of threads may run it at once, each with arguments and work space of its own.
final class Primitive {
  private static final int CACHE_LINE = 64;

  /// What an argument is to the computation, and its shape.
  ///
  /// @param role such as `DNNL_ARG_SRC`
  /// @param shape a `dnnl_memory_desc_t`
  record Parameter(int role, MemorySegment shape) {}

  private final MemorySegment engine;
  private final MemorySegment stream;
  private final MemorySegment pointer;
  private final MemorySegment scratch;
  private final List<Parameter> parameters;

  /// Arguments that no thread is using.
  private final Queue<Arguments> idle = new ConcurrentLinkedQueue<>();

  /// Compiles.
  ///
  /// @param description a `dnnl_primitive_desc_t`, with a work space that the caller gives
  /// @param parameters in the order in which [#run] takes their addresses
  Primitive(
      MemorySegment engine,
      MemorySegment stream,
      MemorySegment description,
      List<Parameter> parameters) {
    this.engine = engine;
    this.stream = stream;
    this.parameters = parameters;
    useOneThread();
    pointer = made("a primitive", at -> OneDnnLibrary.dnnl_primitive_create(at, description));
    // It belongs to the description, which is therefore kept.
    scratch =
        OneDnnLibrary.dnnl_primitive_desc_query_md(
            description, OneDnnLibrary.dnnl_query_scratchpad_md(), 0);
  }

  /// A function of oneDNN that writes the pointer to what it makes.
  @FunctionalInterface
  interface Constructor {
    int make(MemorySegment at);
  }

  /// What a function of oneDNN makes.
  ///
  /// @throws NativeException if it does not succeed
  static MemorySegment made(String what, Constructor constructor) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment at = arena.allocate(ValueLayout.ADDRESS);
      check(constructor.make(at), what);
      return at.get(ValueLayout.ADDRESS, 0);
    }
  }

  /// @throws NativeException if a call did not succeed
  static void check(int status, String what) {
    if (status != OneDnnLibrary.dnnl_success()) {
      throw new NativeException("oneDNN could not make " + what + ": status " + status);
    }
  }

  /// oneDNN would start threads of its own, beside ggml's.
  static void useOneThread() {
    OneDnnLibrary.omp_set_num_threads(1);
  }

  /// Runs the computation on the calling thread.
  ///
  /// @param addresses of the arguments' first elements
  void run(long... addresses) {
    Arguments arguments = idle.poll();
    if (arguments == null) {
      arguments = new Arguments();
    }
    try {
      arguments.run(addresses);
    } finally {
      idle.add(arguments);
    }
  }

  /// What one thread at a time runs the computation with.
  private final class Arguments {
    private final MemorySegment[] memories = new MemorySegment[parameters.size()];
    private final MemorySegment list;

    Arguments() {
      Arena arena = Arena.global();
      list = dnnl_exec_arg_t.allocateArray(memories.length + 1, arena);
      for (int i = 0; i < memories.length; i++) {
        memories[i] = memory(parameters.get(i).shape(), MemorySegment.NULL);
        set(i, parameters.get(i).role(), memories[i]);
      }
      long bytes = OneDnnLibrary.dnnl_memory_desc_get_size(scratch);
      MemorySegment work = arena.allocate(Math.max(bytes, CACHE_LINE), CACHE_LINE);
      set(memories.length, OneDnnLibrary.DNNL_ARG_SCRATCHPAD(), memory(scratch, work));
    }

    private MemorySegment memory(MemorySegment shape, MemorySegment data) {
      return made("an argument", at -> OneDnnLibrary.dnnl_memory_create(at, shape, engine, data));
    }

    private void set(int i, int role, MemorySegment memory) {
      MemorySegment argument = dnnl_exec_arg_t.asSlice(list, i);
      dnnl_exec_arg_t.arg(argument, role);
      dnnl_exec_arg_t.memory(argument, memory);
    }

    void run(long... addresses) {
      useOneThread();
      for (int i = 0; i < memories.length; i++) {
        check(
            OneDnnLibrary.dnnl_memory_set_data_handle(
                memories[i], MemorySegment.ofAddress(addresses[i])),
            "an argument");
      }
      check(
          OneDnnLibrary.dnnl_primitive_execute(pointer, stream, memories.length + 1, list),
          "a computation");
    }
  }
}
