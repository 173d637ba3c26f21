package dev.whittle.evaluation;

import dev.whittle.data.Example;

/// A reply to a question, graded.
///
/// @param question from the data set
/// @param reply as text, without control tokens
/// @param tokens how many the model generated
/// @param truncated whether it was cut off
/// @param right whether it gives the right answer
public record GradedReply(
    Example question, String reply, int tokens, boolean truncated, boolean right) {}
