package dev.whittle.cli.recipe;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import dev.whittle.io.AtomicFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.annotation.JsonNaming;
import tools.jackson.databind.json.JsonMapper;

/// What a run directory remembers of a stage: the provenance of its outputs, and whether they are
/// still what the recipe asks for.
///
/// @param stage its name
/// @param kind what it does
/// @param hash of all that its outputs depend on: settings and what the inputs hold
/// @param settings as the resolved recipe has them
/// @param inputs what it read
/// @param writes the files that it writes
/// @param outputs what it wrote; null while it is at work, or was killed
/// @param finished when, in UTC
/// @param seconds how long it took, counted from where it last went on
/// @param versions of Whittle and its native libraries
@JsonNaming(SnakeCaseStrategy.class)
@JsonIgnoreProperties(ignoreUnknown = true)
public record StageRecord(
    String stage,
    String kind,
    String hash,
    Map<String, List<String>> settings,
    Map<String, List<Fingerprint>> inputs,
    List<String> writes,
    @Nullable List<Fingerprint> outputs,
    @Nullable String finished,
    double seconds,
    Map<String, String> versions) {
  private static final JsonMapper JSON =
      JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

  /// The folder of a run's records.
  public static Path folder(Path runDirectory) {
    return runDirectory.resolve("stages");
  }

  static Path file(Path runDirectory, String stage) {
    return folder(runDirectory).resolve(stage + ".json");
  }

  /// The record of a stage, if there is one that can be read.
  public static Optional<StageRecord> read(Path runDirectory, String stage) throws IOException {
    Path file = file(runDirectory, stage);
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    try {
      return Optional.of(JSON.readValue(Files.readAllBytes(file), StageRecord.class));
    } catch (JacksonException _) {
      // Without its record, a stage runs again: that is all that a damaged one costs.
      return Optional.empty();
    }
  }

  void write(Path runDirectory) throws IOException {
    Files.createDirectories(folder(runDirectory));
    byte[] bytes = JSON.writeValueAsBytes(this);
    AtomicFile.write(
        file(runDirectory, stage), true, channel -> channel.write(ByteBuffer.wrap(bytes)));
  }

  /// The record of the same stage, done.
  StageRecord done(List<Fingerprint> written, @Nullable String when, double took) {
    return new StageRecord(
        stage, kind, hash, settings, inputs, writes, written, when, took, versions);
  }

  /// Whether the stage was done with what it depends on, and its outputs are still there.
  boolean isCurrent(String wantedHash, List<Path> wanted) throws IOException {
    if (!hash.equals(wantedHash)
        || outputs == null
        || !writes.equals(wanted.stream().map(Path::toString).toList())) {
      return false;
    }
    for (Fingerprint output : outputs) {
      if (!output.isCurrent()) {
        return false;
      }
    }
    return true;
  }
}
