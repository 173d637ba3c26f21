package dev.whittle.cli;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// What this machine has of all that training on an NVIDIA GPU needs.
///
/// @param gpus as the driver names them; without a driver, as many as the bus shows
/// @param driver the driver's version; null without a driver
/// @param compiler the CUDA compiler; null without one
/// @param plugin the CUDA backend that gave a device; null without one
/// @param failures the backends that are there and gave none, with the reasons
record CudaSetup(
    List<Gpu> gpus,
    @Nullable Version driver,
    @Nullable Compiler compiler,
    @Nullable Path plugin,
    List<String> failures) {
  private static final String SUBJECT = "cuda";
  private static final String BUILD = "native/build-cuda";

  /// A GPU.
  ///
  /// @param capability its compute capability; null if the driver does not tell
  record Gpu(String name, @Nullable Version capability) {}

  /// `nvcc`.
  ///
  /// @param version of the toolkit
  /// @param capabilities that it compiles for; empty if it does not tell
  record Compiler(Path path, Version version, List<Version> capabilities) {}

  /// A version, compared number by number.
  ///
  /// @param text such as `580.95.05`
  record Version(String text) implements Comparable<Version> {
    private int[] numbers() {
      return Arrays.stream(text.split("\\.")).mapToInt(Integer::parseInt).toArray();
    }

    int major() {
      return numbers()[0];
    }

    @Override
    public int compareTo(Version other) {
      return Arrays.compare(numbers(), other.numbers());
    }

    @Override
    public String toString() {
      return text;
    }
  }

  /// The drivers that a major version of CUDA begins to run on. Within it, programs that are
  /// compiled for the very GPU run on all of them.
  ///
  /// Source: NVIDIA's CUDA Compatibility, "Minor Version Compatibility".
  private enum Family {
    CUDA_11(11, 450),
    CUDA_12(12, 525),
    CUDA_13(13, 580);

    private final int major;
    private final int leastDriver;

    Family(int major, int leastDriver) {
      this.major = major;
      this.leastDriver = leastDriver;
    }

    /// The family of a compiler; the last one that is known for any later.
    static Family of(Compiler compiler) {
      Family family = CUDA_11;
      for (Family candidate : values()) {
        family = candidate.major <= compiler.version().major() ? candidate : family;
      }
      return family;
    }

    /// The newest toolkit for a driver, if there is one.
    static String newestFor(Version driver) {
      Family newest = null;
      for (Family candidate : values()) {
        newest = candidate.leastDriver <= driver.major() ? candidate : newest;
      }
      return newest == null ? "after a newer driver" : "%d.x or older".formatted(newest.major);
    }
  }

  /// The one thing to say about it: what works, or the first thing that is missing and how to get
  /// it.
  Finding finding() {
    if (plugin != null) {
      return Finding.ok(SUBJECT, "The CUDA backend is loaded from " + plugin + ".");
    }
    if (gpus.isEmpty()) {
      return Finding.note(SUBJECT, "No NVIDIA GPU was found; Whittle computes on the CPU.");
    }
    if (driver == null) {
      return Finding.note(
          SUBJECT,
          "The machine has an NVIDIA GPU, but no driver for it; install NVIDIA's driver to compute on"
              + " the GPU.");
    }
    if (compiler != null && driver.major() < Family.of(compiler).leastDriver) {
      return unusable(tooOld(compiler, driver));
    }
    if (compiler == null) {
      return unusable(
          "nvcc was not found; install the CUDA toolkit (%s, for the GPU's driver %s) to train on the GPU."
              .formatted(Family.newestFor(driver), driver));
    }
    Gpu foreign = uncompilable(compiler);
    if (foreign != null) {
      return unusable(
          "nvcc %s does not compile for the %s (compute capability %s); build with another nvcc (%s --nvcc PATH)."
              .formatted(compiler.version(), foreign.name(), foreign.capability(), BUILD));
    }
    return unusable(
        failures.isEmpty()
            ? "The GPU is not used yet (%s, driver %s); build the CUDA backend with %s."
                .formatted(names(), driver, BUILD)
            : "%s; build the CUDA backend for this machine with %s."
                .formatted(String.join("; ", failures), BUILD));
  }

  private static String tooOld(Compiler compiler, Version driver) {
    return "The GPU's driver %s is too old for CUDA %s (needs %d or later); update the driver, or build with an older nvcc (%s --nvcc PATH)."
        .formatted(driver, compiler.version(), Family.of(compiler).leastDriver, BUILD);
  }

  /// Once there is a backend, somebody counts on it.
  private Finding unusable(String text) {
    return failures.isEmpty() ? Finding.note(SUBJECT, text) : Finding.fail(SUBJECT, text);
  }

  private String names() {
    return gpus.stream()
        .collect(Collectors.groupingBy(Gpu::name, TreeMap::new, Collectors.counting()))
        .entrySet()
        .stream()
        .map(gpu -> gpu.getValue() == 1 ? gpu.getKey() : gpu.getValue() + " × " + gpu.getKey())
        .collect(Collectors.joining(", "));
  }

  /// The first GPU that the compiler does not compile for. It does for those that are newer than
  /// another of the same major capability.
  private @Nullable Gpu uncompilable(Compiler by) {
    for (Gpu gpu : gpus) {
      Version capability = gpu.capability();
      if (capability != null
          && !by.capabilities().isEmpty()
          && by.capabilities().stream()
              .filter(known -> known.major() == capability.major())
              .min(Comparator.naturalOrder())
              .filter(least -> least.compareTo(capability) <= 0)
              .isEmpty()) {
        return gpu;
      }
    }
    return null;
  }
}
