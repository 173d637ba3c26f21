package dev.whittle.benchmark;

import com.sun.management.OperatingSystemMXBean;
import dev.whittle.ggml.Device;
import dev.whittle.ggml.NativeRuntime;
import dev.whittle.onednn.OneDnn;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What was measured on: hardware and software, and nothing that tells whose it is.
///
/// @param cpu its model
/// @param cores of the CPU, as far as there are processors for them
/// @param processors that this process may run threads on: more than there are cores, where a core
///   runs several threads; fewer, where a container or an affinity allows no more
/// @param cpuFeatures instruction sets that the chosen CPU library uses
/// @param accelerators GPUs and the like
/// @param memoryBytes in all
/// @param system operating system and architecture
/// @param jdk its version and vendor
/// @param ggml the version of the libraries
/// @param llamaCpp likewise
/// @param oneDnn likewise; null where training multiplies by ggml's kernels
public record Machine(
    String cpu,
    int cores,
    int processors,
    List<String> cpuFeatures,
    List<String> accelerators,
    long memoryBytes,
    String system,
    String jdk,
    String ggml,
    String llamaCpp,
    @Nullable String oneDnn) {
  private static final Path CPU_INFO = Path.of("/proc/cpuinfo");

  /// The machine that this process runs on.
  public static Machine here() {
    NativeRuntime runtime = NativeRuntime.load();
    var system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    int processors = Runtime.getRuntime().availableProcessors();
    return new Machine(
        Device.cpu().description(),
        cores(processors),
        processors,
        runtime.cpuFeatures().entrySet().stream()
            .filter(feature -> feature.getValue().equals("1"))
            .map(Map.Entry::getKey)
            .toList(),
        runtime.devices().stream()
            .filter(device -> device.kind() != Device.Kind.CPU)
            .map(Device::description)
            .toList(),
        system.getTotalMemorySize(),
        System.getProperty("os.name") + " " + System.getProperty("os.arch"),
        System.getProperty("java.runtime.version") + " " + System.getProperty("java.vendor"),
        runtime.ggmlVersion(),
        runtime.llamaVersion(),
        OneDnn.find().map(OneDnn::version).orElse(null));
  }

  private static int cores(int processors) {
    try {
      int cores = cores(Files.readAllLines(CPU_INFO));
      return cores == 0 ? processors : Math.min(cores, processors);
    } catch (IOException e) {
      // Not Linux.
      return processors;
    }
  }

  /// The cores in a text in the form of Linux's `/proc/cpuinfo`: one paragraph for each processor,
  /// which names socket and core. 0 if it does not.
  static int cores(List<String> lines) {
    String socket = "";
    List<String> cores = new ArrayList<>();
    for (String line : lines) {
      if (line.startsWith("physical id")) {
        socket = line;
      } else if (line.startsWith("core id")) {
        cores.add(socket + line);
      }
    }
    return (int) cores.stream().distinct().count();
  }
}
