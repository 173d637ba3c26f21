package dev.whittle.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.whittle.ggml.GgmlType;
import dev.whittle.gguf.GgufException;
import dev.whittle.gguf.GgufFile;
import dev.whittle.gguf.GgufWriter;
import dev.whittle.gguf.TensorData;
import dev.whittle.gguf.TensorInfo;
import dev.whittle.huggingface.HuggingFaceCheckpoint;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelFileTest {
  private static final String TOKENS = "tokenizer.ggml.tokens";

  @TempDir private Path folder;

  @Test
  void aTokenWithoutARowOfTheEmbeddingIsRefused() throws IOException {
    Path whole = folder.resolve("whole.gguf");
    Path checkpoint = Path.of(System.getProperty("whittle.home"), "demo", "reasoner-5m");
    try (HuggingFaceCheckpoint model = HuggingFaceCheckpoint.open(checkpoint)) {
      model.writeGguf(whole, GgmlType.BF16, false);
    }
    Path longer = folder.resolve("longer.gguf");
    try (GgufFile file = GgufFile.open(whole)) {
      List<String> tokens = new ArrayList<>(file.metadata().requireStrings(TOKENS));
      tokens.add("one more");
      GgufWriter writer = new GgufWriter(file.metadata().toBuilder().put(TOKENS, tokens).build());
      for (TensorInfo tensor : file.tensors()) {
        writer.add(tensor.name(), tensor.type(), tensor.shape(), TensorData.of(file.data(tensor)));
      }
      writer.write(longer, false);
    }

    GgufException e = assertThrows(GgufException.class, () -> ModelFile.open(longer));

    assertEquals(
        longer
            + ": 'tokenizer.ggml.tokens' lists 1025 tokens, but 'token_embd.weight' has 1024 rows;"
            + " convert the checkpoint again",
        e.getMessage());
  }
}
