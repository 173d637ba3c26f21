package dev.whittle.synthesis;

import dev.whittle.data.Example;
import java.util.List;

/// Examples that a model writes. They are numbered; the number and the seed decide what is drawn.
interface ExampleSource {
  /// How many there are, at most.
  long size();

  /// Some of the examples, in order.
  ///
  /// @param from the number of the first
  List<Written<Example>> write(long from, int count);
}
