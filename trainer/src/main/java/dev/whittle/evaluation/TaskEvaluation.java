package dev.whittle.evaluation;

import dev.whittle.data.DataException;
import dev.whittle.data.Dataset;
import dev.whittle.data.DocumentTokenizer;
import dev.whittle.data.Example;
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
  /// @param context the most tokens of a question and its reply together
  /// @throws DataException if the data set is malformed, a line has no answer, or a question leaves
  ///   no room for a reply
  public static void requireQuestions(Dataset dataset, DocumentTokenizer tokenizer, int context) {
    prompts(dataset, Questions.read(dataset, 0), tokenizer, context);
  }

  /// Evaluates a model.
  ///
  /// @param limit how many questions to ask; 0 for all. A limit takes the same questions every
  ///   time: from each domain its share, evenly spaced
  /// @param graded is given every reply as it is graded, in no certain order
  /// @throws DataException if the data set is malformed, a line has no answer, or a question leaves
  ///   no room for a reply in the context
  public TaskReport run(
      LlamaModel model, Dataset dataset, int limit, Consumer<GradedReply> graded) {
    List<Example> questions = Questions.read(dataset, limit);
    int context = options.contextLength() != 0 ? options.contextLength() : model.trainedContext();
    List<int[]> prompts = prompts(dataset, questions, new DocumentTokenizer(model), context);
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

  private static List<int[]> prompts(
      Dataset dataset, List<Example> questions, DocumentTokenizer tokenizer, int context) {
    List<int[]> prompts = new ArrayList<>();
    for (Example question : questions) {
      int[] prompt = tokenizer.prompt(dataset, question);
      if (prompt.length >= context) {
        throw new DataException(
            "%s asks in %,d tokens, which leaves no room for a reply in a context of %,d; shorten it, leave it out, or raise the context length (-c)"
                .formatted(dataset.where(question), prompt.length, context));
      }
      prompts.add(prompt);
    }
    return prompts;
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
