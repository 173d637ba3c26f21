package dev.whittle.training;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// What the operating system says of this process's memory.
public final class ProcessMemory {
  private static final Path STATUS = Path.of("/proc/self/status");
  private static final String PEAK = "VmHWM:";

  private ProcessMemory() {}

  /// The most bytes that were resident at a time; 0 where the system does not tell (it is read from
  /// Linux's `/proc`).
  public static long peakBytes() {
    try {
      for (String line : Files.readAllLines(STATUS)) {
        if (line.startsWith(PEAK)) {
          return Long.parseLong(line.substring(PEAK.length()).replace("kB", "").strip()) * 1024;
        }
      }
    } catch (IOException | NumberFormatException e) {
      // Not Linux, or no access: there is no figure.
    }
    return 0;
  }
}
