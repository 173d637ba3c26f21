package dev.whittle.cli.recipe;

import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Stages that several runs have in common: what one of them has done, the others take over.
public interface StageStore {
  /// A run that has nothing in common with others.
  StageStore NONE =
      hash ->
          new Claim() {
            @Override
            public Optional<Finished> finished() {
              return Optional.empty();
            }

            @Override
            public void publish(Finished stage) {}

            @Override
            public void close() {}
          };

  /// A stage that a run has done.
  ///
  /// @param runDirectory the stage's own, if it has one
  record Finished(StageRecord record, @Nullable Path runDirectory) {}

  /// Takes a stage in hand. Waits while another thread has it.
  ///
  /// @param hash of all that the stage's outputs depend on
  Claim claim(String hash);

  /// A stage in hand, until this is closed by the thread that claimed it.
  interface Claim extends AutoCloseable {
    /// The stage, if another run has done it.
    Optional<Finished> finished();

    /// Lets others take the stage over.
    void publish(Finished stage);

    @Override
    void close();
  }
}
