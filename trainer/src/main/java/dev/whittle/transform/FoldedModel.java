package dev.whittle.transform;

import dev.whittle.data.TokenizedCorpus;
import dev.whittle.model.ModelFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/// A transformed model in a file of its own beside the one that will be made of it, for as long as
/// that takes.
public final class FoldedModel implements AutoCloseable {
  private final Path path;

  private FoldedModel(Path path) {
    this.path = path;
  }

  /// Transforms a model, as [ModelTransformer#transform] does.
  ///
  /// @param target the file that will be made of it
  public static FoldedModel of(
      ModelTransformer transformer,
      ModelFile model,
      @Nullable TokenizedCorpus text,
      Path target,
      TransformListener listener)
      throws IOException {
    String random = HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextLong());
    Path path =
        target
            .toAbsolutePath()
            .resolveSibling("." + target.getFileName() + ".transformed." + random + ".tmp");
    // If the process is told to end meanwhile.
    path.toFile().deleteOnExit();
    transformer.transform(model, text, path, false, listener);
    return new FoldedModel(path);
  }

  /// Where it lies until it is closed.
  public Path path() {
    return path;
  }

  @Override
  public void close() throws IOException {
    Files.deleteIfExists(path);
  }
}
