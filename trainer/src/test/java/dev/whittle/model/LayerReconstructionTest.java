package dev.whittle.model;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.autograd.FiniteDifference;
import dev.whittle.ggml.Backend;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Tensor;
import dev.whittle.huggingface.HuggingFaceCheckpoint;
import dev.whittle.huggingface.TinyCheckpoint;
import dev.whittle.training.Forward;
import dev.whittle.training.MomentType;
import dev.whittle.training.TrainedWeights;
import dev.whittle.training.WeightSettings;
import dev.whittle.training.Workers;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LayerReconstructionTest {
  private static final TinyCheckpoint.Sizes SIZES = new TinyCheckpoint.Sizes(2, 64, 96, 4, 2, 16);
  private static final int TOKENS = 48;

  @TempDir Path folder;

  @Test
  void theGradientIsTheSlopeOfHalfTheError() throws IOException {
    Path file = folder.resolve("model.gguf");
    try (HuggingFaceCheckpoint checkpoint =
        HuggingFaceCheckpoint.open(TinyCheckpoint.qwen3(SIZES, 5).write(folder.resolve("hf")))) {
      checkpoint.writeGguf(file, GgmlType.F32, false);
    }
    try (ModelFile model = ModelFile.open(file);
        Backend backend = Backend.cpu(1);
        Workers workers = new Workers(1);
        BatchInputs inputs = new BatchInputs(backend, new BatchShape(2, TOKENS / 2));
        TrainedWeights weights =
            new TrainedWeights(
                backend,
                model,
                tensor -> tensor.name().startsWith("blk.1."),
                tensor -> GgmlType.F32,
                tensor -> null,
                WeightSettings.of(Forward.DECODED, MomentType.F32),
                workers);
        LayerReconstruction layer =
            new LayerReconstruction(backend, model, weights, 1, null, inputs)) {
      weights.decode();
      int[] places = IntStream.range(0, TOKENS).map(i -> i % (TOKENS / 2)).toArray();
      inputs.load(new int[TOKENS], places, new int[TOKENS]);
      Random random = new Random(8);
      fill(layer.states(), random);
      fill(layer.targets(), random);
      float[] counted = new float[TOKENS];
      Arrays.fill(counted, 0, TOKENS - 5, 1);
      layer.weigh(counted);
      weights.clearGradients();
      layer.differentiate();
      for (String name :
          new String[] {"attn_norm", "attn_q", "attn_output", "ffn_up", "ffn_down"}) {
        Tensor weight = weights.parameter("blk.1." + name + ".weight").master();
        float[] gradient = weights.parameter("blk.1." + name + ".weight").gradient().readFloats();
        double error = FiniteDifference.error(weight, gradient, () -> layer.error() / 2, 1e-2, 3);
        // Passes round to BF16: the backward one everywhere, and the forward one where it
        // multiplies
        // by ggml's own kernels, which hides smaller steps than these.
        assertTrue(error < 0.02, name + ": " + error);
      }
    }
  }

  private static void fill(Tensor tensor, Random random) {
    float[] values = new float[Math.toIntExact(tensor.elements())];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    tensor.write(values);
  }
}
