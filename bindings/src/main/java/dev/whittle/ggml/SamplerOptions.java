package dev.whittle.ggml;

/// How a token is drawn from the model's distribution, in the order of llama.cpp: the `topK`
/// likeliest, of those the fewest that have the probability `topP` together, of those the ones at
/// least `minP` times as probable as the likeliest; then the logits are divided by the temperature.
///
/// @param temperature greater than 0; for the likeliest token use [LlamaContext#likeliestToken]
/// @param topK 0 for all
/// @param topP in (0, 1]; 1 for all
/// @param minP in [0, 1]; 0 for all
/// @param seed of the random numbers, from 0 to 4,294,967,294: llama.cpp takes the next one for
///   "any"
public record SamplerOptions(double temperature, int topK, double topP, double minP, long seed) {
  private static final long GREATEST_SEED = 0xFFFF_FFFEL;

  public SamplerOptions {
    require(
        temperature > 0 && temperature < Double.POSITIVE_INFINITY,
        "temperature must be positive",
        temperature);
    require(topK >= 0, "top-k must not be negative", topK);
    require(topP > 0 && topP <= 1, "top-p must be more than 0 and at most 1", topP);
    require(minP >= 0 && minP <= 1, "min-p must be from 0 to 1", minP);
    require(seed >= 0 && seed <= GREATEST_SEED, "seed must be from 0 to " + GREATEST_SEED, seed);
  }

  private static void require(boolean holds, String rule, Number value) {
    if (!holds) {
      throw new IllegalArgumentException("the " + rule + ", and is " + value);
    }
  }

  /// The model's own distribution at this temperature, nothing cut off.
  public static SamplerOptions ofTemperature(double temperature, long seed) {
    return new SamplerOptions(temperature, 0, 1, 0, seed);
  }

  /// The same with another seed.
  public SamplerOptions withSeed(long other) {
    return new SamplerOptions(temperature, topK, topP, minP, other);
  }

  /// The same with another seed, so many further; after the greatest comes 0.
  public SamplerOptions withSeedOffset(long offset) {
    long other = Math.floorMod(seed + offset, GREATEST_SEED + 1);
    return new SamplerOptions(temperature, topK, topP, minP, other);
  }
}
