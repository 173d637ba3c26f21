package dev.whittle.cli;

import com.sun.management.OperatingSystemMXBean;
import dev.whittle.ggml.Backend;
import dev.whittle.ggml.Device;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Graph;
import dev.whittle.ggml.GraphAllocator;
import dev.whittle.ggml.NativeException;
import dev.whittle.ggml.NativeRuntime;
import dev.whittle.ggml.Operations;
import dev.whittle.ggml.Tensor;
import dev.whittle.ggml.TensorContext;
import dev.whittle.onednn.OneDnn;
import dev.whittle.training.AvailableMemory;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/// What Whittle stands on, examined piece by piece.
final class Diagnosis {
  private static final long LEAST_MEMORY = 1L << 30;
  private static final double MIB = 1 << 20;

  private Diagnosis() {}

  /// Examines everything. What cannot be examined because of an earlier finding is left out.
  static List<Finding> ofThisMachine() {
    List<Finding> findings = new ArrayList<>();
    findings.add(java());
    findings.add(processors());
    findings.add(memory());
    findings.add(javaHeap());
    try {
      NativeRuntime runtime = NativeRuntime.load();
      findings.add(libraries(runtime));
      findings.add(cpuLibrary(runtime));
      findings.add(products());
      findings.add(CudaProbe.ofThisMachine().examine(runtime.loadAccelerators()).finding());
      for (Device device : runtime.devices()) {
        findings.add(device(device));
        findings.add(arithmetic(device));
      }
    } catch (NativeException e) {
      findings.add(Finding.fail("libraries", e.getMessage()));
    }
    return findings;
  }

  private static Finding java() {
    return Finding.ok(
        "java",
        "%s, %s, in %s"
            .formatted(
                System.getProperty("java.runtime.version"),
                System.getProperty("java.vendor"),
                System.getProperty("java.home")));
  }

  private static Finding processors() {
    return Finding.ok(
        "processors",
        "%d, %s %s"
            .formatted(
                Runtime.getRuntime().availableProcessors(),
                System.getProperty("os.name"),
                System.getProperty("os.arch")));
  }

  private static Finding memory() {
    var system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    // Not what Java calls free: that lacks what only caches files.
    long available = AvailableMemory.bytes();
    String sizes =
        "%,.0f MiB available of %,.0f MiB"
            .formatted(available / MIB, system.getTotalMemorySize() / MIB);
    return available >= LEAST_MEMORY
        ? Finding.ok("memory", sizes)
        : Finding.fail("memory", sizes + "; training needs about 1 GiB, so close other programs");
  }

  private static Finding javaHeap() {
    return Finding.ok(
        "java heap",
        "up to %,.0f MiB (WHITTLE_JAVA_OPTS=-Xmx8g makes it 8 GiB)"
            .formatted(Runtime.getRuntime().maxMemory() / MIB));
  }

  private static Finding libraries(NativeRuntime runtime) {
    return Finding.ok(
        "libraries",
        "llama.cpp %s and ggml %s, in %s"
            .formatted(runtime.llamaVersion(), runtime.ggmlVersion(), runtime.directory()));
  }

  private static Finding cpuLibrary(NativeRuntime runtime) {
    String features =
        runtime.cpuFeatures().entrySet().stream()
            .filter(feature -> feature.getValue().equals("1"))
            .map(Map.Entry::getKey)
            .collect(Collectors.joining(" "));
    return Finding.ok("cpu library", features.isEmpty() ? "no special instructions" : features);
  }

  /// What training multiplies with on the CPU.
  private static Finding products() {
    String subject = "cpu products";
    return OneDnn.find()
        .map(library -> Finding.ok(subject, "oneDNN " + library.version() + ", in BF16"))
        .orElseGet(() ->
            Finding.note(subject, "ggml's own, which are slower, because " + OneDnn.absence()));
  }

  private static Finding device(Device device) {
    Device.Memory memory = device.memory();
    return Finding.ok(
        device.name(),
        "%s, %,.0f MiB free of %,.0f MiB"
            .formatted(device.description(), memory.free() / MIB, memory.total() / MIB));
  }

  /// Whether a device computes what it should: a product of two matrices of ones.
  private static Finding arithmetic(Device device) {
    String subject = device.name() + " product";
    int size = 64;
    float[] ones = new float[size * size];
    Arrays.fill(ones, 1);
    try (Backend backend = Backend.on(device);
        TensorContext context = new TensorContext(16);
        GraphAllocator allocator = new GraphAllocator(backend)) {
      Tensor a = context.newTensor(GgmlType.F32, size, size).asInput();
      Tensor b = context.newTensor(GgmlType.F32, size, size).asInput();
      Tensor product = new Operations(context).multiplyMatrices(a, b).asOutput();
      Graph graph = new Graph(context, "the doctor's product", 8).expand(product);
      allocator.reserve(graph);
      allocator.allocate(graph);
      a.write(ones);
      b.write(ones);
      backend.compute(graph);
      for (float element : product.readFloats()) {
        if (element != size) {
          return Finding.fail(
              subject,
              "gives " + element + " where " + size + " is right; reinstall the libraries");
        }
      }
      return Finding.ok(subject, "right");
    } catch (NativeException e) {
      return Finding.fail(subject, e.getMessage());
    }
  }
}
