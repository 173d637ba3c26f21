package dev.whittle.autograd;

import dev.whittle.ggml.Tensor;
import java.util.Random;
import java.util.function.DoubleSupplier;

/// Compares a gradient with the slope of the function along random directions.
///
/// Along a direction d the central difference (f(x + h·d) − f(x − h·d)) / 2h has to be ⟨g, d⟩. A
/// direction moves all elements at once, so that the float32 rounding of f, which would drown the
/// slope along a single element, averages out. Each element of d is ±1, so every element of the
/// gradient counts.
public final class FiniteDifference {
  private FiniteDifference() {}

  private static final int DIRECTIONS = 8;

  /// The root mean square of the error over some directions, relative to the length that ⟨g, d⟩
  /// typically has (‖g‖).
  ///
  /// @param x the tensor to vary, F32
  /// @param gradient the gradient to check, in the order of x's elements
  /// @param f the function's value for what x holds at the time
  public static double error(Tensor x, float[] gradient, DoubleSupplier f, double h, long seed) {
    float[] origin = x.readFloats();
    double norm = 0;
    for (float g : gradient) {
      norm += (double) g * g;
    }
    norm = Math.sqrt(norm);
    Random random = new Random(seed);
    double squares = 0;
    for (int n = 0; n < DIRECTIONS; n++) {
      boolean[] up = new boolean[origin.length];
      double expected = 0;
      for (int i = 0; i < up.length; i++) {
        up[i] = random.nextBoolean();
        expected += up[i] ? gradient[i] : -gradient[i];
      }
      double slope = (at(x, origin, up, h, f) - at(x, origin, up, -h, f)) / (2 * h);
      squares += Math.pow((slope - expected) / norm, 2);
    }
    x.write(origin);
    return Math.sqrt(squares / DIRECTIONS);
  }

  private static double at(Tensor x, float[] origin, boolean[] up, double h, DoubleSupplier f) {
    float[] moved = new float[origin.length];
    for (int i = 0; i < moved.length; i++) {
      moved[i] = (float) (origin[i] + (up[i] ? h : -h));
    }
    x.write(moved);
    return f.getAsDouble();
  }
}
