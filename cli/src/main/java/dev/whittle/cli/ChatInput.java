package dev.whittle.cli;

import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// What a user says, line by line.
interface ChatInput extends AutoCloseable {
  /// The next line; null when there are no more.
  @Nullable String next();

  /// Does something that the user may want to stop: the condition becomes true on Ctrl-C.
  void stoppable(Consumer<BooleanSupplier> work);

  @Override
  void close();
}
