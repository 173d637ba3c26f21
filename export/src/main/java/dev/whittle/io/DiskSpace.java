package dev.whittle.io;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// The room that there is for a file or folder, which need not be there yet.
///
/// @param folder the nearest one that is there
/// @param bytes that may still be written on its disk
public record DiskSpace(Path folder, long bytes) {
  /// The room on the disk where `path` is, or would be.
  ///
  /// @throws IOException if the disk does not tell
  public static DiskSpace at(Path path) throws IOException {
    Path folder = nearestFolder(path);
    return new DiskSpace(folder, Files.getFileStore(folder).getUsableSpace());
  }

  /// The folder of `path`, or of the folders above it the nearest one that is there; `path` itself
  /// if it is one.
  public static Path nearestFolder(Path path) {
    Path folder = path.toAbsolutePath();
    while (!Files.isDirectory(folder)) {
      folder = folder.getParent();
    }
    return folder;
  }
}
