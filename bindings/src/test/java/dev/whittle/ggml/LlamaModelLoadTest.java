package dev.whittle.ggml;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Files that are no models end in an exception that names them, not in the library.
class LlamaModelLoadTest {
  @TempDir Path folder;

  private String loadFailure(Path path) {
    return assertThrows(
            NativeException.class, () -> LlamaModel.load(path, LlamaModelOptions.defaults()))
        .getMessage();
  }

  @Test
  void aMissingFile() {
    String message = loadFailure(folder.resolve("none.gguf"));
    assertTrue(message.contains("none.gguf does not exist"), message);
  }

  @Test
  void aFolder() {
    String message = loadFailure(folder);
    assertTrue(message.contains("is not a file"), message);
  }

  @Test
  void aFileThatIsNotGguf() throws IOException {
    Path file = Files.writeString(folder.resolve("model.bin"), "PK");
    assertTrue(loadFailure(file).contains("is not a GGUF file"), loadFailure(file));
  }

  @Test
  void aGgufFileWithoutAModelGivesTheReasonsOfTheLibrary() throws IOException {
    ByteBuffer header = ByteBuffer.allocate(24).order(ByteOrder.LITTLE_ENDIAN);
    header.put("GGUF".getBytes(StandardCharsets.US_ASCII)).putInt(3).putLong(0).putLong(0);
    Path file = Files.write(folder.resolve("empty.gguf"), header.array());
    String message = loadFailure(file);
    assertTrue(message.contains("unknown model architecture"), message);
  }
}
