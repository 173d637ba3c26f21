package dev.whittle.distillation;

import dev.whittle.data.Dataset;

/// Questions that the student is asked now and then, as [dev.whittle.evaluation.TaskEvaluation]
/// asks them: greedily, the answer in a box. They should be in none of the data.
///
/// @param dataset questions with answers
/// @param limit how many of them; 0 for all
/// @param maxNewTokens where replies are cut off
public record TaskQuestions(Dataset dataset, int limit, int maxNewTokens) {}
