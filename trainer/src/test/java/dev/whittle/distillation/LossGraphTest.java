package dev.whittle.distillation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.autograd.FiniteDifference;
import dev.whittle.ggml.Backend;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Graph;
import dev.whittle.ggml.GraphAllocator;
import dev.whittle.ggml.Operations;
import dev.whittle.ggml.Tensor;
import dev.whittle.ggml.TensorContext;
import java.util.Arrays;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The closed-form gradients against finite differences, and the losses against their definitions
/// in float64. All is float32 on the graph's side, and smooth, so 2e-3 leaves room for the rounding
/// of the differences alone.
class LossGraphTest {
  private static final int VOCABULARY = 23;
  private static final int TOKENS = 6;
  private static final double CONFIDENCE = 0.3;
  private static final double TOLERANCE = 2e-3;

  private final Random random = new Random(11);

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "forward-kl | 1 | UNIFORM",
        "forward-kl | 2.5 | UNIFORM",
        "reverse-kl | 1 | UNIFORM",
        "reverse-kl | 0.7 | UNIFORM",
        "jsd | 1 | UNIFORM",
        "jsd | 2 | UNIFORM",
        "cakld | 1 | UNIFORM",
        "cakld | 3 | UNIFORM",
        "ce | 1 | UNIFORM",
        "forward-kl:0.5,reverse-kl:0.2,jsd:0.1,cakld:0.4,ce:0.3 | 1.5 | UNIFORM",
        "forward-kl | 1 | CERTAINTY",
        "reverse-kl:0.5,ce:0.5 | 2 | CERTAINTY",
        "forward-kl | 1 | ENTROPY",
        "jsd,ce:0.5 | 0.7 | ENTROPY"
      })
  void gradientsAndLossesAreThoseOfTheDefinition(
      String loss, double temperature, TokenWeights tokenWeights) {
    check(LossSchedule.parse(loss, temperature, tokenWeights).widest(), null);
  }

  @Test
  void termsTakeOtherWeights() {
    LossSchedule schedule =
        LossSchedule.parse("forward-kl:1..0@0.5,reverse-kl:0..1@0.5,ce:0.2..0", 2);
    check(schedule.widest(), schedule.at(2, 5));
    check(schedule.widest(), schedule.at(5, 5));
  }

  /// @param built what the graph is made for
  /// @param used the weights that its terms get then; null for those that they have
  private void check(LossMix built, @Nullable LossMix used) {
    LossMix mix = used == null ? built : used;
    float[] student = gaussian(VOCABULARY * TOKENS);
    float[] teacher = gaussian(VOCABULARY * TOKENS);
    int[] next = new int[TOKENS];
    int[] places = new int[TOKENS];
    float[] weights = new float[TOKENS];
    for (int t = 0; t < TOKENS; t++) {
      next[t] = random.nextInt(VOCABULARY);
      places[t] = t * VOCABULARY + next[t];
      weights[t] = 0.5f + random.nextFloat();
    }
    try (Backend backend = Backend.cpu(1);
        TensorContext leaves = new TensorContext(8);
        TensorContext context = new TensorContext(256);
        GraphAllocator allocator = new GraphAllocator(backend)) {
      Tensor z = leaves.newTensor(GgmlType.F32, VOCABULARY, TOKENS);
      Tensor zt = leaves.newTensor(GgmlType.F32, VOCABULARY, TOKENS);
      Tensor at = leaves.newTensor(GgmlType.I32, TOKENS);
      Tensor w = leaves.newTensor(GgmlType.F32, 1, TOKENS);
      leaves.allocate(backend);
      z.write(student);
      zt.write(teacher);
      at.write(places);
      w.write(weights);
      LossGraph nodes = new LossGraph(new Operations(context), built, CONFIDENCE, z, zt, at, w);
      Graph graph =
          new Graph(context, "loss", 256)
              .expand(nodes.losses().asOutput())
              .expand(nodes.gradient().asOutput())
              .expand(nodes.weights().asOutput());
      allocator.reserve(graph);
      allocator.allocate(graph);
      if (used != null) {
        backend.compute(graph);
        nodes.use(used);
      }
      backend.compute(graph);

      float[] losses = nodes.losses().readFloats();
      for (int t = 0; t < TOKENS; t++) {
        double expected = expected(mix, student, teacher, next[t], t);
        assertEquals(expected, losses[t], 1e-4 * Math.max(1, expected), "token " + t);
      }
      float[] counts = nodes.weights().readFloats();
      for (int t = 0; t < TOKENS; t++) {
        assertEquals(weights[t] * weight(mix, teacher, t), counts[t], 1e-5 * counts[t]);
      }
      double error =
          FiniteDifference.error(
              z,
              nodes.gradient().readFloats(),
              () -> {
                double sum = 0;
                float[] moved = z.readFloats();
                for (int t = 0; t < TOKENS; t++) {
                  sum +=
                      weights[t]
                          * weight(mix, teacher, t)
                          * expected(mix, moved, teacher, next[t], t);
                }
                return sum;
              },
              1e-2,
              3);
      assertTrue(error < TOLERANCE, mix + " is off by " + error);
    }
  }

  @Test
  void hiddenStatesAloneLeaveOutTheHead() {
    assertThrows(IllegalArgumentException.class, () -> LossSchedule.parse("hidden", 1));
    LossMix mix = LossSchedule.parse("ce,hidden:0.5", 1).widest();
    assertTrue(mix.comparesStates());
    assertTrue(mix.needsTeacher());
    assertFalse(LossMix.of(Objective.FORWARD_KL).comparesStates());
  }

  private static double weight(LossMix mix, float[] teacher, int token) {
    double[] p = softmax(teacher, token, mix.temperature());
    return switch (mix.tokenWeights()) {
      case UNIFORM -> 1;
      case CERTAINTY -> Arrays.stream(p).map(v -> v * v).sum();
      case ENTROPY -> -Arrays.stream(p).map(v -> v * Math.log(v)).sum();
    };
  }

  private static double expected(
      LossMix mix, float[] student, float[] teacher, int next, int token) {
    double tau = mix.temperature();
    double[] p = softmax(teacher, token, tau);
    double[] q = softmax(student, token, tau);
    double[] m = new double[VOCABULARY];
    for (int i = 0; i < VOCABULARY; i++) {
      m[i] = (p[i] + q[i]) / 2;
    }
    double sum = 0;
    for (Objective objective : mix.weights().keySet()) {
      double value =
          switch (objective) {
            case FORWARD_KL -> kl(p, q) * tau * tau;
            case REVERSE_KL -> kl(q, p) * tau * tau;
            case JSD -> (kl(p, m) + kl(q, m)) / 2 * tau * tau;
            case CAKLD -> (CONFIDENCE * kl(q, p) + (1 - CONFIDENCE) * kl(p, q)) * tau * tau;
            case CE -> -Math.log(softmax(student, token, 1)[next]);
            case HIDDEN -> throw new IllegalArgumentException("not a loss of logits");
          };
      sum += mix.weights().get(objective) * value;
    }
    return sum;
  }

  private static double kl(double[] p, double[] q) {
    double sum = 0;
    for (int i = 0; i < p.length; i++) {
      sum += p[i] * Math.log(p[i] / q[i]);
    }
    return sum;
  }

  private static double[] softmax(float[] logits, int token, double tau) {
    double[] p = new double[VOCABULARY];
    double sum = 0;
    for (int i = 0; i < VOCABULARY; i++) {
      p[i] = Math.exp(logits[token * VOCABULARY + i] / tau);
      sum += p[i];
    }
    for (int i = 0; i < VOCABULARY; i++) {
      p[i] /= sum;
    }
    return p;
  }

  private float[] gaussian(int n) {
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = (float) (2 * random.nextGaussian());
    }
    return values;
  }

  @Test
  void anUnknownLossIsRefusedByName() {
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> LossSchedule.parse("kl", 1));
    assertTrue(e.getMessage().contains("forward-kl"), e.getMessage());
  }
}
