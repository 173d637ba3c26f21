package dev.whittle.distillation;

/// Hears how a [DistillationJob] goes. All methods are called on the job's thread.
public interface DistillationListener {
  /// A stage begins, in a few words: "reading the data".
  default void stage(String what) {}

  /// The importance matrix covers so many documents now.
  default void importance(long documents, long total) {}

  /// GPTQ, from which the student starts, is done with so many layers.
  default void gptq(int layers, int total) {}

  /// Something is not as it should be, and the job goes on: a sentence.
  default void warning(String sentence) {}

  /// The teacher's states of so many documents are in the cache now.
  default void teacherStates(long documents, long total) {}

  /// The student has been evaluated behind a step.
  default void evaluated(Evaluation evaluation) {}

  /// A step is done.
  default void step(StepReport report) {}
}
