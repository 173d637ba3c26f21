package dev.whittle.optimizer;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// Adam with decoupled weight decay (Loshchilov and Hutter 2019).
///
/// @param beta1 decay of the first moment
/// @param beta2 decay of the second moment
/// @param epsilon added to the square root of the second moment
public record AdamW(float beta1, float beta2, float epsilon) {
  /// The settings that language models are commonly trained with.
  public static final AdamW DEFAULT = new AdamW(0.9f, 0.95f, 1e-8f);

  private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT;

  public AdamW {
    if (!(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1 && epsilon > 0)) {
      throw new IllegalArgumentException("AdamW needs 0 ≤ beta1, beta2 < 1 and a positive epsilon");
    }
  }

  /// What one step of one parameter depends on.
  ///
  /// @param number the step's number, from 1
  /// @param learningRate α
  /// @param weightDecay λ, which takes α·λ of the weight
  /// @param gradientScale factor on the gradient, from clipping
  public record Step(int number, float learningRate, float weightDecay, float gradientScale) {}

  /// Updates elements `from` to `to` of a parameter and its moments, all F32 in the same order.
  public void update(
      MemorySegment weight,
      MemorySegment gradient,
      MemorySegment firstMoment,
      MemorySegment secondMoment,
      long from,
      long to,
      Step step) {
    float correction1 = (float) (1 - Math.pow(beta1, step.number()));
    float correction2 = (float) (1 - Math.pow(beta2, step.number()));
    float rate = step.learningRate() / correction1;
    float keep = 1 - step.learningRate() * step.weightDecay();
    float inverse2 = 1 / correction2;
    float b1 = beta1;
    float b2 = beta2;
    float c1 = 1 - beta1;
    float c2 = 1 - beta2;
    float scale = step.gradientScale();
    for (long i = from; i < to; i++) {
      float g = gradient.getAtIndex(F32, i) * scale;
      float m = b1 * firstMoment.getAtIndex(F32, i) + c1 * g;
      float v = b2 * secondMoment.getAtIndex(F32, i) + c2 * g * g;
      firstMoment.setAtIndex(F32, i, m);
      secondMoment.setAtIndex(F32, i, v);
      float w = weight.getAtIndex(F32, i);
      weight.setAtIndex(F32, i, w * keep - rate * m / ((float) Math.sqrt(v * inverse2) + epsilon));
    }
  }
}
