package dev.whittle.distillation;

import org.jspecify.annotations.Nullable;

/// What a [DistillationJob] did.
///
/// @param steps steps of the whole run, resumed parts included
/// @param tokens tokens trained on, padding not counted
/// @param firstStep the report of the first step of this process; null if there was none to do
/// @param lastStep the report of the last one whose text is of the same kind
/// @param best the evaluation of the step that was shipped; null if there were none
/// @param seconds spent in steps by this process
public record DistillationResult(
    int steps,
    long tokens,
    @Nullable StepReport firstStep,
    @Nullable StepReport lastStep,
    @Nullable Evaluation best,
    double seconds) {}
