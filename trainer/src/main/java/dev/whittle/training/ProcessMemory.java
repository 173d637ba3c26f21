package dev.whittle.training;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;

/// What the operating system says of this process's memory.
public final class ProcessMemory {
  private static final String SELF = "self";
  private static final String PEAK = "VmHWM:";
  private static final String RESIDENT = "VmRSS:";

  private ProcessMemory() {}

  /// The most bytes that were resident at a time; 0 where the system does not tell (it is read from
  /// Linux's `/proc`).
  public static long peakBytes() {
    return read(SELF, PEAK);
  }

  /// The same of another process.
  public static long peakBytes(long process) {
    return read(Long.toString(process), PEAK);
  }

  /// The bytes that are resident now; 0 where the system does not tell.
  public static long residentBytes() {
    return read(SELF, RESIDENT);
  }

  /// The bytes that Java takes for itself: what is resident now, and the part of its heap that it
  /// has taken and not used yet.
  public static long javaBytes() {
    long resident = residentBytes();
    Runtime runtime = Runtime.getRuntime();
    return resident == 0
        ? runtime.totalMemory()
            + ManagementFactory.getMemoryMXBean().getNonHeapMemoryUsage().getCommitted()
        : resident + runtime.freeMemory();
  }

  private static long read(String process, String field) {
    try {
      for (String line : Files.readAllLines(Path.of("/proc", process, "status"))) {
        if (line.startsWith(field)) {
          return Long.parseLong(line.substring(field.length()).replace("kB", "").strip()) * 1024;
        }
      }
    } catch (IOException | NumberFormatException e) {
      // Not Linux, or no access: there is no figure.
    }
    return 0;
  }
}
