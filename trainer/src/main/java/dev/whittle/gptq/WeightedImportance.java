package dev.whittle.gptq;

import dev.whittle.data.TokenizedCorpus;
import dev.whittle.ggml.Backend;
import dev.whittle.model.BatchInputs;
import dev.whittle.model.ModelFile;
import dev.whittle.model.SingleLayer;
import dev.whittle.model.SingleLayer.InputProducts;
import dev.whittle.quantization.ImportanceMatrix;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.IntConsumer;

/// Collects an importance matrix in which a token counts by what an error there costs the model's
/// replies ([TokenSensitivity]); in that of `llama-imatrix` all tokens count alike.
///
/// The inputs of the matrices are those of the full-precision model, and the means of their
/// weighted squares are the diagonals of the Hessians that GPTQ would begin with. Runs on the CPU,
/// document by document as training does.
///
/// @param output whether `output.weight` gets an importance too, as in
///   [dev.whittle.quantization.ImportanceCollector]
/// @param threads how many threads compute
public record WeightedImportance(boolean output, int threads) {
  /// Collects the importance of a model's matrices.
  ///
  /// @param corpus the text
  /// @param dataset what the matrix will say that it was made from
  /// @param progress hears of the number of layers that are done, before the first and after each
  /// @throws dev.whittle.quantization.QuantizationException if inputs are not finite
  public ImportanceMatrix collect(
      ModelFile model, TokenizedCorpus corpus, String dataset, IntConsumer progress) {
    Map<String, float[]> means = new TreeMap<>();
    int layers = model.config().layers();
    try (Backend backend = Backend.cpu(threads);
        CalibrationBatches batches = new CalibrationBatches(corpus, model.config().width());
        BatchInputs inputs = new BatchInputs(backend, batches.shape());
        SingleLayer layer = new SingleLayer(backend, model, inputs)) {
      TokenSensitivity sensitivity = TokenSensitivity.of(backend, model, batches, inputs);
      batches.embed(model);
      for (int i = 0; i < layers; i++) {
        progress.accept(i);
        layer.load(i);
        for (InputProducts products : layer.products()) {
          List<String> names = products.namesIn(i);
          float[] importance =
              Hessian.of(products, names, sensitivity, batches, inputs, layer)
                  .importance(names.getFirst());
          names.forEach(name -> means.put(name, importance));
        }
        batches.forward(inputs, layer);
      }
      if (output && !model.config().tied()) {
        List<String> head = List.of(model.headName());
        means.put(
            model.headName(),
            Hessian.of(layer.headProducts(), head, sensitivity, batches, inputs, layer)
                .importance(model.headName()));
      }
      progress.accept(layers);
      return ImportanceMatrix.of(means, dataset, batches.tokens(), batches.shape().rowLength());
    }
  }
}
