package dev.whittle.ggml;

import dev.whittle.ffi.Llama;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Something that can compute: the CPU, a GPU. Devices live as long as the process.
public final class Device {
  /// What sort of device it is (`enum ggml_backend_dev_type`).
  public enum Kind {
    CPU,
    GPU,
    INTEGRATED_GPU,
    ACCELERATOR,
    OTHER
  }

  /// A multiple of every type's block.
  private static final int WIDTH = 256;

  private static final Pattern CUDA_NAME = Pattern.compile("CUDA(\\d{1,4})");

  private final MemorySegment pointer;

  private Device(MemorySegment pointer) {
    this.pointer = pointer;
  }

  static Device of(MemorySegment pointer) {
    return new Device(pointer);
  }

  /// The CPU, which is always there.
  public static Device cpu() {
    NativeRuntime.load();
    return new Device(Llama.ggml_backend_dev_by_type(Llama.GGML_BACKEND_DEVICE_TYPE_CPU()));
  }

  /// The number that CUDA gives the device, if it is one of CUDA's.
  public OptionalInt cudaIndex() {
    Matcher matcher = CUDA_NAME.matcher(name());
    return matcher.matches()
        ? OptionalInt.of(Integer.parseInt(matcher.group(1)))
        : OptionalInt.empty();
  }

  /// The short name, such as `CPU` or `CUDA0`.
  public String name() {
    return Llama.ggml_backend_dev_name(pointer).getString(0);
  }

  /// The model of the device, such as `AMD EPYC`.
  public String description() {
    return Llama.ggml_backend_dev_description(pointer).getString(0);
  }

  public Kind kind() {
    int type = Llama.ggml_backend_dev_type(pointer);
    if (type == Llama.GGML_BACKEND_DEVICE_TYPE_CPU()) {
      return Kind.CPU;
    }
    if (type == Llama.GGML_BACKEND_DEVICE_TYPE_GPU()) {
      return Kind.GPU;
    }
    if (type == Llama.GGML_BACKEND_DEVICE_TYPE_IGPU()) {
      return Kind.INTEGRATED_GPU;
    }
    return type == Llama.GGML_BACKEND_DEVICE_TYPE_ACCEL() ? Kind.ACCELERATOR : Kind.OTHER;
  }

  /// Free and total memory in bytes.
  public Memory memory() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment free = arena.allocate(ValueLayout.JAVA_LONG);
      MemorySegment total = arena.allocate(ValueLayout.JAVA_LONG);
      Llama.ggml_backend_dev_memory(pointer, free, total);
      return new Memory(free.get(ValueLayout.JAVA_LONG, 0), total.get(ValueLayout.JAVA_LONG, 0));
    }
  }

  /// Bytes of device memory.
  public record Memory(long free, long total) {}

  /// Whether it can multiply with a matrix of weights of this type (`ggml_mul_mat`).
  ///
  /// @throws NativeException if the device cannot be started
  public boolean multiplies(GgmlType type) {
    try (Backend backend = Backend.on(this, 1);
        TensorContext context = new TensorContext(3)) {
      Tensor weights = context.newTensor(type, WIDTH, WIDTH);
      Tensor inputs = context.newTensor(GgmlType.F32, WIDTH, 1);
      return backend.supports(new Operations(context).multiplyMatrices(weights, inputs));
    }
  }

  MemorySegment pointer() {
    return pointer;
  }

  /// Whether one library computes on both, so that both give the same results.
  boolean sharesLibraryWith(Device other) {
    return registration().equals(other.registration());
  }

  MemorySegment registration() {
    return Llama.ggml_backend_dev_backend_reg(pointer);
  }

  @Override
  public String toString() {
    return name() + " (" + description() + ")";
  }
}
