package dev.whittle.transform;

import dev.whittle.data.TokenizedCorpus;
import dev.whittle.ggml.Backend;
import dev.whittle.gguf.TensorInfo;
import dev.whittle.io.AtomicFile;
import dev.whittle.model.ModelConfig;
import dev.whittle.model.ModelFile;
import dev.whittle.quantization.QuantizationException;
import dev.whittle.quantization.QuantizationMethod;
import dev.whittle.quantization.QuantizationPlan;
import dev.whittle.quantization.TypeSelection;
import dev.whittle.training.Workers;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/// Transforms a full-precision model so that quantizing it costs less: one GGUF file in, another
/// out, which computes the same and is to be rounded by any method.
///
/// Everything is folded into the weights. What is changed is written as F32, so that nothing is
/// rounded twice; a head that was tied to the token embedding is a tensor of its own if the
/// residual stream is rotated, since the final norm's gain goes into the head alone.
///
/// @param plan which type each tensor of the transformed model will have, by [#plan]
/// @param method how the transformed model will be rounded
/// @param threads how many threads compute
public record ModelTransformer(
    TransformSettings settings, QuantizationPlan plan, QuantizationMethod method, int threads) {

  /// Which types the tensors of a transformed model get.
  ///
  /// @param hasImportance whether it is to be rounded with an importance matrix, or by GPTQ
  /// @throws QuantizationException if a tensor's rows fit neither its type nor a substitute
  public static QuantizationPlan plan(
      TransformKind kind, TypeSelection types, ModelFile model, boolean hasImportance) {
    return QuantizationPlan.of(
        types,
        model.file().metadata(),
        FoldedWriter.tensors(model, kind.rotatesStream()),
        hasImportance);
  }

  /// Transforms a model.
  ///
  /// @param text what the model is run on, if [TransformKind#needsText]
  /// @param target the file to write, whole or not at all
  /// @param overwrite whether a file that is there already may be replaced
  /// @throws QuantizationException if the model has matrices that are quantized already, or weights
  ///   or inputs that are not finite
  /// @throws FileAlreadyExistsException if `target` exists and `overwrite` is false
  /// @throws IOException if the file cannot be written
  public void transform(
      ModelFile model,
      @Nullable TokenizedCorpus text,
      Path target,
      boolean overwrite,
      TransformListener listener)
      throws IOException {
    requireFullPrecision(model);
    AtomicFile.checkWritable(target, overwrite);
    try (Backend backend = Backend.cpu(threads);
        Workers workers = new Workers(threads)) {
      Folds folds =
          switch (settings.kind()) {
            case QUAROT, MR_GPTQ -> new Rotations(settings, plan).of(model);
            case SPINQUANT -> rotations(backend, workers, model, text(text), listener);
            case AWQ, SMOOTHQUANT, FLATQUANT ->
                layers(backend, workers, model, text(text), listener);
          };
      new FoldedWriter(model, folds, workers).write(settings.kind().toString(), target, overwrite);
    }
  }

  private TokenizedCorpus text(@Nullable TokenizedCorpus text) {
    if (text == null) {
      throw new IllegalArgumentException(settings.kind() + " needs calibration text");
    }
    return text;
  }

  private static void requireFullPrecision(ModelFile model) {
    for (TensorInfo tensor : model.file().tensors()) {
      if (tensor.type().isQuantized()) {
        throw new QuantizationException(
            model.path()
                + ": tensor '"
                + tensor.name()
                + "' is quantized already, to "
                + tensor.type()
                + "; transform the full-precision model");
      }
    }
  }

  /// Changes inside the layers, found layer by layer.
  private Folds layers(
      Backend backend,
      Workers workers,
      ModelFile model,
      TokenizedCorpus text,
      TransformListener listener) {
    ModelConfig config = model.config();
    OutputError errors =
        new OutputError(new Products(backend), new TrialRounding(plan, method, workers));
    ScaleSearch search = new ScaleSearch(errors);
    LayerScales.Rule rule =
        switch (settings.kind()) {
          case AWQ -> search::search;
          case FLATQUANT -> new LearnedScales(search, errors, settings.steps())::learn;
          default -> new Smoothing(settings.alpha())::scales;
        };
    LayerScales scales = new LayerScales(config, rule);
    LearnedHeads heads = new LearnedHeads(config, errors, settings.steps());
    Random random = new Random(settings.seed());
    List<LayerFolds> layers = new ArrayList<>();
    listener.progress(0, config.layers());
    new LayerPass(backend, model, text)
        .run((number, inputs, layer) -> {
          LayerFolds folds = scales.of(number, inputs, layer);
          if (settings.kind() == TransformKind.FLATQUANT) {
            LinearMap rotation = Rotations.random(config.headSize(), random);
            folds =
                folds.withHeads(
                    heads.learn(
                        number,
                        inputs,
                        layer,
                        folds.attentionNorm(),
                        List.of(
                            folds.heads(),
                            BlockDiagonal.repeated(rotation, config.keyValueHeads()))));
          }
          layers.add(folds);
          listener.progress(number + 1, config.layers());
        });
    return new Folds(layers, null, null);
  }

  /// Rotations, learned over all layers.
  private Folds rotations(
      Backend backend,
      Workers workers,
      ModelFile model,
      TokenizedCorpus text,
      TransformListener listener) {
    OutputError errors =
        new OutputError(new Products(backend), new TrialRounding(plan, method, workers));
    return LearnedRotations.of(model, errors, text, backend, settings.seed())
        .learn(settings.steps(), settings.seed(), listener);
  }
}
