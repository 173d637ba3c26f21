package dev.whittle.evaluation;

import dev.whittle.data.DataException;
import dev.whittle.data.DocumentTokenizer;
import dev.whittle.data.Example;
import dev.whittle.data.JsonlDataset;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.Vocabulary;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;

/// Asks a model the questions of a data set and grades its replies.
///
/// @param options how it replies; without a context length, that which the model was trained for is
///   the longest
/// @param grader what counts as right
public record TaskEvaluation(GenerationOptions options, AnswerGrader grader) {

  /// As reasoning models are commonly measured: greedy, the answer in a box.
  public static TaskEvaluation boxed(int maxNewTokens) {
    return new TaskEvaluation(GenerationOptions.greedy(maxNewTokens), new BoxedAnswerGrader());
  }

  /// Checks that a data set holds questions and nothing else.
  ///
  /// @throws DataException if the data set is malformed, or a line has no answer
  public static void requireQuestions(JsonlDataset dataset) {
    Questions.read(dataset, 0);
  }

  /// Evaluates a model.
  ///
  /// @param limit how many questions to ask; 0 for all. A limit takes the same questions every
  ///   time: from each domain its share, evenly spaced
  /// @param graded is given every reply as it is graded, in no certain order
  /// @throws DataException if the data set is malformed, a line has no answer, or a question leaves
  ///   no room for a reply in the context
  public TaskReport run(
      LlamaModel model, JsonlDataset dataset, int limit, Consumer<GradedReply> graded) {
    List<Example> questions = Questions.read(dataset, limit);
    DocumentTokenizer tokenizer = new DocumentTokenizer(model);
    List<int[]> prompts = questions.stream().map(tokenizer::prompt).toList();
    int context = options.contextLength() != 0 ? options.contextLength() : model.trainedContext();
    requireRoom(dataset, questions, prompts, context);
    List<GradedReply> replies = new ArrayList<>();
    BatchedGenerator.Speed speed =
        new BatchedGenerator(model, options.withContextLength(context))
            .generate(
                prompts,
                generation -> {
                  Example question = questions.get(generation.prompt());
                  GradedReply reply = grade(model.vocabulary(), question, generation);
                  replies.add(reply);
                  graded.accept(reply);
                });
    return TaskReport.of(replies, speed.tokensPerSecond());
  }

  private static void requireRoom(
      JsonlDataset dataset, List<Example> questions, List<int[]> prompts, int context) {
    for (int i = 0; i < prompts.size(); i++) {
      int tokens = prompts.get(i).length;
      if (tokens >= context) {
        throw new DataException(
            "%s line %d asks in %,d tokens, which leaves no room for a reply in a context of %,d; shorten it, or raise the context length (-c)"
                .formatted(dataset.path(), questions.get(i).line(), tokens, context));
      }
    }
  }

  private GradedReply grade(Vocabulary vocabulary, Example question, Generation generation) {
    String reply = vocabulary.detokenize(generation.tokens(), false);
    String answer = Objects.requireNonNull(question.answer());
    return new GradedReply(
        question,
        reply,
        generation.tokens().length,
        generation.truncated(),
        grader.isRight(reply, answer));
  }
}
