package dev.whittle.distillation;

/// An evaluation of a run on its held-out documents.
///
/// @param step behind which it was made
/// @param loss mean over the targets of the held-out documents
public record Evaluation(int step, double loss) {}
