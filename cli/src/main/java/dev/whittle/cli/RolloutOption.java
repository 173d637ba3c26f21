package dev.whittle.cli;

import dev.whittle.ggml.DeviceSelection;
import dev.whittle.ggml.LlamaModelOptions;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// Where a model in training writes replies: `--rollout-device`.
final class RolloutOption {
  @Option(
      names = "--rollout-device",
      paramLabel = "DEVICE",
      description =
          "Where replies are written, if not on the devices that train: cpu, or a device as --device"
              + " takes it. The processors are free while a GPU trains.")
  private @Nullable String device;

  /// The options of the model that replies, which `training` says where this option does not.
  ///
  /// @throws UnusableException if there is no such device
  LlamaModelOptions place(LlamaModelOptions training) {
    if (device == null) {
      return training;
    }
    try {
      return training.withDevices(DeviceSelection.parse(device));
    } catch (IllegalArgumentException e) {
      throw new UnusableException("--rollout-device is " + device + ", but " + e.getMessage(), e);
    }
  }
}
