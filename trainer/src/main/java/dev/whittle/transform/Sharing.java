package dev.whittle.transform;

/// Which inputs of a site must have the same scale, since one channel before it feeds them all: the
/// query heads that share a value head.
///
/// @param heads heads among the inputs; 1 where each input is fed by a channel of its own
/// @param sharing how many heads in a row are fed by the same one
record Sharing(int heads, int sharing) {
  static final Sharing NONE = new Sharing(1, 1);

  /// The channel that feeds an input.
  int source(int input, int inputs) {
    int head = inputs / heads;
    return input / head / sharing * head + input % head;
  }

  /// The value for each channel, [inputs / sharing], of values that are the same for all its
  /// inputs.
  float[] sources(float[] values) {
    float[] sources = new float[values.length / sharing];
    for (int i = 0; i < values.length; i++) {
      sources[source(i, values.length)] = values[i];
    }
    return sources;
  }

  /// The root of the mean square over the inputs of each channel, for every input.
  float[] means(float[] values) {
    double[] sums = new double[values.length / sharing];
    for (int i = 0; i < values.length; i++) {
      sums[source(i, values.length)] += (double) values[i] * values[i] / sharing;
    }
    float[] means = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      means[i] = (float) Math.sqrt(sums[source(i, values.length)]);
    }
    return means;
  }

  /// The greatest over the inputs of each channel, for every input.
  float[] greatest(float[] values) {
    float[] sources = new float[values.length / sharing];
    for (int i = 0; i < values.length; i++) {
      int source = source(i, values.length);
      sources[source] = Math.max(sources[source], values[i]);
    }
    float[] greatest = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      greatest[i] = sources[source(i, values.length)];
    }
    return greatest;
  }
}
