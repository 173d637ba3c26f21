package dev.whittle.gptq;

import dev.whittle.ggml.BlockCodec;
import dev.whittle.ggml.Tensor;
import dev.whittle.gguf.TensorInfo;
import dev.whittle.model.BatchInputs;
import dev.whittle.model.Family;
import dev.whittle.model.ModelFile;
import dev.whittle.model.SingleLayer;
import dev.whittle.quantization.QuantizationException;
import dev.whittle.quantization.QuantizationPlan;
import dev.whittle.quantization.QuantizationPlan.Assignment;
import dev.whittle.training.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// GPTQ of one layer at a time, in whose memory its weights and Hessians are.
///
/// What goes into a matrix is computed with the quantized matrices before it, in the layer, and in
/// the layers before as the hidden states tell.
public final class LayerGptq {
  private final ModelFile model;
  private final QuantizationPlan plan;
  private final BatchInputs inputs;
  private final SingleLayer layer;
  private final TokenSensitivity sensitivity;
  private final MatrixSolver solver;

  /// @param plan the type of each tensor
  /// @param layer of the model, over micro-batches in `inputs`
  /// @param sensitivity what the tokens of the calibration text count
  /// @param warnings hears one sentence on each matrix whose calibration leaves something to be
  ///   desired
  public LayerGptq(
      GptqSettings settings,
      ModelFile model,
      QuantizationPlan plan,
      BatchInputs inputs,
      SingleLayer layer,
      TokenSensitivity sensitivity,
      Workers workers,
      Consumer<String> warnings) {
    this.model = model;
    this.plan = plan;
    this.inputs = inputs;
    this.layer = layer;
    this.sensitivity = sensitivity;
    solver = new MatrixSolver(settings, workers, warnings);
  }

  /// Solves the matrices of a layer, which then has what they decode to.
  ///
  /// @param states what goes into the layer
  /// @param arena of what is made
  /// @return the matrices that are quantized, by their names in the file
  /// @throws QuantizationException if a weight or an input is not finite, or a Hessian cannot be
  ///   factored
  public SequencedMap<String, SolvedMatrix> solve(
      int number, CalibrationBatches batches, Arena arena) {
    load(number);
    SequencedMap<String, SolvedMatrix> solved = new LinkedHashMap<>();
    for (SingleLayer.InputProducts products : layer.products()) {
      List<String> names = products.namesIn(number);
      Hessian hessian = hessian(products, names, batches);
      for (String name : names) {
        Assignment assignment = assignment(name);
        Tensor weight = weight(name);
        solver
            .solve(assignment, weight.host(), hessian, arena)
            .ifPresent(made -> {
              solved.put(name, made);
              BlockCodec.of(made.type()).decode(made.blocks(), weight.host(), weight.elements());
            });
      }
    }
    return solved;
  }

  /// Takes the full-precision weights of a layer.
  ///
  /// @throws QuantizationException if one is not finite
  public void load(int number) {
    layer.load(number);
    for (Family.WeightSpec spec : model.family().layerWeights(model.config())) {
      for (float value : layer.weight(spec.name()).readFloats()) {
        if (!Float.isFinite(value)) {
          throw new QuantizationException(
              "tensor 'blk."
                  + number
                  + "."
                  + spec.name()
                  + "' has "
                  + value
                  + " among its values; the model is damaged, or was trained into overflow");
        }
      }
    }
  }

  /// Puts what blocks decode to in the place of a weight of the layer that was loaded last.
  ///
  /// @param name in the file
  /// @param blocks of the type that the plan has for it
  public void replace(String name, MemorySegment blocks) {
    Tensor weight = weight(name);
    BlockCodec.of(assignment(name).type()).decode(blocks, weight.host(), weight.elements());
  }

  /// Moves states to behind the layer as it is now.
  public void forward(CalibrationBatches batches) {
    batches.forward(inputs, layer);
  }

  /// Sets states to the embeddings of the tokens as they will be in the file, and solves the token
  /// embedding for that: where it serves as the head, as the head, with the inputs that the
  /// full-precision model gives it; else by itself.
  ///
  /// @return nothing if the embedding is not to be quantized
  public Optional<SolvedMatrix> embed(CalibrationBatches batches, Arena arena) {
    batches.embed(model);
    Optional<SolvedMatrix> made;
    if (model.config().tied()) {
      for (int i = 0; i < model.config().layers(); i++) {
        load(i);
        forward(batches);
      }
      made = head(batches, arena);
    } else {
      made = solve(ModelFile.EMBEDDING, null, arena);
    }
    made.ifPresentOrElse(
        solved ->
            batches.embed(
                BlockCodec.of(solved.type()),
                solved.blocks(),
                model.file().require(ModelFile.EMBEDDING)),
        () -> batches.embed(model));
    return made;
  }

  /// Solves the head.
  ///
  /// @param states behind the last layer
  /// @return nothing if it is not to be quantized
  public Optional<SolvedMatrix> head(CalibrationBatches batches, Arena arena) {
    String name = model.headName();
    return solve(name, hessian(layer.headProducts(), List.of(name), batches), arena);
  }

  private Optional<SolvedMatrix> solve(String name, @Nullable Hessian hessian, Arena arena) {
    TensorInfo info = model.file().require(name);
    try (Arena own = Arena.ofShared()) {
      MemorySegment values = own.allocate(info.elements() * Float.BYTES, 64);
      BlockCodec.of(info.type()).decode(model.file().data(info), values, info.elements());
      return solver.solve(assignment(name), values, hessian, arena);
    }
  }

  private Hessian hessian(
      SingleLayer.InputProducts products, List<String> names, CalibrationBatches batches) {
    return Hessian.of(products, names, sensitivity, batches, inputs, layer);
  }

  /// A weight of the layer that was loaded last, by its name in the file.
  private Tensor weight(String name) {
    return layer.weight(name.substring(name.indexOf('.', "blk.".length()) + 1));
  }

  private Assignment assignment(String name) {
    return plan.assignment(name).orElseThrow();
  }
}
