package dev.whittle.distillation;

import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.Map;

/// Steps whose text is what the student replies itself, as it is then, to the prompts of the data
/// (generalized knowledge distillation, Agarwal et al. 2024, arXiv 2306.13649): the teacher tells
/// it what it would have said at each token. So the student learns where its own text goes wrong,
/// which it never sees in the text of others.
///
/// @param share of the steps, up to 1; it may change over the run
/// @param loss what is made small in these steps
/// @param temperature at which replies are drawn
/// @param maxNewTokens where replies are cut off
public record OnPolicy(Ramp share, LossSchedule loss, double temperature, int maxNewTokens) {
  public OnPolicy {
    if (share.highest() > 1) {
      throw new IllegalArgumentException(
          "the share of steps with the student's own replies is at most 1, not " + share.highest());
    }
    if (loss.ramps().containsKey(Objective.CE)) {
      throw new IllegalArgumentException(
          "the student's own replies are not what it should say, so their loss cannot have 'ce'; use"
              + " one that asks the teacher, such as reverse-kl");
    }
    if (!(temperature > 0) || maxNewTokens < 1) {
      throw new IllegalArgumentException(
          "replies need a temperature above 0 and at least one token, not "
              + temperature
              + " and "
              + maxNewTokens);
    }
  }

  /// The steps with the student's own replies: as evenly spread as the share allows.
  ///
  /// @param steps of the run
  /// @return their numbers, from 1
  BitSet steps(int steps) {
    BitSet due = new BitSet();
    double sum = 0;
    for (int step = 1; step <= steps; step++) {
      double before = Math.floor(sum);
      sum += share.at(Ramp.progress(step, steps));
      // Shares such as 0.1 do not add up to whole numbers exactly.
      sum = Math.abs(sum - Math.rint(sum)) < 1e-9 ? Math.rint(sum) : sum;
      due.set(step, Math.floor(sum) > before);
    }
    return due;
  }

  /// The settings by their names in a recipe, for the run directory.
  Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("on_policy", share.toString());
    map.put("on_policy_loss", loss.toString());
    map.put("on_policy_temp", temperature);
    map.put("on_policy_predict", maxNewTokens);
    return map;
  }
}
