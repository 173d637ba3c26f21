package dev.whittle.gptq;

/// What decides how GPTQ rounds.
///
/// @param damping what is added to the diagonal of each Hessian, as a share of its mean
/// @param order in which order columns are rounded
public record GptqSettings(double damping, ColumnOrder order) {
  public GptqSettings {
    if (!(damping > 0 && damping < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("a damping of " + damping + "; it must be above 0");
    }
  }

  /// A damping of 1 %, as in the paper, and columns by their blocks.
  public static GptqSettings defaults() {
    return new GptqSettings(0.01, ColumnOrder.BLOCKS);
  }
}
