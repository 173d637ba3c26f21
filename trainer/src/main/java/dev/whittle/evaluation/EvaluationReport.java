package dev.whittle.evaluation;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.nio.file.Path;
import java.util.SortedMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import tools.jackson.databind.annotation.JsonNaming;

/// What an evaluation found, in the form in which it is written as JSON.
///
/// @param model the file
/// @param fileBytes its size
/// @param bitsPerWeight what a weight takes in it, on average
/// @param n how many questions were asked; 0 where the data have no answers, and then what follows
///   from the replies is null
/// @param accuracy the share answered right
/// @param accuracyByDomain the same for each domain
/// @param meanTokens tokens of a reply
/// @param truncatedRate the share of replies that were cut off
/// @param tokensPerSecond generated tokens a second
/// @param simulated which formats were simulated, that the file does not have; null if none
/// @param kl the comparison with a teacher, where there was one
@JsonNaming(SnakeCaseStrategy.class)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record EvaluationReport(
    String model,
    long fileBytes,
    double bitsPerWeight,
    int n,
    @Nullable Double accuracy,
    @Nullable SortedMap<String, Double> accuracyByDomain,
    @Nullable Double meanTokens,
    @Nullable Double truncatedRate,
    @Nullable Double tokensPerSecond,
    @Nullable String simulated,
    @Nullable Divergence kl) {

  /// The comparison with a teacher.
  ///
  /// @param meanKld the mean of KL(teacher ‖ student), in nats a token
  /// @param sameTopP the share of tokens for which both find the same token likeliest
  /// @param ppl the student's perplexity
  /// @param pplBase the teacher's
  @JsonNaming(SnakeCaseStrategy.class)
  public record Divergence(double meanKld, double sameTopP, double ppl, double pplBase) {
    public static Divergence of(DivergenceReport report) {
      return new Divergence(
          report.mean(), report.sameTopToken(), report.perplexity(), report.teacherPerplexity());
    }
  }

  public static EvaluationReport of(
      Path model,
      long fileBytes,
      double bitsPerWeight,
      @Nullable TaskReport task,
      @Nullable String simulated,
      @Nullable DivergenceReport divergence) {
    return new EvaluationReport(
        model.toString(),
        fileBytes,
        bitsPerWeight,
        task == null ? 0 : task.questions(),
        task == null ? null : task.accuracy(),
        task == null ? null : task.accuracyByDomain(),
        task == null ? null : task.meanTokens(),
        task == null ? null : task.truncatedRate(),
        task == null ? null : task.tokensPerSecond(),
        simulated,
        divergence == null ? null : Divergence.of(divergence));
  }
}
