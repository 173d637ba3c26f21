package dev.whittle.optimizer;

/// Adam with decoupled weight decay (Loshchilov and Hutter 2019).
///
/// @param beta1 decay of the first moment
/// @param beta2 decay of the second moment
/// @param epsilon added to the square root of the second moment
public record AdamW(float beta1, float beta2, float epsilon) {
  /// The settings that language models are commonly trained with.
  public static final AdamW DEFAULT = new AdamW(0.9f, 0.95f, 1e-8f);

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

  /// The update that a step makes, the same for every element.
  public Update at(Step step) {
    return new Update(
        this,
        step.gradientScale(),
        (float) (step.learningRate() / (1 - Math.pow(beta1, step.number()))),
        1 - step.learningRate() * step.weightDecay(),
        (float) (1 / (1 - Math.pow(beta2, step.number()))));
  }

  /// The formula of one step.
  ///
  /// @param adam the settings
  /// @param gradientScale factor on the gradient
  /// @param rate the learning rate over the first moment's bias correction
  /// @param keep what weight decay leaves of a weight
  /// @param correction factor that takes the second moment's bias away
  public record Update(AdamW adam, float gradientScale, float rate, float keep, float correction) {
    /// The update of parameters that move by a share of what these do, and do not decay.
    public Update withoutDecay(float share) {
      return new Update(adam, gradientScale, rate * share, 1, correction);
    }

    /// Updates the first `n` elements of weights and moments.
    ///
    /// Over arrays, since there the loop is compiled to vector code; over memory segments the
    /// compiler gave up on it again and again.
    public void apply(float[] weight, float[] gradient, float[] first, float[] second, int n) {
      float b1 = adam.beta1;
      float b2 = adam.beta2;
      float c1 = 1 - b1;
      float c2 = 1 - b2;
      float epsilon = adam.epsilon;
      for (int i = 0; i < n; i++) {
        float g = gradient[i] * gradientScale;
        first[i] = b1 * first[i] + c1 * g;
        second[i] = b2 * second[i] + c2 * g * g;
        float root = (float) Math.sqrt(second[i] * correction);
        weight[i] = weight[i] * keep - rate * first[i] / (root + epsilon);
      }
    }
  }
}
