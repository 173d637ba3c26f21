package dev.whittle.transform;

/// Multiplies each element by a factor of its own.
///
/// @param factors not zero, unless nobody asks for the inverse
record Scaling(float[] factors) implements LinearMap {
  @Override
  public int size() {
    return factors.length;
  }

  @Override
  public void apply(float[] values, int first) {
    for (int i = 0; i < factors.length; i++) {
      values[first + i] *= factors[i];
    }
  }

  @Override
  public LinearMap inverseTransposed() {
    float[] inverse = new float[factors.length];
    for (int i = 0; i < inverse.length; i++) {
      inverse[i] = 1 / factors[i];
    }
    return new Scaling(inverse);
  }
}
