package dev.whittle.synthesis;

import dev.whittle.evaluation.GenerationOptions;
import dev.whittle.ggml.LlamaModelOptions;
import dev.whittle.ggml.SamplerOptions;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What a [SynthesisJob] is to do.
///
/// @param model the teacher, a GGUF file
/// @param modelOptions where its layers go
/// @param output the data set to write
/// @param prompts a data set whose questions are to be answered; null for whole conversations
/// @param beginnings what the user's turns of whole conversations begin with, each in its turn;
///   empty for nothing
/// @param exclude a data set whose questions must not occur in the output, such as one to test
///   with; null for none
/// @param limit the most examples to keep; 0 for all that the prompts give
/// @param repliesPerPrompt how often each prompt is answered
/// @param turns how the tokens of a user's turn are drawn
/// @param replies how replies are generated, and how their tokens are drawn; the sampling of this
///   is null for the likeliest token always
/// @param keepWrong whether replies that do not give the prompt's answer are kept
/// @param similarity examples at least this similar to an earlier one are left out, see
///   [Duplicates]
/// @param seed of all random numbers
/// @param resume whether to go on with what an unfinished run has left
/// @param overwrite whether `output` may be replaced, and what an unfinished run has left
public record SynthesisRequest(
    Path model,
    LlamaModelOptions modelOptions,
    Path output,
    @Nullable Path prompts,
    List<String> beginnings,
    @Nullable Path exclude,
    long limit,
    int repliesPerPrompt,
    SamplerOptions turns,
    GenerationOptions replies,
    boolean keepWrong,
    double similarity,
    long seed,
    boolean resume,
    boolean overwrite) {
  public SynthesisRequest {
    if (limit < 0 || repliesPerPrompt < 1) {
      throw new IllegalArgumentException(
          "at most %d examples, %d replies a prompt: they must be 0 or more, and 1 or more"
              .formatted(limit, repliesPerPrompt));
    }
    if (prompts != null && !beginnings.isEmpty()) {
      throw new IllegalArgumentException(
          "there are prompts, so no user's turn is written that could begin with '%s'; leave out one"
                  .formatted(beginnings.getFirst())
              + " of the two");
    }
    if (beginnings.stream().anyMatch(String::isBlank)) {
      throw new IllegalArgumentException("a turn's beginning is blank; give it words");
    }
    if (prompts == null && limit == 0) {
      throw new IllegalArgumentException(
          "conversations without end: say how many with a limit of 1 or more");
    }
  }
}
