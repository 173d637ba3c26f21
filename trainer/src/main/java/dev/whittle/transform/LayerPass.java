package dev.whittle.transform;

import dev.whittle.data.TokenizedCorpus;
import dev.whittle.ggml.Backend;
import dev.whittle.gptq.CalibrationBatches;
import dev.whittle.gptq.Hessian;
import dev.whittle.model.BatchInputs;
import dev.whittle.model.ModelFile;
import dev.whittle.model.SingleLayer;
import java.util.ArrayList;
import java.util.List;

/// Goes through the layers of a full-precision model in order, and tells what goes into their
/// matrices on a text. The statistics of one layer are in memory at a time.
final class LayerPass {
  /// Takes a layer.
  interface Visitor {
    /// @param inputs in the order of the pass
    /// @param layer has the layer's weights
    void visit(int number, List<SiteInputs> inputs, SingleLayer layer);
  }

  private final Backend backend;
  private final ModelFile model;
  private final TokenizedCorpus corpus;

  LayerPass(Backend backend, ModelFile model, TokenizedCorpus corpus) {
    this.backend = backend;
    this.model = model;
    this.corpus = corpus;
  }

  /// @return what goes into the head
  SiteInputs run(Visitor visitor) {
    try (CalibrationBatches batches = new CalibrationBatches(corpus, model.config().width());
        BatchInputs inputs = new BatchInputs(backend, batches.shape());
        SingleLayer layer = new SingleLayer(backend, model, inputs)) {
      batches.embed(model);
      for (int number = 0; number < model.config().layers(); number++) {
        layer.load(number);
        List<SiteInputs> sites = new ArrayList<>();
        for (SingleLayer.InputProducts products : layer.products()) {
          sites.add(inputs(products, batches, inputs, layer));
        }
        visitor.visit(number, sites, layer);
        batches.forward(inputs, layer);
      }
      return inputs(layer.headProducts(), batches, inputs, layer);
    }
  }

  private static SiteInputs inputs(
      SingleLayer.InputProducts products,
      CalibrationBatches batches,
      BatchInputs inputs,
      SingleLayer layer) {
    products.clear();
    float[] maxima = new float[0];
    for (int b = 0; b < batches.size(); b++) {
      batches.load(b, inputs, layer);
      products.add();
      maxima = greater(maxima, products.inputs().readFloats(), layer.counted().readFloats());
    }
    float[] sums = products.sums();
    return new SiteInputs(
        products.matrices(), new Hessian(maxima.length, sums, batches.tokens()), maxima);
  }

  /// The greatest magnitudes, of those so far and of more inputs.
  ///
  /// @param maxima [inputs], or empty
  /// @param x [tokens, inputs]
  /// @param counted [tokens] zero where a token does not count
  private static float[] greater(float[] maxima, float[] x, float[] counted) {
    int size = x.length / counted.length;
    float[] greatest = maxima.length == 0 ? new float[size] : maxima;
    for (int token = 0; token < counted.length; token++) {
      if (counted[token] == 0) {
        continue;
      }
      for (int i = 0; i < size; i++) {
        greatest[i] = Math.max(greatest[i], Math.abs(x[token * size + i]));
      }
    }
    return greatest;
  }
}
