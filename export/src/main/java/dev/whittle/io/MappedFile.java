package dev.whittle.io;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/// A file mapped into memory for reading, for as long as this is open.
///
/// Safe for use by several threads. Nobody may shorten the file meanwhile; putting another in its
/// place by renaming, as [AtomicFile] does, is harmless.
public final class MappedFile implements AutoCloseable {
  private final Arena arena = Arena.ofShared();
  private final MemorySegment bytes;

  private MappedFile(FileChannel channel) throws IOException {
    try {
      bytes = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
    } catch (IOException | RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  /// Maps the whole of a file.
  ///
  /// @throws IOException if it cannot be opened or mapped
  public static MappedFile open(Path path) throws IOException {
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      return new MappedFile(channel);
    }
  }

  /// The file's bytes, read-only and valid until this is closed.
  public MemorySegment bytes() {
    return bytes;
  }

  /// Unmaps the file. Closing twice does nothing.
  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
