package dev.whittle.simulation;

import dev.whittle.ggml.Batch;
import dev.whittle.ggml.EvalCallback;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.LlamaContext;
import dev.whittle.ggml.LlamaContextOptions;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.ObservedNode;
import dev.whittle.ggml.ObservedTensor;
import java.nio.FloatBuffer;
import java.util.HashSet;
import java.util.Set;

/// Rounds what goes into the matrices of a model's layers while llama.cpp computes: activations in
/// a simulated format, in any evaluation that llama.cpp runs, on the CPU. The head's input is left
/// as it is.
///
/// A matrix of a quantized type rounds its input again by itself, to 8 bits; one of F32 or BF16
/// takes it as it is.
public final class ActivationRounding implements EvalCallback {
  private final Simulation simulation;
  private final Set<String> inputs;

  private ActivationRounding(Simulation simulation, Set<String> inputs) {
    this.simulation = simulation;
    this.inputs = inputs;
  }

  /// Finds the inputs of a model's matrices by having it compute a token.
  ///
  /// @throws IllegalArgumentException if the pre-scale is to be searched for, which activations
  ///   leave no time for
  public static ActivationRounding of(LlamaModel model, Simulation simulation) {
    if (simulation.isSearched()) {
      throw new IllegalArgumentException(
          "the pre-scale of activations is not searched for; give it as a number");
    }
    Inputs found = new Inputs();
    LlamaContextOptions options =
        LlamaContextOptions.builder()
            .contextLength(1)
            .batchSize(1)
            .threads(1)
            .evalCallback(found)
            .build();
    try (LlamaContext context = model.newContext(options)) {
      Batch batch = new Batch(1);
      batch.add(0, 0, 0, true);
      context.decode(batch);
    }
    return new ActivationRounding(simulation, Set.copyOf(found.names));
  }

  /// Collects the names of what is multiplied with the matrices of layers.
  private static final class Inputs implements EvalCallback {
    private final Set<String> names = new HashSet<>();

    @Override
    public boolean wants(ObservedNode node) {
      if (node.operation().startsWith("MUL_MAT")
          && node.source(0).orElseThrow().name().startsWith("blk.")) {
        names.add(node.source(1).orElseThrow().name());
      }
      return false;
    }

    @Override
    public void computed(ObservedNode node) {}
  }

  @Override
  public boolean wants(ObservedNode node) {
    ObservedTensor result = node.result();
    return inputs.contains(result.name()) && result.type() == GgmlType.F32;
  }

  @Override
  public void computed(ObservedNode node) {
    ObservedTensor result = node.result();
    FloatBuffer values = result.writableFloats();
    float[] row = new float[Math.toIntExact(result.shape()[0])];
    while (values.hasRemaining()) {
      values.mark();
      values.get(row);
      simulation.format().round(row, simulation.preScale());
      values.reset().put(row);
    }
  }
}
