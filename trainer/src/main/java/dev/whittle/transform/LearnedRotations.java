package dev.whittle.transform;

import dev.whittle.data.TokenizedCorpus;
import dev.whittle.ggml.Backend;
import dev.whittle.ggml.BlockCodec;
import dev.whittle.gguf.TensorInfo;
import dev.whittle.model.ModelConfig;
import dev.whittle.model.ModelFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/// Rotations of the residual stream and of each value head, learned from randomized Hadamard ones
/// on, as SpinQuant does (Liu et al. 2024, <https://arxiv.org/abs/2405.16406>) but for another
/// objective.
///
/// The paper descends along the network's own loss. Here it is how much rounding changes the
/// outputs of each matrix on the calibration text ([OutputError]), as a share of the outputs,
/// averaged over all matrices: it needs no pass through the model, and its slope is exact as long
/// as codes and scales stay. Each step takes one layer, or the embedding and the head, in random
/// order. What is kept is the best of all passes over the layers, so that it is never worse than
/// the start.
///
/// The Hessians of all layers are in memory, of `ffn_down` the diagonal alone.
final class LearnedRotations {
  /// How far a step turns the rows at first, in radians; it falls to nothing.
  private static final double ANGLE = 0.05;

  private final ModelFile model;
  private final ModelConfig config;
  private final Products products;
  private final OutputError errors;
  private final List<LayerInputs> inputs;
  private final float[] headInputs;
  private final RotationStep stream;
  private final List<List<RotationStep>> heads = new ArrayList<>();
  private final Map<String, Double> energies = new HashMap<>();
  private double sum;
  private int matrices;

  /// The Hessians of a layer's inputs, without the norms' gains.
  ///
  /// @param attention [width, width]
  /// @param heads [heads × headSize, heads × headSize]
  /// @param feedForward [width, width]
  /// @param hidden the diagonal, [feedForward]
  record LayerInputs(float[] attention, float[] heads, float[] feedForward, float[] hidden) {
    /// @param sites the layer's inputs as they are
    static LayerInputs of(int layer, List<SiteInputs> sites, ModelFile model) {
      Map<Site, SiteInputs> bySite = new EnumMap<>(Site.class);
      sites.forEach(site -> bySite.put(Site.of(site.matrices()), site));
      String block = "blk." + layer + ".";
      float[] attention = Rotations.gain(model, block + "attn_norm.weight");
      float[] feedForward = Rotations.gain(model, block + "ffn_norm.weight");
      return new LayerInputs(
          bySite.get(Site.ATTENTION).hessian(attention),
          bySite.get(Site.HEADS).hessian().sums(),
          bySite.get(Site.FEED_FORWARD).hessian(feedForward),
          bySite.get(Site.HIDDEN).hessian().importance(block + "ffn_down.weight"));
    }
  }

  /// Runs a model on a text, to learn rotations for it.
  ///
  /// @param seed of the rotations at first
  static LearnedRotations of(
      ModelFile model, OutputError errors, TokenizedCorpus text, Backend backend, long seed) {
    List<LayerInputs> inputs = new ArrayList<>();
    SiteInputs head =
        new LayerPass(backend, model, text)
            .run((number, sites, _) -> inputs.add(LayerInputs.of(number, sites, model)));
    float[] gain = Rotations.gain(model, ModelFile.OUTPUT_NORM);
    return new LearnedRotations(model, errors, inputs, head.hessian(gain), seed);
  }

  /// @param inputs of the layers
  /// @param headInputs of the head, without the final norm's gain, [width, width]
  private LearnedRotations(
      ModelFile model,
      OutputError errors,
      List<LayerInputs> inputs,
      float[] headInputs,
      long seed) {
    this.model = model;
    this.errors = errors;
    this.inputs = inputs;
    this.headInputs = headInputs;
    config = model.config();
    products = errors.products();
    Random random = new Random(seed);
    stream = new RotationStep(Rotations.random(config.width(), random));
    for (int layer = 0; layer < config.layers(); layer++) {
      LinearMap start = Rotations.random(config.headSize(), random);
      List<RotationStep> own = new ArrayList<>();
      for (int head = 0; head < config.keyValueHeads(); head++) {
        own.add(new RotationStep(start));
      }
      heads.add(own);
    }
  }

  /// Learns.
  ///
  /// @param steps how many steps, of a layer each
  Folds learn(int steps, long seed, TransformListener listener) {
    Random random = new Random(seed);
    List<Integer> order = new ArrayList<>();
    for (int i = 0; i <= config.layers(); i++) {
      order.add(i);
    }
    Folds best = folds();
    double least = Double.POSITIVE_INFINITY;
    int step = 0;
    boolean done = false;
    while (!done) {
      done = step >= steps;
      double error = error();
      if (error < least) {
        least = error;
        best = folds();
      }
      Collections.shuffle(order, random);
      for (int i = 0; i < order.size() && step < steps; i++) {
        descend(order.get(i), ANGLE * (steps - step) / steps);
        listener.progress(++step, steps);
      }
    }
    return best;
  }

  /// The objective: the mean share over all matrices.
  double error() {
    sum = 0;
    matrices = 0;
    for (int layer = 0; layer <= config.layers(); layer++) {
      slopes(layer);
    }
    return matrices == 0 ? 0 : sum / matrices;
  }

  Folds folds() {
    List<LayerFolds> layers = new ArrayList<>();
    for (int layer = 0; layer < config.layers(); layer++) {
      layers.add(
          new LayerFolds(
              Rotations.gain(model, "blk." + layer + ".attn_norm.weight"),
              headMap(layer),
              Rotations.gain(model, "blk." + layer + ".ffn_norm.weight"),
              LayerFolds.ones(config.feedForward())));
    }
    return new Folds(layers, stream.map(), Rotations.gain(model, ModelFile.OUTPUT_NORM));
  }

  private BlockDiagonal headMap(int layer) {
    return new BlockDiagonal(
        heads.get(layer).stream().map(step -> (LinearMap) step.map()).toList());
  }

  private void descend(int layer, double angle) {
    Slopes slopes = slopes(layer);
    stream.descend(slopes.stream, angle);
    for (int head = 0; head < slopes.heads.length; head++) {
      heads.get(layer).get(head).descend(slopes.heads[head], angle);
    }
  }

  /// The slopes of the objective in the rotations.
  private static final class Slopes {
    final double[] stream;
    final double[][] heads;

    Slopes(int width, int heads, int headSize) {
      stream = new double[width * width];
      this.heads = new double[heads][headSize * headSize];
    }
  }

  /// @param layer the number of layers stands for embedding and head
  private Slopes slopes(int layer) {
    float[] transposed = stream.transposed();
    int width = config.width();
    if (layer == config.layers()) {
      Slopes slopes = new Slopes(width, 0, 0);
      float[] table = decoded(ModelFile.EMBEDDING);
      reader(ModelFile.EMBEDDING, table, LayerFolds.ones(width), transposed, slopes);
      float[] head = scaled(decoded(model.headName()), ModelFile.OUTPUT_NORM);
      reader(ModelFile.OUTPUT, head, rotated(headInputs, transposed), transposed, slopes);
      return slopes;
    }
    Slopes slopes = new Slopes(width, config.keyValueHeads(), config.headSize());
    String block = "blk." + layer + ".";
    LayerInputs own = inputs.get(layer);
    float[] hessian = rotated(own.attention(), transposed);
    for (String name : List.of("attn_q.weight", "attn_k.weight")) {
      float[] weights = scaled(decoded(block + name), block + "attn_norm.weight");
      reader(block + name, weights, hessian, transposed, slopes);
    }
    value(layer, hessian, transposed, slopes);
    attentionOutput(layer, transposed, slopes);
    hessian = rotated(own.feedForward(), transposed);
    for (String name : List.of("ffn_gate.weight", "ffn_up.weight")) {
      float[] weights = scaled(decoded(block + name), block + "ffn_norm.weight");
      reader(block + name, weights, hessian, transposed, slopes);
    }
    String down = block + "ffn_down.weight";
    float[] weights = decoded(down);
    float[] turned =
        products.timesTransposed(
            transposed, Products.transposed(weights, config.feedForward()), width);
    OutputError.Result result = error(down, turned, own.hidden(), config.feedForward());
    if (result != null) {
      add(slopes.stream, writerSlope(turned, result, config.feedForward()), share(down));
    }
    return slopes;
  }

  /// A matrix that reads the residual stream.
  private void reader(
      String name, float[] weights, float[] hessian, float[] transposed, Slopes slopes) {
    int width = config.width();
    float[] turned = products.timesTransposed(weights, transposed, width);
    OutputError.Result result = error(name, turned, hessian, width);
    if (result != null) {
      add(slopes.stream, readerSlope(result, width), share(name));
    }
  }

  private void value(int layer, float[] hessian, float[] transposed, Slopes slopes) {
    String name = "blk." + layer + ".attn_v.weight";
    int width = config.width();
    float[] weights = scaled(decoded(name), "blk." + layer + ".attn_norm.weight");
    float[] columns =
        Products.transposed(products.timesTransposed(weights, transposed, width), width);
    headMap(layer).applyToRows(columns);
    int rows = config.keyValueHeads() * config.headSize();
    float[] turned = Products.transposed(columns, rows);
    OutputError.Result result = error(name, turned, hessian, width);
    if (result == null) {
      return;
    }
    add(slopes.stream, readerSlope(result, width), share(name));
    int length = config.headSize() * width;
    for (int head = 0; head < slopes.heads.length; head++) {
      float[] own = Arrays.copyOfRange(turned, head * length, (head + 1) * length);
      float[] change = Arrays.copyOfRange(result.products(), head * length, (head + 1) * length);
      add(slopes.heads[head], products.timesTransposed(own, change, width), share(name));
    }
  }

  private void attentionOutput(int layer, float[] transposed, Slopes slopes) {
    String name = "blk." + layer + ".attn_output.weight";
    int columns = config.heads() * config.headSize();
    int sharing = config.heads() / config.keyValueHeads();
    BlockDiagonal map = headMap(layer).shared(sharing);
    float[] weights = decoded(name);
    map.applyToRows(weights);
    float[] turned =
        products.timesTransposed(transposed, Products.transposed(weights, columns), config.width());
    float[] hessian = inputs.get(layer).heads().clone();
    map.applyToRows(hessian);
    hessian = Products.transposed(hessian, columns);
    map.applyToRows(hessian);
    OutputError.Result result = error(name, turned, hessian, columns);
    if (result == null) {
      return;
    }
    add(slopes.stream, writerSlope(turned, result, columns), share(name));
    float[] rounded = Products.transposed(result.rounded(), columns);
    float[] changes = Products.transposed(result.products(), columns);
    int length = config.headSize() * config.width();
    for (int head = 0; head < config.heads(); head++) {
      float[] own = Arrays.copyOfRange(rounded, head * length, (head + 1) * length);
      float[] change = Arrays.copyOfRange(changes, head * length, (head + 1) * length);
      float[] slope = products.timesTransposed(own, change, config.width());
      add(slopes.heads[head / sharing], slope, share(name));
    }
  }

  /// Rounds a matrix in its present basis and counts its share, or gives null if it stays as it is.
  private OutputError.@Nullable Result error(
      String name, float[] turned, float[] hessian, int columns) {
    if (!errors.rounding().rounds(name)) {
      return null;
    }
    // Rotations leave it as it is.
    energies.computeIfAbsent(name, _ -> errors.energy(turned, hessian, columns));
    OutputError.Result result = errors.of(name, turned, hessian, columns);
    sum += result.error() * share(name);
    matrices++;
    return result;
  }

  private double share(String name) {
    double energy = energies.get(name);
    return energy > 0 ? 1 / energy : 0;
  }

  private float[] readerSlope(OutputError.Result result, int columns) {
    int rows = result.rounded().length / columns;
    return products.timesTransposed(
        Products.transposed(result.rounded(), columns),
        Products.transposed(result.products(), columns),
        rows);
  }

  private float[] writerSlope(float[] turned, OutputError.Result result, int columns) {
    return products.timesTransposed(turned, result.products(), columns);
  }

  private static void add(double[] slope, float[] product, double share) {
    for (int i = 0; i < slope.length; i++) {
      slope[i] -= 2 * share * product[i];
    }
  }

  /// `Rᵀ H R`.
  private float[] rotated(float[] hessian, float[] transposed) {
    int width = config.width();
    float[] half = products.timesTransposed(transposed, hessian, width);
    return products.timesTransposed(half, transposed, width);
  }

  /// A matrix with the gain of the norm before it.
  private float[] scaled(float[] weights, String norm) {
    new Scaling(Rotations.gain(model, norm)).applyToRows(weights);
    return weights;
  }

  private float[] decoded(String name) {
    TensorInfo info = model.file().require(name);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment values = arena.allocate(info.elements() * Float.BYTES, 64);
      BlockCodec.of(info.type()).decode(model.file().data(info), values, info.elements());
      return values.toArray(ValueLayout.JAVA_FLOAT);
    }
  }
}
