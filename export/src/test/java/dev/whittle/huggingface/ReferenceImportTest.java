package dev.whittle.huggingface;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.whittle.ggml.GgmlType;
import dev.whittle.gguf.GgufArray;
import dev.whittle.gguf.GgufFile;
import dev.whittle.gguf.GgufMetadata;
import dev.whittle.gguf.GgufValue;
import dev.whittle.gguf.GgufWriter;
import dev.whittle.gguf.TensorData;
import dev.whittle.gguf.TensorInfo;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Compares the import of the bundled model with the file that llama.cpp's own converter wrote for
/// it, of which the test resource has the metadata and digests.
class ReferenceImportTest {

  /// llama.cpp guesses these from the name of the folder.
  private static final Set<String> GUESSED =
      Set.of("general.basename", "general.name", "general.size_label");

  @TempDir static Path folder;
  private static JsonNode reference;
  private static GgufFile imported;

  @BeforeAll
  static void importModel() throws IOException {
    try (InputStream json =
        ReferenceImportTest.class.getResourceAsStream("/reasoner-5m-bf16.json")) {
      reference = JsonMapper.shared().readTree(json);
    }
    Path model = Path.of(System.getProperty("whittle.home"), "demo", "reasoner-5m");
    Path file = folder.resolve("reasoner-5m.gguf");
    try (HuggingFaceCheckpoint checkpoint = HuggingFaceCheckpoint.open(model)) {
      assertEquals(GgmlType.BF16, checkpoint.storedType());
      checkpoint.writeGguf(file, GgmlType.BF16, false);
    }
    imported = GgufFile.open(file);
  }

  @AfterAll
  static void closeFile() {
    imported.close();
  }

  @Test
  void tensorsAreThoseOfLlamaCpp() {
    List<String> expected =
        reference.get("tensors").valueStream().map(ReferenceImportTest::describe).toList();

    List<String> actual =
        imported.tensors().stream()
            .map(t -> t.name() + " " + t.type() + " " + t.shape() + " " + sha256(imported.data(t)))
            .toList();

    assertEquals(expected, actual);
  }

  @Test
  void metadataIsThatOfLlamaCpp() {
    List<String> expected =
        reference
            .get("metadata")
            .valueStream()
            .filter(entry -> !GUESSED.contains(entry.get("key").stringValue()))
            .map(ReferenceImportTest::describeEntry)
            .toList();

    List<String> actual =
        imported.metadata().asMap().entrySet().stream()
            .filter(entry -> !GUESSED.contains(entry.getKey()))
            .map(entry -> entry.getKey() + " " + describe(entry.getValue()))
            .toList();

    assertEquals(expected, actual);
  }

  @Test
  void theFileIsThatOfLlamaCppOnceItHasTheSameNames() throws IOException {
    GgufMetadata.Builder metadata = GgufMetadata.builder();
    for (JsonNode entry : reference.get("metadata")) {
      String key = entry.get("key").stringValue();
      metadata.put(
          key,
          GUESSED.contains(key)
              ? GgufValue.Text.of(entry.get("value").stringValue())
              : imported.metadata().value(key).orElseThrow());
    }
    GgufWriter writer = new GgufWriter(metadata.build());
    for (TensorInfo tensor : imported.tensors()) {
      TensorData data = TensorData.of(imported.data(tensor));
      writer.add(tensor.name(), tensor.type(), tensor.shape(), data);
    }
    Path renamed = folder.resolve("renamed.gguf");
    writer.write(renamed, true);

    String sha256 = sha256(MemorySegment.ofArray(Files.readAllBytes(renamed)));

    assertEquals(reference.get("file_sha256").stringValue(), sha256);
  }

  private static String describe(JsonNode tensor) {
    String shape =
        tensor.get("shape").valueStream().map(JsonNode::toString).collect(Collectors.joining(", "));
    return tensor.get("name").stringValue()
        + " "
        + tensor.get("type").stringValue()
        + " ["
        + shape
        + "] "
        + tensor.get("sha256").stringValue();
  }

  private static String describeEntry(JsonNode entry) {
    String key = entry.get("key").stringValue() + " ";
    return switch (entry.get("type").stringValue()) {
      case "array" ->
          key
              + entry.get("size").intValue()
              + " "
              + entry.get("elements").stringValue()
              + " "
              + entry.get("sha256").stringValue();
      case "string" -> key + GgufValue.Text.of(entry.get("value").stringValue());
      case "u32" -> key + new GgufValue.U32(entry.get("value").longValue());
      case "f32" -> key + new GgufValue.F32((float) entry.get("value").doubleValue());
      default -> throw new AssertionError(entry);
    };
  }

  private static String describe(GgufValue value) {
    if (!(value instanceof GgufArray array)) {
      return value.toString();
    }
    String joined =
        array.elements().stream()
            .map(element ->
                switch (element) {
                  case GgufValue.Text text -> text.value();
                  case GgufValue.I32(int i) -> Integer.toString(i);
                  default -> throw new AssertionError(element);
                })
            .collect(Collectors.joining("\n"));
    byte[] bytes = joined.getBytes(StandardCharsets.UTF_8);
    return array.size() + " " + array.elementType() + " " + sha256(MemorySegment.ofArray(bytes));
  }

  private static String sha256(MemorySegment bytes) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      digest.update(bytes.asByteBuffer());
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }
}
