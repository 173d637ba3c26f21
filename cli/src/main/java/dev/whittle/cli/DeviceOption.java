package dev.whittle.cli;

import dev.whittle.ggml.Device;
import dev.whittle.ggml.DeviceSelection;
import java.util.List;
import java.util.function.Supplier;
import picocli.CommandLine.Option;

/// Where a command computes: `--device`.
final class DeviceOption {
  @Option(
      names = {"-dev", "--device"},
      paramLabel = "DEVICE",
      description =
          "auto (all GPUs, if there are any), cpu, cuda, or names such as CUDA0,CUDA1;"
              + " ${DEFAULT-VALUE} by default. Several devices share each step of a training.")
  private String names = "auto";

  /// As it was written.
  String names() {
    return names;
  }

  /// @throws UnusableException if there is no such device
  DeviceSelection select() {
    return asked(() -> DeviceSelection.parse(names));
  }

  /// The devices that share the steps of a training.
  ///
  /// @throws UnusableException if there is no such device, or they cannot train together
  List<Device> replicas() {
    DeviceSelection selection = select();
    return asked(selection::replicas);
  }

  private <T> T asked(Supplier<T> selection) {
    try {
      return selection.get();
    } catch (IllegalArgumentException e) {
      throw new UnusableException("--device is " + names + ", but " + e.getMessage(), e);
    }
  }
}
