package dev.whittle.cli;

import dev.whittle.cli.CudaSetup.Compiler;
import dev.whittle.cli.CudaSetup.Gpu;
import dev.whittle.cli.CudaSetup.Version;
import dev.whittle.ggml.NativeRuntime.Accelerators;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// Looks for an NVIDIA GPU, its driver and the CUDA compiler.
///
/// @param root the root of the file system
/// @param searchPath the folders of the environment variable PATH
/// @param commands runs programs
record CudaProbe(Path root, List<Path> searchPath, Commands commands) {
  /// A driver that hangs must not hang the doctor.
  private static final int SECONDS = 20;

  private static final String NVIDIA = "0x10de";
  private static final String DISPLAY_CLASS = "0x03";
  private static final Pattern MODULE_VERSION =
      Pattern.compile("NVRM version:.*?\\s(\\d+(?:\\.\\d+)+)\\s");
  private static final Pattern TOOLKIT_RELEASE = Pattern.compile("release (\\d+\\.\\d+)");
  private static final Pattern ARCHITECTURE = Pattern.compile("compute_(\\d+)(\\d)");

  /// What another program says.
  @FunctionalInterface
  interface Commands {
    /// What a command writes to standard output; empty if it cannot be run, fails or hangs.
    Optional<String> output(List<String> command);
  }

  static CudaProbe ofThisMachine() {
    String path = Optional.ofNullable(System.getenv("PATH")).orElse("");
    return new CudaProbe(
        Path.of("/"),
        Stream.of(path.split(":")).filter(folder -> !folder.isEmpty()).map(Path::of).toList(),
        CudaProbe::run);
  }

  private static Optional<String> run(List<String> command) {
    try {
      Path output = Files.createTempFile("whittle", ".txt");
      try {
        Process process =
            new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        process.getOutputStream().close();
        if (!process.waitFor(SECONDS, TimeUnit.SECONDS)) {
          process.destroyForcibly();
          return Optional.empty();
        }
        String text = Files.readString(output, StandardCharsets.ISO_8859_1);
        return process.exitValue() == 0 ? Optional.of(text) : Optional.empty();
      } finally {
        Files.delete(output);
      }
    } catch (IOException e) {
      return Optional.empty();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return Optional.empty();
    }
  }

  /// What there is.
  ///
  /// @param accelerators what came of the backends in Whittle's folder
  CudaSetup examine(Accelerators accelerators) {
    List<Gpu> gpus = new ArrayList<>();
    Version driver = null;
    for (String line : query().lines().toList()) {
      String[] fields = line.split(",");
      if (fields.length == 3 && version(fields[1]) != null) {
        gpus.add(new Gpu(fields[0].strip(), version(fields[2])));
        driver = version(fields[1]);
      }
    }
    if (gpus.isEmpty()) {
      // Without the tool, or where it fails.
      driver = moduleVersion();
      for (int i = 0; i < gpusOnTheBus(); i++) {
        gpus.add(new Gpu("NVIDIA GPU", null));
      }
    }
    return new CudaSetup(gpus, driver, compiler(), accelerators.plugin(), accelerators.failures());
  }

  private String query() {
    return commands
        .output(
            List.of(
                "nvidia-smi",
                "--query-gpu=name,driver_version,compute_cap",
                "--format=csv,noheader"))
        .orElse("");
  }

  private @Nullable Version moduleVersion() {
    Matcher matcher = MODULE_VERSION.matcher(text(root.resolve("proc/driver/nvidia/version")));
    return matcher.find() ? new Version(matcher.group(1)) : null;
  }

  private int gpusOnTheBus() {
    try (Stream<Path> devices = Files.list(root.resolve("sys/bus/pci/devices"))) {
      return (int)
          devices
              .filter(device -> text(device.resolve("vendor")).strip().equals(NVIDIA))
              .filter(device -> text(device.resolve("class")).startsWith(DISPLAY_CLASS))
              .count();
    } catch (IOException e) {
      return 0;
    }
  }

  private @Nullable Compiler compiler() {
    return Stream.concat(
            searchPath.stream().map(folder -> folder.resolve("nvcc")),
            Stream.of(root.resolve("usr/local/cuda/bin/nvcc")))
        .filter(Files::isExecutable)
        .findFirst()
        .flatMap(this::compiler)
        .orElse(null);
  }

  private Optional<Compiler> compiler(Path nvcc) {
    String version = commands.output(List.of(nvcc.toString(), "--version")).orElse("");
    Matcher release = TOOLKIT_RELEASE.matcher(version);
    if (!release.find()) {
      return Optional.empty();
    }
    String architectures = commands.output(List.of(nvcc.toString(), "--list-gpu-arch")).orElse("");
    List<Version> capabilities =
        ARCHITECTURE
            .matcher(architectures)
            .results()
            .map(found -> new Version(found.group(1) + "." + found.group(2)))
            .toList();
    return Optional.of(new Compiler(nvcc, new Version(release.group(1)), capabilities));
  }

  private static @Nullable Version version(String text) {
    return text.strip().matches("\\d+(\\.\\d+)*") ? new Version(text.strip()) : null;
  }

  private static String text(Path file) {
    try {
      return Files.readString(file, StandardCharsets.ISO_8859_1);
    } catch (IOException e) {
      return "";
    }
  }
}
