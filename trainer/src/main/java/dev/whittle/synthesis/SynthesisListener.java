package dev.whittle.synthesis;

/// Hears how a [SynthesisJob] goes. All methods are called by one thread at a time.
public interface SynthesisListener {
  /// A stage begins, in a few words: "reading the prompts".
  default void stage(String what) {}

  /// A reply was generated. Those of a round are counted as if all of them were kept.
  ///
  /// @param done examples kept, or, where all prompts are answered, replies generated
  /// @param total the most there can be
  /// @param tokensPerSecond written since the job began to generate, in this process
  default void generated(long done, long total, double tokensPerSecond) {}

  /// Something is not as it should be, and the job goes on: a sentence.
  default void warning(String sentence) {}
}
