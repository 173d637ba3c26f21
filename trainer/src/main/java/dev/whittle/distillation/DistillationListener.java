package dev.whittle.distillation;

/// Hears how a [DistillationJob] goes. All methods are called on the job's thread.
public interface DistillationListener {
  /// A stage begins, in a few words: "reading the data".
  default void stage(String what) {}

  /// The importance matrix covers so many documents now.
  default void importance(long documents, long total) {}

  /// A step is done.
  default void step(StepReport report) {}
}
