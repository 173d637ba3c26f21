package dev.whittle.cli;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.SortedMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import tools.jackson.databind.annotation.JsonNaming;

/// What was measured of a [PtqCell], or why it could not be.
///
/// @param settings what the figures depend on beside the cell: digests and limits
/// @param simulated whether formats were simulated that GGUF does not have; then the sizes are what
///   they would be
/// @param questions how many were asked
/// @param seconds that quantizing took
/// @param peakBytes of memory that quantizing had resident
/// @param failure why there are no figures, or null
@JsonNaming(SnakeCaseStrategy.class)
@JsonInclude(JsonInclude.Include.NON_NULL)
record PtqResult(
    String model,
    String format,
    String method,
    String cacheType,
    String settings,
    boolean simulated,
    @Nullable Long bytes,
    @Nullable Double bitsPerWeight,
    @Nullable Double meanKld,
    @Nullable Double sameTopP,
    @Nullable Double ppl,
    @Nullable Integer questions,
    @Nullable Double accuracy,
    @Nullable SortedMap<String, Double> accuracyByDomain,
    @Nullable Double seconds,
    @Nullable Long peakBytes,
    @Nullable String failure) {

  static PtqResult failed(PtqCell cell, String settings, String failure) {
    return new PtqResult(
        cell.modelName(),
        cell.format().toString(),
        cell.method(),
        cell.cacheType(),
        settings,
        cell.isSimulated(),
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        failure);
  }

  /// Whether this holds for the same cell under the same settings, and has figures.
  boolean answers(PtqCell cell, String wanted) {
    return failure == null
        && model.equals(cell.modelName())
        && format.equals(cell.format().toString())
        && method.equals(cell.method())
        && cacheType.equals(cell.cacheType())
        && settings.equals(wanted);
  }
}
