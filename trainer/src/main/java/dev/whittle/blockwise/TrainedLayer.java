package dev.whittle.blockwise;

import dev.whittle.blocks.BlockFormat;
import dev.whittle.ggml.Backend;
import dev.whittle.ggml.BlockCodec;
import dev.whittle.ggml.Tensor;
import dev.whittle.gptq.SolvedMatrix;
import dev.whittle.gptq.TokenSensitivity;
import dev.whittle.model.BatchInputs;
import dev.whittle.model.LayerReconstruction;
import dev.whittle.model.ModelFile;
import dev.whittle.optimizer.AdamW;
import dev.whittle.quantization.QuantizationPlan;
import dev.whittle.training.DecayTarget;
import dev.whittle.training.Forward;
import dev.whittle.training.MomentType;
import dev.whittle.training.Parameter;
import dev.whittle.training.TrainedWeights;
import dev.whittle.training.WeightSettings;
import dev.whittle.training.Workers;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/// One layer whose blocks are trained to give wanted outputs.
///
/// Its matrices begin with the blocks and the masters that GPTQ ends with, and keep their scales or
/// train them, as the settings say. Norms and biases are trained too.
final class TrainedLayer implements AutoCloseable {
  /// Below so many bits a weight, GPTQ leaves so much to be mended that masters need larger steps,
  /// and nearly all tokens matter.
  private static final double COARSE_BITS = 2.5;

  /// How much larger.
  private static final double COARSE_RATE = 4;

  private final BlockwiseSettings settings;
  private final TrainedWeights weights;
  private final LayerReconstruction reconstruction;
  private final double matrixUnit;
  private final double vectorUnit;
  private final boolean coarse;
  private int steps;

  /// @param solved the matrices that are quantized, by their names in the file
  TrainedLayer(
      BlockwiseSettings settings,
      Backend backend,
      ModelFile model,
      QuantizationPlan plan,
      int number,
      Map<String, SolvedMatrix> solved,
      @Nullable Tensor ropeFactors,
      BatchInputs inputs,
      Workers workers) {
    this.settings = settings;
    String prefix = "blk." + number + ".";
    weights =
        new TrainedWeights(
            backend,
            model,
            tensor -> tensor.name().startsWith(prefix),
            tensor -> plan.assignment(tensor.name()).orElseThrow().type(),
            tensor -> null,
            new WeightSettings(
                Forward.DECODED, MomentType.F32, settings.scales(), DecayTarget.ZERO, 0),
            workers);
    for (Parameter p : weights.parameters()) {
      SolvedMatrix made = solved.get(p.name());
      if (made != null) {
        p.master().write(made.masters(), 0);
        p.blocks().write(made.blocks(), 0);
      } else if (p.isEncoded()) {
        BlockCodec.of(p.type())
            .encode(p.master().host(), p.blocks().host(), p.outputs(), p.inputs(), null);
      }
    }
    weights.takeBlocks();
    matrixUnit = solved.values().stream().mapToDouble(TrainedLayer::meanScale).average().orElse(0);
    vectorUnit = meanWeight(Parameter.Group.VECTOR);
    coarse = isCoarse(solved);
    reconstruction = new LayerReconstruction(backend, model, weights, number, ropeFactors, inputs);
  }

  /// Whether the matrices have, on the whole, types of few bits.
  private static boolean isCoarse(Map<String, SolvedMatrix> solved) {
    double bytes = 0;
    double weights = 0;
    for (SolvedMatrix made : solved.values()) {
      bytes += made.blocks().byteSize();
      weights += (double) made.masters().byteSize() / Float.BYTES;
    }
    return Byte.SIZE * bytes < COARSE_BITS * weights;
  }

  /// The mean distance between neighbouring levels.
  private static double meanScale(SolvedMatrix made) {
    BlockFormat format = BlockFormat.of(made.type()).orElseThrow();
    int columns = format.blockSize();
    long rows = made.blocks().byteSize() / made.type().blockBytes();
    float[] scales = new float[Math.toIntExact(rows * format.subBlocks())];
    format.readScales(made.blocks(), MemorySegment.ofArray(scales), null, rows, columns);
    double sum = 0;
    for (float scale : scales) {
      sum += Math.abs(scale);
    }
    return sum / scales.length;
  }

  private double meanWeight(Parameter.Group group) {
    double sum = 0;
    long count = 0;
    for (Parameter p : weights.parameters()) {
      if (p.group() == group) {
        for (float value : p.master().readFloats()) {
          sum += Math.abs(value);
        }
        count += p.elements();
      }
    }
    return count == 0 ? 0 : sum / count;
  }

  /// Whether there is anything to train for: a layer that is not quantized gives what it should.
  boolean isTrained() {
    return matrixUnit > 0;
  }

  LayerReconstruction reconstruction() {
    return reconstruction;
  }

  /// Sets what the squared error of each token counts: its weight, or for types of few bits, which
  /// have to be mended everywhere, the root of that.
  void weigh(float[] tokenWeights) {
    reconstruction.weigh(coarse ? TokenSensitivity.roots(tokenWeights) : tokenWeights);
  }

  /// Makes a step over the micro-batch in the inputs.
  ///
  /// @param share of the highest learning rate
  void step(AdamW adam, double share) {
    steps++;
    weights.clearGradients();
    reconstruction.differentiate();
    weights.update(adam, group -> new AdamW.Step(steps, (float) (share * rate(group)), 0, 1));
    weights.encodeAgain();
  }

  private double rate(Parameter.Group group) {
    return switch (group) {
      case VECTOR -> settings.vectorRate() * vectorUnit;
      case MATRIX, EMBEDDING -> settings.masterRate() * matrixUnit * (coarse ? COARSE_RATE : 1);
    };
  }

  /// The layer's tensors as they are written to the file, by their names there.
  SequencedMap<String, byte[]> values() {
    SequencedMap<String, byte[]> values = new LinkedHashMap<>();
    for (Parameter p : weights.parameters()) {
      values.put(p.name(), p.blocks().host().toArray(ValueLayout.JAVA_BYTE));
    }
    return values;
  }

  @Override
  public void close() {
    reconstruction.close();
    weights.close();
  }
}
