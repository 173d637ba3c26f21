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
  private static final int PIECE = 1024;

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

  /// Updates a parameter, or a part of one, and its moments: all F32, as many elements each, in the
  /// same order.
  public void update(
      MemorySegment weight,
      MemorySegment gradient,
      MemorySegment firstMoment,
      MemorySegment secondMoment,
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
    // Over arrays the loop is compiled to vector code; over the segments themselves C2 gave up on
    // it
    // again and again. The pieces stay in the first-level cache.
    float[] w = new float[PIECE];
    float[] g = new float[PIECE];
    float[] m = new float[PIECE];
    float[] v = new float[PIECE];
    long count = weight.byteSize() / Float.BYTES;
    for (long at = 0; at < count; at += PIECE) {
      int n = (int) Math.min(PIECE, count - at);
      MemorySegment.copy(weight, F32, at * Float.BYTES, w, 0, n);
      MemorySegment.copy(gradient, F32, at * Float.BYTES, g, 0, n);
      MemorySegment.copy(firstMoment, F32, at * Float.BYTES, m, 0, n);
      MemorySegment.copy(secondMoment, F32, at * Float.BYTES, v, 0, n);
      for (int i = 0; i < n; i++) {
        float scaled = g[i] * scale;
        m[i] = b1 * m[i] + c1 * scaled;
        v[i] = b2 * v[i] + c2 * scaled * scaled;
        w[i] = w[i] * keep - rate * m[i] / ((float) Math.sqrt(v[i] * inverse2) + epsilon);
      }
      MemorySegment.copy(w, 0, weight, F32, at * Float.BYTES, n);
      MemorySegment.copy(m, 0, firstMoment, F32, at * Float.BYTES, n);
      MemorySegment.copy(v, 0, secondMoment, F32, at * Float.BYTES, n);
    }
  }
}
