package dev.whittle.reinforcement;

import java.util.LinkedHashMap;
import java.util.Map;

/// What one step did. Means are over the replies of the step, or over their tokens where it says
/// so.
///
/// @param step its number, from 1
/// @param steps how many there will be
/// @param tokens tokens of all replies since the run began
/// @param loss mean over the updates
/// @param reward mean
/// @param accuracy the share of right answers
/// @param informative the share of groups whose rewards differ: the others teach nothing
/// @param entropy of the policy's distributions, in nats a token
/// @param kl KL(policy‖reference) in nats a token; 0 without a reference
/// @param length tokens of a reply
/// @param truncatedRate the share of replies that were cut off
/// @param clipRate the share of tokens whose gradient was clipped away
/// @param learningRate of the last update
/// @param gradientNorm mean over the updates, before clipping
/// @param tokensPerSecond written in a second of generating
/// @param loadSeconds for bringing the blocks into llama.cpp
/// @param rolloutSeconds for generating
/// @param trainSeconds for passes and updates
/// @param peakBytes the most memory that the process has held, or 0 where the system does not tell
public record GrpoStepReport(
    int step,
    int steps,
    long tokens,
    double loss,
    double reward,
    double accuracy,
    double informative,
    double entropy,
    double kl,
    double length,
    double truncatedRate,
    double clipRate,
    double learningRate,
    double gradientNorm,
    double tokensPerSecond,
    double loadSeconds,
    double rolloutSeconds,
    double trainSeconds,
    long peakBytes) {

  /// The line of `metrics.jsonl`.
  Map<String, Object> toMetrics() {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("step", step);
    line.put("tokens", tokens);
    line.put("loss", loss);
    line.put("reward", reward);
    line.put("accuracy", accuracy);
    line.put("informative", informative);
    line.put("entropy", entropy);
    line.put("kl", kl);
    line.put("length", length);
    line.put("truncated_rate", truncatedRate);
    line.put("clip_rate", clipRate);
    line.put("lr", learningRate);
    line.put("grad_norm", gradientNorm);
    line.put("tokens_per_second", tokensPerSecond);
    line.put("load_seconds", loadSeconds);
    line.put("rollout_seconds", rolloutSeconds);
    line.put("train_seconds", trainSeconds);
    line.put("peak_bytes", peakBytes);
    return line;
  }
}
