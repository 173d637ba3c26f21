package dev.whittle.gptq;

import dev.whittle.blocks.BlockFormat;
import dev.whittle.quantization.QuantizationException;
import dev.whittle.training.Workers;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/// Rounds a matrix to blocks so that its outputs change little.
///
/// Rows are independent of each other and share the factor of the inverse Hessian; threads take
/// them in groups.
public final class GptqSolver {
  /// Rows that are solved at a time: their scales are fitted together.
  private static final int GROUP = 64;

  /// How often the damping is raised tenfold before giving up.
  private static final int ATTEMPTS = 4;

  private final GptqSettings settings;
  private final Workers workers;
  private final Consumer<String> warnings;

  /// @param warnings hears one sentence on each matrix whose calibration leaves something to be
  ///   desired
  public GptqSolver(GptqSettings settings, Workers workers, Consumer<String> warnings) {
    this.settings = settings;
    this.workers = workers;
    this.warnings = warnings;
  }

  /// Rounds a matrix.
  ///
  /// @param name for messages
  /// @param weights float32, [rows, columns], in native memory
  /// @param hessian of its inputs
  /// @param blocks room for the rows' blocks, in native memory
  /// @param masters room for float32, [rows, columns], for what each weight was when it was rounded
  /// @return the damped squared error of the outputs, `tr(E (H + λI) Eᵀ)` for the difference E
  /// @throws QuantizationException if a weight or an input is not finite, or the Hessian cannot be
  ///   factored
  public double solve(
      String name,
      BlockFormat format,
      MemorySegment weights,
      long rows,
      Hessian hessian,
      MemorySegment blocks,
      MemorySegment masters) {
    double[] energies = hessian.energies(name);
    warn(name, hessian, energies);
    int[] order = settings.order().order(format, energies);
    InverseFactor factor = factor(name, hessian, energies, order);
    List<MatrixRows> groups = new ArrayList<>();
    for (long row = 0; row < rows; row += GROUP) {
      int count = (int) Math.min(GROUP, rows - row);
      groups.add(new MatrixRows(name, format, order, factor, row, count, weights, blocks, masters));
    }
    boolean inPlace = settings.order() != ColumnOrder.COLUMNS;
    workers.run(groups.stream().map(group -> (Runnable) () -> group.solve(inPlace)).toList());
    return groups.stream().mapToDouble(MatrixRows::error).sum();
  }

  private void warn(String name, Hessian hessian, double[] energies) {
    int dead = 0;
    for (double energy : energies) {
      dead += energy == 0 ? 1 : 0;
    }
    if (dead > 0) {
      warnings.accept(
          "%,d of the %,d inputs of '%s' are zero on all of the calibration text; their columns are rounded to nearest"
              .formatted(dead, hessian.columns(), name));
    }
    if (hessian.tokens() < hessian.columns()) {
      warnings.accept(
          "the calibration text has %,d tokens, too few for the %,d inputs of '%s': only the damping makes its Hessian positive definite; give more text"
              .formatted(hessian.tokens(), hessian.columns(), name));
    }
  }

  private InverseFactor factor(String name, Hessian hessian, double[] energies, int[] order) {
    double mean = 0;
    for (double energy : energies) {
      mean += energy / energies.length;
    }
    // Where nothing ever comes in, all columns count alike.
    double damping = mean == 0 ? 1 : mean * settings.damping();
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
      Optional<InverseFactor> factor = InverseFactor.of(hessian, order, damping);
      if (factor.isPresent()) {
        if (attempt > 0) {
          warnings.accept(
              "the Hessian of '%s' is positive definite only with a damping of %.3g times its mean diagonal; give more calibration text"
                  .formatted(name, damping / mean));
        }
        return factor.get();
      }
      damping *= 10;
    }
    throw new QuantizationException(
        "the Hessian of '"
            + name
            + "' is not positive definite, damped or not; give more calibration text");
  }
}
