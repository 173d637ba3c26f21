package dev.whittle.training;

import com.sun.management.OperatingSystemMXBean;
import dev.whittle.ggml.Backend;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.stream.Collectors;

/// How much memory a process can still have: what the machine has available, and no more than the
/// limits of its container (Linux control groups, both versions) leave.
///
/// Memory that only caches files counts as available, since the system gives it up when asked.
public final class AvailableMemory {
  private static final long KIB = 1024;

  /// Version 1 states no limit as a number near 2⁶³.
  private static final long NO_LIMIT = 1L << 60;

  private final Path proc;
  private final Path groups;

  /// @param proc the mount point of procfs
  /// @param groups the mount point of the control groups
  AvailableMemory(Path proc, Path groups) {
    this.proc = proc;
    this.groups = groups;
  }

  /// What a computation on a backend can take in all: the device's free memory, or on the CPU what
  /// this process has and can still have.
  public static long on(Backend backend) {
    return backend.isHost()
        ? bytes() + ProcessMemory.residentBytes()
        : backend.device().memory().free();
  }

  /// What Java itself takes of it: nothing on a GPU.
  public static long javaBytes(Backend backend) {
    return backend.isHost() ? ProcessMemory.javaBytes() : 0;
  }

  /// What this process can have beyond what it has; where the system is not Linux, all that the
  /// machine has.
  public static long bytes() {
    return new AvailableMemory(Path.of("/proc"), Path.of("/sys/fs/cgroup"))
        .measure()
        .orElseGet(AvailableMemory::installed);
  }

  private static long installed() {
    return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
        .getTotalMemorySize();
  }

  /// Empty where there is no procfs.
  OptionalLong measure() {
    try {
      long bytes = machine();
      for (String line : Files.readAllLines(proc.resolve("self/cgroup"))) {
        String[] parts = line.split(":", 3);
        if (parts.length == 3) {
          bytes = Math.min(bytes, group(parts[1], parts[2]));
        }
      }
      return OptionalLong.of(bytes);
    } catch (IOException | NumberFormatException e) {
      return OptionalLong.empty();
    }
  }

  private long machine() throws IOException {
    for (String line : Files.readAllLines(proc.resolve("meminfo"))) {
      if (line.startsWith("MemAvailable:")) {
        return Long.parseLong(line.replaceAll("\\D", "")) * KIB;
      }
    }
    throw new IOException("this kernel does not tell what is available");
  }

  /// What a group and those that it is in leave. In a container, the path may be the host's; then
  /// only the part of it that exists counts, at the least the mount point itself.
  private long group(String controllers, String path) throws IOException {
    boolean unified = controllers.isEmpty();
    if (!unified && !List.of(controllers.split(",")).contains("memory")) {
      return Long.MAX_VALUE;
    }
    Path root = unified ? groups : groups.resolve("memory");
    long least = Long.MAX_VALUE;
    Path folder = root.resolve(path.substring(1)).normalize();
    while (folder != null && folder.startsWith(root)) {
      least = Math.min(least, unified ? left(folder) : leftInVersion1(folder));
      folder = folder.getParent();
    }
    return least;
  }

  private static long left(Path folder) throws IOException {
    long limit = Math.min(limit(folder, "memory.max"), limit(folder, "memory.high"));
    return limit >= NO_LIMIT
        ? Long.MAX_VALUE
        : left(limit, number(folder, "memory.current"), folder, "inactive_file", "active_file");
  }

  private static long leftInVersion1(Path folder) throws IOException {
    long limit = limit(folder, "memory.limit_in_bytes");
    return limit >= NO_LIMIT
        ? Long.MAX_VALUE
        : left(
            limit,
            number(folder, "memory.usage_in_bytes"),
            folder,
            "total_inactive_file",
            "total_active_file");
  }

  private static long left(long limit, long used, Path folder, String... reclaimable)
      throws IOException {
    Map<String, Long> statistics =
        Files.readAllLines(folder.resolve("memory.stat")).stream()
            .map(line -> line.split(" ", 2))
            .filter(parts -> parts.length == 2)
            .collect(Collectors.toMap(parts -> parts[0], parts -> Long.parseLong(parts[1])));
    long left = limit - used;
    for (String name : reclaimable) {
      left += statistics.getOrDefault(name, 0L);
    }
    return Math.clamp(left, 0, limit);
  }

  /// No limit where the file is missing, as in the root group, or says "max".
  private static long limit(Path folder, String name) throws IOException {
    Path file = folder.resolve(name);
    if (!Files.exists(file) || Files.readString(file).strip().equals("max")) {
      return Long.MAX_VALUE;
    }
    return number(folder, name);
  }

  private static long number(Path folder, String name) throws IOException {
    return Long.parseLong(Files.readString(folder.resolve(name)).strip());
  }
}
