package dev.whittle.cli.recipe;

import dev.whittle.training.Digests;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.stream.Stream;
import tools.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import tools.jackson.databind.annotation.JsonNaming;

/// What a file held, and how to tell without reading it that it still does.
///
/// @param bytes its size
/// @param modified when it was last written, in milliseconds since 1970
/// @param sha256 of its content; of a folder, of the names and contents of the files in it
@JsonNaming(SnakeCaseStrategy.class)
public record Fingerprint(String path, long bytes, long modified, String sha256) {

  /// The fingerprint of a file or folder as it is.
  ///
  /// @param known earlier ones: a file whose size and time are as they were is not read again
  /// @throws IOException if it cannot be read
  static Fingerprint of(Path path, Collection<Fingerprint> known) throws IOException {
    List<Path> files = files(path);
    long bytes = 0;
    long modified = Files.getLastModifiedTime(path).toMillis();
    for (Path file : files) {
      bytes += Files.size(file);
      modified = Math.max(modified, Files.getLastModifiedTime(file).toMillis());
    }
    for (Fingerprint earlier : known) {
      if (earlier.path.equals(path.toString())
          && earlier.bytes == bytes
          && earlier.modified == modified) {
        return earlier;
      }
    }
    String digest =
        Files.isDirectory(path)
            ? Digests.sha256(sink ->
                files.forEach(file -> {
                  String line = file.getFileName() + " " + Digests.sha256(file) + "\n";
                  sink.update(ByteBuffer.wrap(line.getBytes(StandardCharsets.UTF_8)));
                }))
            : Digests.sha256(path);
    return new Fingerprint(path.toString(), bytes, modified, digest);
  }

  private static List<Path> files(Path path) throws IOException {
    if (!Files.isDirectory(path)) {
      return List.of(path);
    }
    try (Stream<Path> entries = Files.list(path)) {
      return entries
          .filter(
              file -> Files.isRegularFile(file) && !file.getFileName().toString().startsWith("."))
          .sorted()
          .toList();
    }
  }

  /// Whether the file is there and holds the same.
  ///
  /// @throws IOException if it cannot be read
  boolean isCurrent() throws IOException {
    Path file = Path.of(path);
    return Files.exists(file) && of(file, List.of(this)).sha256.equals(sha256);
  }
}
