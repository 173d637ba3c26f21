package dev.whittle.reinforcement;

/// Hears how a [GrpoJob] goes. All methods are called on the job's thread.
public interface GrpoListener {
  /// A stage begins, in a few words: "reading the questions".
  default void stage(String what) {}

  /// Something is not as it should be, and the job goes on: a sentence.
  default void warning(String sentence) {}

  /// A step is done.
  default void step(GrpoStepReport report) {}
}
