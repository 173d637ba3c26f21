package dev.whittle.evaluation;

import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/// How a model did on the questions of a data set.
///
/// @param questions how many were asked
/// @param accuracy the share that was answered right
/// @param accuracyByDomain the same for the questions of each domain
/// @param meanTokens tokens of a reply
/// @param truncatedRate the share of replies that were cut off
/// @param tokensPerSecond tokens written in a second, of all replies together: what `llama-bench`
///   measures as `tg`, and `llama-batched-bench` as `S_TG`. Reading the questions is not counted
public record TaskReport(
    int questions,
    double accuracy,
    SortedMap<String, Double> accuracyByDomain,
    double meanTokens,
    double truncatedRate,
    double tokensPerSecond) {

  static TaskReport of(List<GradedReply> replies, double tokensPerSecond) {
    SortedMap<String, int[]> counts = new TreeMap<>();
    long tokens = 0;
    int truncated = 0;
    int right = 0;
    for (GradedReply reply : replies) {
      int[] count = counts.computeIfAbsent(Questions.domain(reply.question()), name -> new int[2]);
      count[0] += reply.right() ? 1 : 0;
      count[1]++;
      right += reply.right() ? 1 : 0;
      truncated += reply.truncated() ? 1 : 0;
      tokens += reply.tokens();
    }
    SortedMap<String, Double> byDomain = new TreeMap<>();
    counts.forEach((domain, count) -> byDomain.put(domain, (double) count[0] / count[1]));
    int n = replies.size();
    return new TaskReport(
        n,
        (double) right / n,
        byDomain,
        (double) tokens / n,
        (double) truncated / n,
        tokensPerSecond);
  }
}
