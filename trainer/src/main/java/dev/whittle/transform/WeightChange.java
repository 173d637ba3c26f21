package dev.whittle.transform;

import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// What folds make of one weight of a model.
///
/// @param rows maps for each row, one after the other; for a vector, of the vector
/// @param columns a map for each column, if there is one; for a vector, of the vector
/// @param divisor what a norm's gain is divided by, if anything. Where it is 0 the gain was too,
///   and becomes 1: the norm's readers are multiplied by 0
record WeightChange(List<LinearMap> rows, @Nullable LinearMap columns, float @Nullable [] divisor) {

  static final WeightChange NONE = new WeightChange(List.of(), null, null);

  /// Maps for the rows, leaving out those that are null.
  static WeightChange ofRows(@Nullable LinearMap... maps) {
    return new WeightChange(Stream.of(maps).filter(Objects::nonNull).toList(), null, null);
  }

  /// A norm's gain, divided.
  static WeightChange ofGain(float @Nullable [] divisor) {
    return new WeightChange(List.of(), null, divisor);
  }

  /// This one with a map for the columns.
  WeightChange andColumns(@Nullable LinearMap map) {
    return new WeightChange(rows, map, divisor);
  }

  boolean isNone() {
    return rows.isEmpty() && columns == null && divisor == null;
  }
}
