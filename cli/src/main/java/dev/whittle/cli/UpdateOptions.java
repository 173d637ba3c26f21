package dev.whittle.cli;

import dev.whittle.distillation.BatchPlan;
import dev.whittle.ggml.Device;
import dev.whittle.training.Forward;
import dev.whittle.training.MomentType;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// How the updates of a training are computed, whatever it learns from.
final class UpdateOptions {
  @Option(
      names = "--forward",
      paramLabel = "KIND",
      description =
          "What the student multiplies with: deployed (the blocks, by the kernels of inference) or"
              + " decoded (what they decode to, as bfloat16); ${DEFAULT-VALUE} by default.")
  private Forward forward = Forward.DECODED;

  @Option(
      names = "--moments",
      paramLabel = "TYPE",
      description =
          "How the optimizer's two moments of a matrix are stored: f32 (8 bytes a weight), bf16 (4) or"
              + " q8 (2); ${DEFAULT-VALUE} by default.")
  private MomentType moments = MomentType.F32;

  @Option(
      names = {"-ub", "--ubatch-size"},
      paramLabel = "N",
      converter = PositiveInt.class,
      description =
          "Most tokens that are computed at a time, unless a document is longer; a step is split"
              + " accordingly; by default, 2048 on the CPU and 32768 on a GPU.")
  private @Nullable Integer microBatchTokens;

  @Option(
      names = "--clip",
      paramLabel = "X",
      description = "Largest norm of the gradient, 0 for any; ${DEFAULT-VALUE} by default.")
  private double clip = 1;

  Forward forward() {
    return forward;
  }

  MomentType moments() {
    return moments;
  }

  int microBatchTokens(Device device) {
    return microBatchTokens == null ? BatchPlan.microBatchTokens(device) : microBatchTokens;
  }

  double clip() {
    return clip;
  }
}
