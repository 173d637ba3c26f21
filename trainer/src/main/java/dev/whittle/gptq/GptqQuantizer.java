package dev.whittle.gptq;

import dev.whittle.data.TokenizedCorpus;
import dev.whittle.ggml.Backend;
import dev.whittle.io.AtomicFile;
import dev.whittle.model.BatchInputs;
import dev.whittle.model.ModelFile;
import dev.whittle.model.SingleLayer;
import dev.whittle.quantization.PostTrainingQuantizer;
import dev.whittle.quantization.QuantizationException;
import dev.whittle.quantization.QuantizationListener;
import dev.whittle.quantization.QuantizationMethod;
import dev.whittle.quantization.QuantizationPlan;
import dev.whittle.training.Workers;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/// Quantizes a model by GPTQ: one GGUF file and some text in, another file out.
///
/// The layers are quantized in order, and in a layer its matrices: what goes into a matrix, on the
/// calibration text, is computed with the quantized weights before it. The Hessians of one layer,
/// and the blocks of all, are held in memory.
///
/// A token embedding that serves as the head is solved as the head, with the inputs that the
/// full-precision model gives it; another one is encoded by itself. Types whose blocks are not made
/// by [BlockFormat] are encoded by ggml with the diagonal of the Hessian as importance.
///
/// @param types which tensor becomes what; its method is [QuantizationMethod#GPTQ]
public record GptqQuantizer(PostTrainingQuantizer types, GptqSettings settings) {
  public GptqQuantizer {
    if (types.method() != QuantizationMethod.GPTQ) {
      throw new IllegalArgumentException("the method is " + types.method());
    }
  }

  /// Quantizes a model.
  ///
  /// @param calibration the text
  /// @param kept a folder where finished layers are kept, for a run that is killed; null for none
  /// @param target the file to write, whole or not at all
  /// @param overwrite whether a file that is there already may be replaced
  /// @throws QuantizationException if the model cannot be quantized as asked, or has weights or
  ///   inputs that are not finite
  /// @throws IOException if the file cannot be written
  public QuantizationPlan quantize(
      ModelFile model,
      TokenizedCorpus calibration,
      @Nullable Path kept,
      Path target,
      boolean overwrite,
      GptqListener listener)
      throws IOException {
    QuantizationPlan plan = types.plan(model.file());
    AtomicFile.checkWritable(target, overwrite);
    FinishedLayers finished =
        FinishedLayers.in(kept, model, calibration, plan, "gptq by sensitivity " + settings);
    try (Arena arena = Arena.ofShared();
        Backend backend = Backend.cpu(types.threads());
        Workers workers = new Workers(types.threads());
        CalibrationBatches batches = new CalibrationBatches(calibration, model.config().width());
        BatchInputs inputs = new BatchInputs(backend, batches.shape());
        SingleLayer layer = new SingleLayer(backend, model, inputs)) {
      TokenSensitivity sensitivity = TokenSensitivity.of(backend, model, batches, inputs);
      LayerGptq gptq =
          new LayerGptq(
              settings, model, plan, inputs, layer, sensitivity, workers, listener::warning);
      Map<String, MemorySegment> encoded = new HashMap<>();
      gptq.embed(batches, arena).ifPresent(made -> encoded.put(ModelFile.EMBEDDING, made.blocks()));
      int layers = model.config().layers();
      for (int i = 0; i < layers; i++) {
        listener.layer(i, layers);
        SequencedMap<String, MemorySegment> done = finished.find(i, arena).orElse(null);
        if (done != null) {
          gptq.load(i);
          done.forEach(gptq::replace);
        } else {
          try (Arena ofLayer = Arena.ofShared()) {
            done = new LinkedHashMap<>();
            for (Map.Entry<String, SolvedMatrix> e : gptq.solve(i, batches, ofLayer).entrySet()) {
              done.put(e.getKey(), copy(e.getValue().blocks(), arena));
            }
          }
          finished.keep(i, done);
        }
        encoded.putAll(done);
        gptq.forward(batches);
      }
      if (!model.config().tied()) {
        gptq.head(batches, arena).ifPresent(made -> encoded.put(ModelFile.OUTPUT, made.blocks()));
      }
      listener.layer(layers, layers);
      return types.quantize(model.file(), target, overwrite, QuantizationListener.NONE, encoded);
    }
  }

  private static MemorySegment copy(MemorySegment blocks, Arena arena) {
    return arena.allocate(blocks.byteSize(), 64).copyFrom(blocks);
  }
}
