package dev.whittle.evaluation;

import java.util.Arrays;

/// Gathers what a [DivergenceReport] says, from pairs of logits. Probabilities are computed in
/// float64, since the logarithms of small ones are what the divergence consists of.
final class DivergenceStatistics {
  private double studentLoss;
  private double teacherLoss;
  private double sum;
  private long same;
  private float[] divergences = new float[0];
  private int size;

  /// Takes one token.
  ///
  /// @param student logits [vocabulary]
  /// @param teacher logits [vocabulary]
  /// @param target the token that follows in the data
  void add(float[] student, float[] teacher, int target) {
    int studentTop = top(student);
    int teacherTop = top(teacher);
    double studentNorm = logSumExp(student, student[studentTop]);
    double teacherNorm = logSumExp(teacher, teacher[teacherTop]);
    double divergence = 0;
    for (int i = 0; i < teacher.length; i++) {
      double teacherLog = teacher[i] - teacherNorm;
      divergence += Math.exp(teacherLog) * (teacherLog - (student[i] - studentNorm));
    }
    // It is never negative; its rounding error may be.
    divergence = Math.max(0, divergence);
    studentLoss += studentNorm - student[target];
    teacherLoss += teacherNorm - teacher[target];
    same += studentTop == teacherTop ? 1 : 0;
    sum += divergence;
    makeRoom(1);
    divergences[size++] = (float) divergence;
  }

  /// Takes what another one gathered.
  void add(DivergenceStatistics other) {
    studentLoss += other.studentLoss;
    teacherLoss += other.teacherLoss;
    sum += other.sum;
    same += other.same;
    makeRoom(other.size);
    System.arraycopy(other.divergences, 0, divergences, size, other.size);
    size += other.size;
  }

  private void makeRoom(int tokens) {
    int needed = Math.addExact(size, tokens);
    if (needed > divergences.length) {
      // Half as much again, so that all of the copies together are few.
      long length = Math.max(needed + 16L, divergences.length * 3L / 2);
      divergences = Arrays.copyOf(divergences, (int) Math.min(length, Integer.MAX_VALUE - 8));
    }
  }

  int tokens() {
    return size;
  }

  /// @throws IllegalStateException if there was no token
  DivergenceReport report() {
    if (size == 0) {
      throw new IllegalStateException("no token was compared");
    }
    float[] sorted = Arrays.copyOf(divergences, size);
    Arrays.sort(sorted);
    return new DivergenceReport(
        size,
        Math.exp(studentLoss / size),
        Math.exp(teacherLoss / size),
        sum / size,
        percentile(sorted, 0.5),
        percentile(sorted, 0.99),
        (double) same / size);
  }

  /// Interpolates between the two nearest values.
  private static double percentile(float[] sorted, double share) {
    double place = share * (sorted.length - 1);
    int below = (int) place;
    int above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
  }

  private static int top(float[] logits) {
    int top = 0;
    for (int i = 1; i < logits.length; i++) {
      if (logits[i] > logits[top]) {
        top = i;
      }
    }
    return top;
  }

  private static double logSumExp(float[] logits, float greatest) {
    double sum = 0;
    for (float logit : logits) {
      sum += Math.exp((double) logit - greatest);
    }
    return greatest + Math.log(sum);
  }
}
