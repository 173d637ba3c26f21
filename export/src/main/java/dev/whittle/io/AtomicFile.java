package dev.whittle.io;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.HexFormat;
import java.util.concurrent.ThreadLocalRandom;

/// Writes a file whole or not at all.
///
/// The content goes to a temporary file in the target's own folder, is forced to the disk, and is
/// then renamed onto the target. A full disk, an exception or a crash leaves the target as it was.
/// The temporary file is deleted when anything fails, an interruption by Ctrl-C included; only a
/// crash can leave one behind, and its name starts with a dot and ends in `.tmp`.
public final class AtomicFile {

  /// Produces a file's content.
  @FunctionalInterface
  public interface Content {

    /// Writes the whole content to `channel`, without closing it. Each call of the channel takes
    /// all that it is given.
    ///
    /// @throws IOException if it cannot be written; the target is then left alone
    void writeTo(WritableByteChannel channel) throws IOException;
  }

  private AtomicFile() {}

  /// Writes `content` to `target`, or where `target` leads if it is a symbolic link.
  ///
  /// @param overwrite whether a file that is there already may be replaced
  /// @throws FileAlreadyExistsException if `target` exists and `overwrite` is false
  /// @throws IOException if `target` cannot be written, with a message that names it
  public static void write(Path target, boolean overwrite, Content content) throws IOException {
    checkWritable(target, overwrite);
    Path file = Files.exists(target) ? target.toRealPath() : target.toAbsolutePath();
    Path temporary = temporaryBeside(file);
    Leftovers.add(temporary);
    try {
      try (FileChannel channel =
          FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
        content.writeTo(new CompleteChannel(channel));
        channel.force(true);
      }
      if (!overwrite) {
        // Someone may have written the target meanwhile, and a rename would replace it.
        checkWritable(target, false);
      }
      move(temporary, file);
    } catch (FileAlreadyExistsException e) {
      throw e;
    } catch (IOException e) {
      throw new IOException(
          "cannot write "
              + target
              + ": "
              + IoProblem.of(e)
              + "; choose a folder that may be written to and has room",
          e);
    } finally {
      Leftovers.delete(temporary);
    }
    forceFolder(file.getParent());
  }

  /// Fails where [#write] would refuse `target`, so that a long job can find out before it starts.
  ///
  /// @throws FileAlreadyExistsException if `target` exists and `overwrite` is false
  /// @throws IOException if `target` is not a regular file, or its folder does not exist
  public static void checkWritable(Path target, boolean overwrite) throws IOException {
    if (Files.isRegularFile(target)) {
      if (!overwrite) {
        throw new FileAlreadyExistsException(
            target + " exists already; choose another name or allow it to be overwritten");
      }
      return;
    }
    if (Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
      throw new IOException(
          "cannot write " + target + ": it exists and is not a regular file; choose another name");
    }
    Path folder = target.toAbsolutePath().getParent();
    if (folder == null || !Files.isDirectory(folder)) {
      throw new IOException(
          "cannot write " + target + ": the folder " + folder + " does not exist; create it first");
    }
  }

  /// Fails where the disk of `target`'s folder has no room for so many bytes, so that hours of work
  /// do not end in a full disk.
  ///
  /// @throws IOException naming what is needed and what there is
  public static void checkRoom(Path target, long bytes) throws IOException {
    DiskSpace space = DiskSpace.at(target);
    if (bytes > space.bytes()) {
      throw new IOException(
          "cannot write %s: it takes %,d MB, and %s has room for %,d; free some, or choose another folder"
              .formatted(
                  target,
                  Math.ceilDiv(bytes, 1_000_000),
                  space.folder(),
                  space.bytes() / 1_000_000));
    }
  }

  /// A name of our own rather than `Files.createTempFile`, which makes a file that only its owner
  /// can read: the rename would carry that over to the target.
  private static Path temporaryBeside(Path file) {
    String random = HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextLong());
    return file.resolveSibling("." + file.getFileName() + "." + random + ".tmp");
  }

  private static void move(Path temporary, Path file) throws IOException {
    try {
      Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
    } catch (AtomicMoveNotSupportedException e) {
      Files.move(temporary, file, StandardCopyOption.REPLACE_EXISTING);
    }
  }

  /// Makes the rename itself durable. Not every system lets a folder be opened; by then the content
  /// is complete either way.
  private static void forceFolder(Path folder) {
    try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
    } catch (IOException _) {
      // As above.
    }
  }
}
