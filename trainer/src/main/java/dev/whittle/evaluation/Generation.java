package dev.whittle.evaluation;

/// A generated reply.
///
/// @param prompt the index of the prompt that it replies to
/// @param tokens what the model produced, the token that ended it included
/// @param truncated whether it was cut off before it ended
public record Generation(int prompt, int[] tokens, boolean truncated) {}
