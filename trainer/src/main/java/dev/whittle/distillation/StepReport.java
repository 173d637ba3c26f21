package dev.whittle.distillation;

/// What one step did.
///
/// @param step its number, from 1
/// @param steps how many there will be
/// @param onPolicy whether it was on the student's own replies, see [OnPolicy]
/// @param tokens tokens trained on since the run began, padding not counted
/// @param loss mean over the targets
/// @param hiddenLoss the part of [Objective#HIDDEN] in it without its weight, 0 without such a term
/// @param learningRate of matrices and the embedding
/// @param gradientNorm before clipping
/// @param tokensPerSecond in this step, padding not counted
/// @param updateSeconds of the step's time, for the gradient's norm and the optimizer
/// @param encodeSeconds of the step's time, for encoding the blocks and decoding them again
/// @param peakBytes the most memory that the process has held, or 0 where the system does not tell
public record StepReport(
    int step,
    int steps,
    boolean onPolicy,
    long tokens,
    double loss,
    double hiddenLoss,
    double learningRate,
    double gradientNorm,
    double tokensPerSecond,
    double updateSeconds,
    double encodeSeconds,
    long peakBytes) {}
