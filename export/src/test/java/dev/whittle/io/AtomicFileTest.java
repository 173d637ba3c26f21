package dev.whittle.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AtomicFileTest {
  @TempDir Path folder;

  @Test
  void writesANewFile() throws IOException {
    Path target = folder.resolve("new");

    AtomicFile.write(target, false, content("hello"));

    assertEquals("hello", Files.readString(target));
    assertEquals(List.of(target), filesIn(folder));
  }

  @Test
  void reasonsAreWordsAndNotTheNamesOfFiles() {
    assertEquals("permission denied", IoProblem.of(new AccessDeniedException("x")));
    assertEquals("no such file or folder", IoProblem.of(new NoSuchFileException("x")));
    assertEquals("disk full", IoProblem.of(new FileSystemException("x", null, "disk full")));
    assertEquals("broken", IoProblem.of(new IOException("broken")));
  }

  @Test
  void knowsWhetherTheDiskHasRoom() throws IOException {
    Path target = folder.resolve("later").resolve("large");

    AtomicFile.checkRoom(target, 1);
    IOException e =
        assertThrows(IOException.class, () -> AtomicFile.checkRoom(target, Long.MAX_VALUE));

    assertTrue(
        e.getMessage().startsWith("cannot write " + target + ": it takes 9,223,372,036,855 MB"),
        e.getMessage());
    assertTrue(e.getMessage().contains(folder + " has room for"), e.getMessage());
  }

  @Test
  void writesWhatADiskTakesInParts() throws IOException {
    ByteArrayOutputStream disk = new ByteArrayOutputStream();
    WritableByteChannel threeAtATime =
        new WritableByteChannel() {
          @Override
          public int write(ByteBuffer bytes) {
            int count = Math.min(3, bytes.remaining());
            for (int i = 0; i < count; i++) {
              disk.write(bytes.get());
            }
            return count;
          }

          @Override
          public boolean isOpen() {
            return true;
          }

          @Override
          public void close() {}
        };

    int written =
        new CompleteChannel(threeAtATime).write(StandardCharsets.UTF_8.encode("eleven left"));

    assertEquals(11, written);
    assertEquals("eleven left", disk.toString(StandardCharsets.UTF_8));
  }

  @Test
  void refusesToOverwriteUnlessAllowed() throws IOException {
    Path target = Files.writeString(folder.resolve("there"), "old");

    assertThrows(
        FileAlreadyExistsException.class, () -> AtomicFile.write(target, false, content("new")));
    assertEquals("old", Files.readString(target));

    AtomicFile.write(target, true, content("new"));
    assertEquals("new", Files.readString(target));
  }

  @Test
  void refusesWhatSomeoneElseWroteMeanwhile() throws IOException {
    Path target = folder.resolve("raced");

    assertThrows(
        FileAlreadyExistsException.class,
        () ->
            AtomicFile.write(
                target,
                false,
                channel -> {
                  content("mine").writeTo(channel);
                  Files.writeString(target, "theirs");
                }));

    assertEquals("theirs", Files.readString(target));
    assertEquals(List.of(target), filesIn(folder));
  }

  @Test
  void leavesTheTargetAloneWhenWritingFails() throws IOException {
    Path target = Files.writeString(folder.resolve("kept"), "old");

    IOException failure =
        assertThrows(
            IOException.class,
            () ->
                AtomicFile.write(
                    target,
                    true,
                    channel -> {
                      content("half").writeTo(channel);
                      throw new IOException("No space left on device");
                    }));

    assertEquals(
        "cannot write "
            + target
            + ": No space left on device; choose a folder that may be written to and has room",
        failure.getMessage());
    assertEquals("old", Files.readString(target));
    assertEquals(List.of(target), filesIn(folder));
  }

  @Test
  void leavesNothingBehindWhenTheContentThrows() throws IOException {
    assertThrows(
        IllegalStateException.class,
        () ->
            AtomicFile.write(
                folder.resolve("never"),
                false,
                _ -> {
                  throw new IllegalStateException();
                }));

    assertEquals(List.of(), filesIn(folder));
  }

  @Test
  void writesThroughASymbolicLink() throws IOException {
    Path file = Files.writeString(folder.resolve("file"), "old");
    Path link = Files.createSymbolicLink(folder.resolve("link"), file);

    AtomicFile.write(link, true, content("new"));

    assertTrue(Files.isSymbolicLink(link));
    assertEquals("new", Files.readString(file));
  }

  @Test
  void namesAMissingFolder() {
    Path target = folder.resolve("missing").resolve("file");

    IOException failure =
        assertThrows(IOException.class, () -> AtomicFile.write(target, false, content("x")));

    assertTrue(failure.getMessage().contains(folder.resolve("missing").toString()));
  }

  @Test
  void refusesAFolder() {
    assertThrows(IOException.class, () -> AtomicFile.write(folder, true, content("x")));
  }

  private static AtomicFile.Content content(String text) {
    return channel -> channel.write(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)));
  }

  private static List<Path> filesIn(Path folder) throws IOException {
    try (var files = Files.list(folder)) {
      return files.toList();
    }
  }
}
