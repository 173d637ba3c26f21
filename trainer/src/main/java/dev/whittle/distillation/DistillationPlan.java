package dev.whittle.distillation;

import dev.whittle.quantization.QuantizationPlan;

/// What a distillation will do and take.
///
/// @param types which tensor becomes which type
/// @param documents of the data
/// @param dataTokens of all documents together
/// @param steps updates of the weights
/// @param devices that share a step
/// @param batches how the tokens of a step are split
/// @param memory what it takes on each of them, and whether there is as much
/// @param outputBytes the size of the file at the end
public record DistillationPlan(
    QuantizationPlan types,
    int documents,
    long dataTokens,
    int steps,
    int devices,
    BatchPlan batches,
    MemoryChoice memory,
    long outputBytes) {
  /// Places for tokens in all steps, of which some hold padding.
  public long tokens() {
    return (long) steps * batches.tokens();
  }
}
