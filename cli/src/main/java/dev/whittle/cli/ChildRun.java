package dev.whittle.cli;

import dev.whittle.training.ProcessMemory;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// A command of Whittle's run in a process of its own: what it took is then its own too, and when
/// native code ends it, that is one failure and not the end of everything.
///
/// @param exitCode of the process
/// @param output what it printed
/// @param reason the last line of what it said
/// @param seconds from start to end
/// @param peakBytes the most memory that it had resident; 0 where the system does not tell
record ChildRun(int exitCode, String output, String reason, double seconds, long peakBytes) {
  private static final long POLL_MILLIS = 20;

  /// Runs a command with this process's Java and libraries.
  ///
  /// @throws IOException if no process can be started
  static ChildRun of(List<String> arguments) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
    String libraries = System.getProperty(Whittle.NATIVE_DIRECTORY);
    if (libraries != null) {
      command.add("-D" + Whittle.NATIVE_DIRECTORY + "=" + libraries);
    }
    // A class path does not have what a jar's manifest allows.
    command.add("--enable-native-access=ALL-UNNAMED");
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.add(Whittle.class.getName());
    command.addAll(arguments);
    Path output = Files.createTempFile("whittle", ".out");
    Path errors = Files.createTempFile("whittle", ".err");
    try {
      long start = System.nanoTime();
      Process process =
          new ProcessBuilder(command)
              .redirectOutput(output.toFile())
              .redirectError(errors.toFile())
              .start();
      process.getOutputStream().close();
      Thread end = new Thread(process::destroy, "end of " + arguments.getFirst());
      Runtime.getRuntime().addShutdownHook(end);
      long peak = 0;
      try {
        while (!process.waitFor(POLL_MILLIS, TimeUnit.MILLISECONDS)) {
          peak = Math.max(peak, ProcessMemory.peakBytes(process.pid()));
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IOException("interrupted while " + arguments.getFirst() + " was running", e);
      } finally {
        process.destroy();
        forget(end);
      }
      String said = Files.readString(errors).strip();
      return new ChildRun(
          process.exitValue(),
          Files.readString(output),
          said.substring(said.lastIndexOf('\n') + 1),
          (System.nanoTime() - start) / 1e9,
          peak);
    } finally {
      Files.delete(output);
      Files.delete(errors);
    }
  }

  private static void forget(Thread hook) {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException _) {
      // This process is ending, and has ended the other one.
    }
  }

  /// Why it failed, in a sentence.
  String failure() {
    return reason.isEmpty()
        ? "ended with exit code " + exitCode
        : reason.replaceFirst("^error: ", "");
  }

  /// What it printed.
  ///
  /// @throws FruitlessException if it failed, with its reason
  String require() {
    if (exitCode != 0) {
      throw new FruitlessException(failure());
    }
    return output;
  }
}
