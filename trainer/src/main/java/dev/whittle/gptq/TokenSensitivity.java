package dev.whittle.gptq;

import dev.whittle.data.PackedBatch;
import dev.whittle.ggml.Backend;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Operations;
import dev.whittle.ggml.Tensor;
import dev.whittle.ggml.TensorContext;
import dev.whittle.model.BatchInputs;
import dev.whittle.model.Family;
import dev.whittle.model.FrozenWeights;
import dev.whittle.model.GradientObserver;
import dev.whittle.model.ModelConfig;
import dev.whittle.model.ModelFile;
import dev.whittle.model.Trunk;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/// What an error at a token of the calibration text costs the model's replies, for each matrix.
///
/// A matrix whose outputs y change by e changes the distributions of the reply's tokens by the
/// divergence ½ eᵀ F e, with the Fisher information F of y at that token. Here F is taken as a
/// multiple of the identity, so that an error counts by its size, and the token by the trace of its
/// F: the mean square of the gradient at y of a random function of the logits ([FisherHead]), from
/// one pass of the full-precision model. GuidedQuant (Kim et al. 2025,
/// <https://arxiv.org/abs/2505.07004>) weighs tokens so by the gradient of the cross-entropy.
///
/// A model that is sure of its reply hardly moves by a small error, but errors at 2 to 4 bits are
/// not small: the distributions are taken at a temperature.
public final class TokenSensitivity {
  /// At 1, a handful of a text's tokens would count and no others.
  private static final double TEMPERATURE = 4;

  /// The share of the weight that all tokens get alike, so that none is ignored.
  private static final double UNIFORM = 0.05;

  private static final long SEED = 7;

  private final Map<String, List<float[]>> weights = new LinkedHashMap<>();

  private TokenSensitivity() {}

  /// Measures a model on its calibration text.
  ///
  /// Where the text has tokens that the model is to produce, only those tell what an error costs;
  /// else all do.
  public static TokenSensitivity of(
      Backend backend, ModelFile model, CalibrationBatches batches, BatchInputs inputs) {
    TokenSensitivity sensitivity = new TokenSensitivity();
    try (FrozenWeights frozen = new FrozenWeights(backend, model);
        Squares squares = new Squares(backend, model, inputs.shape().tokens());
        Trunk trunk = new Trunk(backend, model, frozen, inputs, squares);
        FisherHead head = new FisherHead(backend, model, frozen, trunk, TEMPERATURE, SEED)) {
      boolean replies =
          IntStream.range(0, batches.size()).anyMatch(b -> places(batches, b, true).length > 0);
      for (int b = 0; b < batches.size(); b++) {
        batches.load(b, inputs);
        trunk.forward();
        sensitivity.add(model.headName(), head.run(places(batches, b, replies)));
        trunk.backward();
        squares.byName.forEach((name, found) -> sensitivity.add(name, found.readFloats()));
      }
    }
    sensitivity.weights.values().forEach(all -> normalize(all, batches));
    return sensitivity;
  }

  /// The places before tokens that tell what an error costs.
  private static int[] places(CalibrationBatches batches, int batch, boolean repliesOnly) {
    PackedBatch packed = batches.batch(batch);
    float[] counted = batches.counted(batch);
    return IntStream.range(0, counted.length)
        .filter(i -> counted[i] != 0 && packed.isTarget(i, repliesOnly))
        .toArray();
  }

  private void add(String name, float[] squares) {
    weights.computeIfAbsent(name, n -> new ArrayList<>()).add(squares);
  }

  /// Makes weights of squares: of mean 1 over the tokens that count, and 0 for the others.
  private static void normalize(List<float[]> squares, CalibrationBatches batches) {
    double sum = 0;
    for (int b = 0; b < squares.size(); b++) {
      float[] counted = batches.counted(b);
      for (int i = 0; i < counted.length; i++) {
        sum += counted[i] == 0 ? 0 : counted[i] * squares.get(b)[i];
      }
    }
    double mean = sum / batches.tokens();
    // Where no reply depends on an output, or nothing is finite, all tokens count alike.
    boolean known = mean > 0 && mean < Double.POSITIVE_INFINITY;
    for (int b = 0; b < squares.size(); b++) {
      float[] counted = batches.counted(b);
      float[] values = squares.get(b);
      for (int i = 0; i < counted.length; i++) {
        double own = known && counted[i] != 0 ? values[i] / mean : 1;
        values[i] = (float) (counted[i] * (UNIFORM + (1 - UNIFORM) * own));
      }
    }
  }

  /// What the tokens of a micro-batch count at the outputs of matrices, [tokens]: the mean over the
  /// matrices.
  ///
  /// @param matrices their names in the file
  public float[] at(List<String> matrices, int batch) {
    float[] means = new float[weights.get(matrices.getFirst()).get(batch).length];
    for (String matrix : matrices) {
      float[] values = weights.get(matrix).get(batch);
      for (int i = 0; i < means.length; i++) {
        means[i] += values[i] / matrices.size();
      }
    }
    return means;
  }

  /// What the tokens of a micro-batch count in the states behind a layer, [tokens].
  public float[] behind(int layer, int batch) {
    return weights.get(Squares.behind(layer)).get(batch).clone();
  }

  /// The roots of weights: a factor of theirs on both sides of a square weighs it.
  public static float[] roots(float[] weights) {
    float[] roots = new float[weights.length];
    for (int i = 0; i < roots.length; i++) {
      roots[i] = (float) Math.sqrt(weights[i]);
    }
    return roots;
  }

  /// The squared gradients of the last backward pass.
  private static final class Squares implements GradientObserver, AutoCloseable {
    private final TensorContext context;
    private final Map<String, Tensor> byName = new LinkedHashMap<>();

    Squares(Backend backend, ModelFile model, int tokens) {
      ModelConfig config = model.config();
      List<Family.WeightSpec> specs = model.family().layerWeights(config);
      context = new TensorContext(config.layers() * (specs.size() + 1));
      for (int layer = 0; layer < config.layers(); layer++) {
        for (Family.WeightSpec spec : specs) {
          if (spec.outputs() > 1) {
            byName.put(
                "blk." + layer + "." + spec.name(), context.newTensor(GgmlType.F32, 1, tokens));
          }
        }
        byName.put(behind(layer), context.newTensor(GgmlType.F32, 1, tokens));
      }
      context.allocate(backend);
    }

    static String behind(int layer) {
      return "behind " + layer;
    }

    @Override
    public List<Tensor> build(
        Operations ops, int layer, Tensor behind, Map<String, Tensor> atOutputs) {
      List<Tensor> nodes = new ArrayList<>();
      nodes.add(store(ops, behind, behind(layer)));
      atOutputs.forEach((name, gradient) -> nodes.add(store(ops, gradient, name)));
      return nodes;
    }

    private Tensor store(Operations ops, Tensor gradient, String name) {
      Tensor target = byName.get(name);
      Tensor columns =
          ops.reshape(gradient, gradient.elements() / target.elements(), target.elements());
      return ops.copy(ops.sumRows(ops.multiply(columns, columns)), target);
    }

    @Override
    public void close() {
      context.close();
    }
  }
}
