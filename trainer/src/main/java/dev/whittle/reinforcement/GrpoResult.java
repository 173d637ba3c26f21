package dev.whittle.reinforcement;

import org.jspecify.annotations.Nullable;

/// What a [GrpoJob] did.
///
/// @param steps steps of the whole run, resumed parts included
/// @param tokens tokens of all replies
/// @param firstStep the report of the first step of this process; null if there was none to do
/// @param lastStep the report of the last one
/// @param seconds spent in steps by this process
public record GrpoResult(
    int steps,
    long tokens,
    @Nullable GrpoStepReport firstStep,
    @Nullable GrpoStepReport lastStep,
    double seconds) {}
