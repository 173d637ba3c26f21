package dev.whittle.ggml;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/// Which devices are to compute beside the CPU, by the names that a command line has for them.
///
/// @param isAutomatic whether nothing was named: `accelerators` are then all GPUs
/// @param accelerators GPUs and the like, in order; empty where the CPU computes alone
public record DeviceSelection(boolean isAutomatic, List<Device> accelerators) {
  private static final String AUTOMATIC = "auto";
  private static final String CPU = "cpu";

  /// llama.cpp's own word for the CPU alone.
  private static final String NONE = "none";

  private static final String CUDA = "cuda";

  public DeviceSelection {
    accelerators = List.copyOf(accelerators);
  }

  /// All GPUs that there are.
  public static DeviceSelection automatic() {
    return new DeviceSelection(true, named(device -> device.kind() == Device.Kind.GPU));
  }

  /// The CPU alone.
  public static DeviceSelection cpu() {
    return new DeviceSelection(false, List.of());
  }

  /// Reads `auto` (all GPUs), `cpu`, `cuda` (all CUDA devices), or names as ggml has them, such as
  /// `CUDA0`, with commas between them.
  ///
  /// @throws IllegalArgumentException naming what there is not
  public static DeviceSelection parse(String names) {
    return switch (names.toLowerCase(Locale.ROOT)) {
      case AUTOMATIC -> automatic();
      case CPU, NONE -> cpu();
      case CUDA -> cuda();
      default ->
          new DeviceSelection(
              false, Arrays.stream(names.split(",", -1)).map(DeviceSelection::device).toList());
    };
  }

  /// Those that can share the steps of a training, in order: all that are selected, or the CPU
  /// where it computes alone. Of all GPUs that there are, those of the first one's library.
  ///
  /// @throws IllegalArgumentException if devices of several libraries are named, which would not
  ///   come to the same results, or one of them twice
  public List<Device> replicas() {
    if (accelerators.isEmpty()) {
      return List.of(Device.cpu());
    }
    Device first = accelerators.getFirst();
    List<Device> alike = accelerators.stream().filter(first::sharesLibraryWith).toList();
    if (isAutomatic) {
      return alike;
    }
    for (Device device : accelerators) {
      if (!alike.contains(device)) {
        throw new IllegalArgumentException(
            "%s and %s cannot share a training, since different libraries compute on them; name devices of one"
                .formatted(first.name(), device.name()));
      }
    }
    if (alike.stream().map(Device::name).distinct().count() < alike.size()) {
      throw new IllegalArgumentException(
          "a training takes each device once; name none of them twice");
    }
    return alike;
  }

  private static DeviceSelection cuda() {
    List<Device> found = named(device -> isCuda(device.name()));
    if (found.isEmpty()) {
      throw new IllegalArgumentException(
          "there is no CUDA device; run 'whittle doctor' to see what one needs, or choose cpu");
    }
    return new DeviceSelection(false, found);
  }

  private static Device device(String name) {
    if (isCuda(name) && named(device -> isCuda(device.name())).isEmpty()) {
      return cuda().accelerators().getFirst();
    }
    return named(device -> device.kind() != Device.Kind.CPU && device.name().equalsIgnoreCase(name))
        .stream()
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException(unknown(name)));
  }

  private static String unknown(String name) {
    String there = named(_ -> true).stream().map(Device::name).collect(Collectors.joining(", "));
    return "there is no device '%s'; choose auto, cpu, cuda or one of %s".formatted(name, there);
  }

  private static boolean isCuda(String name) {
    return name.toLowerCase(Locale.ROOT).startsWith(CUDA);
  }

  private static List<Device> named(Predicate<Device> which) {
    NativeRuntime runtime = NativeRuntime.load();
    runtime.loadAccelerators();
    return runtime.devices().stream().filter(which).toList();
  }
}
