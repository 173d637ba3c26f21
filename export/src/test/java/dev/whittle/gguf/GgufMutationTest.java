package dev.whittle.gguf;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.io.Mutations;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GgufMutationTest {
  private static final int ROUNDS = 2000;

  @TempDir Path folder;

  @Test
  void damagedFilesAreRefusedOrReadable() throws IOException {
    byte[] sound = Files.readAllBytes(GgufSamples.write(folder.resolve("sound.gguf")));
    int headerBytes = sound.length - 480; // The data of the samples, padded.
    Mutations mutations = new Mutations(7);
    Path damaged = folder.resolve("damaged.gguf");
    int refused = 0;

    for (int round = 0; round < ROUNDS; round++) {
      Files.write(damaged, mutations.damage(sound, headerBytes));
      if (!isReadable(damaged)) {
        refused++;
      }
    }

    // Neither all nor none: changed letters in names and values are nobody's mistake.
    assertTrue(refused > ROUNDS / 2 && refused < ROUNDS, refused + " of " + ROUNDS);
  }

  /// Reads all there is. Whatever is thrown other than by refusing the file fails the test.
  private static boolean isReadable(Path path) {
    try (GgufFile file = GgufFile.open(path)) {
      for (TensorInfo tensor : file.tensors()) {
        file.data(tensor).toArray(ValueLayout.JAVA_BYTE);
      }
      for (GgufValue value : file.metadata().asMap().values()) {
        if (value instanceof GgufArray array) {
          array.elements();
        }
      }
      return true;
    } catch (GgufException e) {
      assertTrue(e.getMessage().startsWith(path.toString()), e.getMessage());
      return false;
    }
  }
}
