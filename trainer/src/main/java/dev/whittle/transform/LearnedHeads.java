package dev.whittle.transform;

import dev.whittle.model.ModelConfig;
import dev.whittle.model.SingleLayer;
import dev.whittle.optimizer.AdamW;
import dev.whittle.transform.ScaleSearch.Reader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.CommonOps_DDRM;

/// A matrix for each value head, learned: the head's output `x` becomes `x P`, which folds into the
/// value projection before and the output projection behind it, as FlatQuant's (Sun et al. 2024,
/// <https://arxiv.org/abs/2410.09426>).
///
/// What is descended along is how much rounding changes the outputs of the two projections, each as
/// a share of its outputs, with the error of the values taken back to their own basis. It starts
/// from a diagonal or a Hadamard rotation, whichever is better, and the best is kept.
final class LearnedHeads {
  /// The learning rate at first, over the root of the head's size; it falls to nothing.
  private static final double RATE = 0.02;

  private final ModelConfig config;
  private final OutputError errors;
  private final int steps;

  LearnedHeads(ModelConfig config, OutputError errors, int steps) {
    this.config = config;
    this.errors = errors;
    this.steps = steps;
  }

  /// Learns the matrices of a layer.
  ///
  /// @param norm [width] what the columns of the value projection are multiplied with before
  /// @param starts where to start from, the best of them
  BlockDiagonal learn(
      int number,
      List<SiteInputs> inputs,
      SingleLayer layer,
      float[] norm,
      List<BlockDiagonal> starts) {
    String block = "blk." + number + ".";
    float[] value = layer.weight("attn_v.weight").readFloats();
    new Scaling(norm).applyToRows(value);
    float[] output = layer.weight("attn_output.weight").readFloats();
    return learn(
        new Reader(block + "attn_v.weight", value),
        inputs(inputs, Site.ATTENTION).hessian(norm),
        new Reader(block + "attn_output.weight", output),
        inputs(inputs, Site.HEADS).hessian().sums(),
        starts);
  }

  private static SiteInputs inputs(List<SiteInputs> inputs, Site site) {
    return inputs.stream().filter(s -> Site.of(s.matrices()) == site).findFirst().orElseThrow();
  }

  /// Learns matrices.
  ///
  /// @param value the value projection as its inputs have their scales
  /// @param valueInputs Σ x xᵀ of those inputs, [width, width]
  /// @param output the output projection
  /// @param outputInputs Σ x xᵀ of its inputs, [heads × headSize, heads × headSize]
  /// @param starts where to start from, the best of them
  BlockDiagonal learn(
      Reader value,
      float[] valueInputs,
      Reader output,
      float[] outputInputs,
      List<BlockDiagonal> starts) {
    Objective objective = new Objective(value, valueInputs, output, outputInputs);
    BlockDiagonal best = starts.getFirst();
    double least = Double.POSITIVE_INFINITY;
    for (BlockDiagonal start : starts) {
      double error = objective.error(start, new float[elements()]);
      if (error < least) {
        least = error;
        best = start;
      }
    }
    float[] matrices = elements(best);
    float[] first = new float[matrices.length];
    float[] second = new float[matrices.length];
    for (int step = 0; step < steps; step++) {
      float[] slopes = new float[matrices.length];
      BlockDiagonal map = map(matrices);
      double error = objective.error(map, slopes);
      if (error < least) {
        least = error;
        best = map;
      }
      float rate = (float) (RATE / Math.sqrt(config.headSize()) * (steps - step) / steps);
      AdamW.DEFAULT
          .at(new AdamW.Step(step + 1, rate, 0, 1))
          .apply(matrices, slopes, first, second, matrices.length);
    }
    return best;
  }

  /// The shares of the outputs that rounding changes, of both projections together.
  double error(
      Reader value, float[] valueInputs, Reader output, float[] outputInputs, BlockDiagonal map) {
    return new Objective(value, valueInputs, output, outputInputs)
        .error(map, new float[elements()]);
  }

  private int elements() {
    return config.keyValueHeads() * config.headSize() * config.headSize();
  }

  private float[] elements(BlockDiagonal map) {
    float[] elements = new float[elements()];
    int at = 0;
    for (LinearMap block : map.blocks()) {
      for (double element : MatrixMap.matrixOf(block).data) {
        elements[at++] = (float) element;
      }
    }
    return elements;
  }

  private BlockDiagonal map(float[] elements) {
    int size = config.headSize();
    List<LinearMap> blocks = new ArrayList<>();
    for (int head = 0; head < config.keyValueHeads(); head++) {
      DMatrixRMaj matrix = new DMatrixRMaj(size, size);
      for (int i = 0; i < size * size; i++) {
        matrix.data[i] = elements[head * size * size + i];
      }
      blocks.add(MatrixMap.of(matrix));
    }
    return new BlockDiagonal(blocks);
  }

  private final class Objective {
    private final Reader value;
    private final float[] valueInputs;
    private final Reader output;
    private final float[] outputInputs;
    private final int width = config.width();
    private final int size = config.headSize();
    private final int sharing = config.heads() / config.keyValueHeads();
    private final int columns = config.heads() * config.headSize();
    private final double valueShare;
    private final double outputShare;

    Objective(Reader value, float[] valueInputs, Reader output, float[] outputInputs) {
      this.value = value;
      this.valueInputs = valueInputs;
      this.output = output;
      this.outputInputs = outputInputs;
      valueShare = share(value, valueInputs, width);
      outputShare = share(output, outputInputs, columns);
    }

    private double share(Reader reader, float[] hessian, int inputs) {
      double energy = errors.energy(reader.values(), hessian, inputs);
      return energy > 0 && errors.rounding().rounds(reader.name()) ? 1 / energy : 0;
    }

    /// @param slopes in the elements of the matrices, which are added to
    double error(BlockDiagonal map, float[] slopes) {
      double error = 0;
      if (outputShare > 0) {
        error += outputError(map, slopes);
      }
      if (valueShare > 0) {
        error += valueError(map, slopes);
      }
      return error;
    }

    /// With `A = P⁻ᵀ` on the rows and `G = E H`, the slope in P is `2 A Gᵀ Q` of each head.
    private double outputError(BlockDiagonal map, float[] slopes) {
      float[] weights = output.values().clone();
      map.shared(sharing).inverseTransposed().applyToRows(weights);
      float[] hessian = outputInputs.clone();
      map.shared(sharing).applyToRows(hessian);
      hessian = Products.transposed(hessian, columns);
      map.shared(sharing).applyToRows(hessian);
      OutputError.Result result = errors.of(output.name(), weights, hessian, columns);
      float[] changes = Products.transposed(result.products(), columns);
      float[] rounded = Products.transposed(result.rounded(), columns);
      for (int head = 0; head < config.heads(); head++) {
        DMatrixRMaj product = product(changes, rounded, head, width);
        DMatrixRMaj inverse =
            MatrixMap.matrixOf(map.blocks().get(head / sharing).inverseTransposed());
        add(slopes, head / sharing, CommonOps_DDRM.mult(inverse, product, null), outputShare);
      }
      return result.error() * outputShare;
    }

    /// With `S = P⁻ᵀ`, `E = S Q − V` and `G = E H`, the slope in P is `−2 S (Q Gᵀ) S` of each head.
    private double valueError(BlockDiagonal map, float[] slopes) {
      int rows = config.keyValueHeads() * size;
      float[] weights = Products.transposed(value.values(), width);
      map.applyToRows(weights);
      OutputError.Result result =
          errors.of(value.name(), Products.transposed(weights, rows), valueInputs, width);
      float[] back = Products.transposed(result.rounded(), width);
      inverse(map).applyToRows(back);
      float[] error = Products.transposed(back, rows);
      for (int i = 0; i < error.length; i++) {
        error[i] -= value.values()[i];
      }
      float[] change = errors.products().timesTransposed(error, valueInputs, width);
      double sum = 0;
      for (int i = 0; i < error.length; i++) {
        sum += (double) error[i] * change[i];
      }
      for (int head = 0; head < config.keyValueHeads(); head++) {
        DMatrixRMaj product = product(result.rounded(), change, head, width);
        DMatrixRMaj inverse = MatrixMap.matrixOf(map.blocks().get(head).inverseTransposed());
        DMatrixRMaj half = CommonOps_DDRM.mult(inverse, product, null);
        add(slopes, head, CommonOps_DDRM.mult(half, inverse, null), -valueShare);
      }
      return sum * valueShare;
    }

    /// The product of one head's rows of a matrix with those of another.
    private DMatrixRMaj product(float[] a, float[] b, int head, int inner) {
      int length = size * inner;
      float[] product =
          errors
              .products()
              .timesTransposed(
                  Arrays.copyOfRange(a, head * length, (head + 1) * length),
                  Arrays.copyOfRange(b, head * length, (head + 1) * length),
                  inner);
      DMatrixRMaj matrix = new DMatrixRMaj(size, size);
      for (int i = 0; i < product.length; i++) {
        matrix.data[i] = product[i];
      }
      return matrix;
    }

    private void add(float[] slopes, int head, DMatrixRMaj slope, double share) {
      for (int i = 0; i < slope.data.length; i++) {
        slopes[head * slope.data.length + i] += (float) (2 * share * slope.data[i]);
      }
    }
  }

  private static BlockDiagonal inverse(BlockDiagonal map) {
    List<LinearMap> inverses = new ArrayList<>();
    for (LinearMap block : map.blocks()) {
      inverses.add(
          new MatrixMap(
              CommonOps_DDRM.transpose(MatrixMap.matrixOf(block.inverseTransposed()), null),
              CommonOps_DDRM.transpose(MatrixMap.matrixOf(block), null)));
    }
    return new BlockDiagonal(inverses);
  }
}
