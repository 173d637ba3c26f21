package dev.whittle.huggingface;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.huggingface.TinyCheckpoint.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.node.ObjectNode;

class CheckpointErrorTest {
  @TempDir Path folder;

  private final TinyCheckpoint checkpoint = TinyCheckpoint.qwen3(1);

  @Test
  void namesAMissingFolder() {
    assertFails(folder.resolve("nowhere"), "nowhere is not a folder");
  }

  @Test
  void namesAMissingFile() throws IOException {
    checkpoint.write(folder);
    Files.delete(folder.resolve("config.json"));
    assertFails(folder, "config.json is missing");
  }

  @Test
  void anAdapterIsNoModel() throws IOException {
    Files.writeString(folder.resolve("adapter_config.json"), "{}");
    assertFails(folder, "holds an adapter and no model; merge it");
  }

  @Test
  void namesAnUnsupportedArchitecture() throws IOException {
    checkpoint.config().putArray("architectures").add("MambaForCausalLM");
    assertFails(checkpoint.write(folder), "config.json: 'architectures'", "MambaForCausalLM");
  }

  @Test
  void namesAMissingField() throws IOException {
    checkpoint.config().remove("hidden_size");
    assertFails(checkpoint.write(folder), "config.json: 'hidden_size' is missing");
  }

  @Test
  void namesAFieldOfTheWrongKind() throws IOException {
    checkpoint.config().put("hidden_size", "large");
    assertFails(
        checkpoint.write(folder), "'hidden_size' is \"large\" where an integer", "is expected");
  }

  @Test
  void refusesMoreLayersThanThereCanBe() throws IOException {
    checkpoint.config().put("num_hidden_layers", Integer.MAX_VALUE);
    assertFails(checkpoint.write(folder), "'num_hidden_layers'", "from 1 to 4096");
  }

  @Test
  void refusesHeadsThatRopeCannotPair() throws IOException {
    checkpoint.config().put("head_dim", 15);
    assertFails(checkpoint.write(folder), "'head_dim' must be even");
  }

  @Test
  void namesAMissingTensor() throws IOException {
    checkpoint.tensors().remove("model.layers.1.mlp.up_proj.weight");
    assertFails(checkpoint.write(folder), "lacks the tensor 'model.layers.1.mlp.up_proj.weight'");
  }

  @Test
  void namesAnUnexpectedTensor() throws IOException {
    checkpoint.tensors().put("model.surprise", new Tensor("F32", List.of(1), new float[1]));
    assertFails(checkpoint.write(folder), "'model.surprise'", "qwen3 models do not have");
  }

  @Test
  void namesATensorOfTheWrongShape() throws IOException {
    checkpoint.config().put("intermediate_size", 81);
    assertFails(checkpoint.write(folder), "mlp.gate_proj.weight'", "[80, 48]", "[81, 48]");
  }

  @Test
  void namesATensorOfAnUnsupportedType() throws IOException {
    checkpoint.write(folder);
    Path file = folder.resolve("model.safetensors");
    byte[] bytes = Files.readAllBytes(file);
    replaceFirst(bytes, "\"BF16\"", "\"I16\" ");
    Files.write(file, bytes);
    assertFails(folder, "model.embed_tokens.weight' in I16");
  }

  @Test
  void namesAMissingShard() throws IOException {
    checkpoint.writeSharded(folder, 2);
    Files.delete(folder.resolve("model-00002-of-00002.safetensors"));
    assertFails(folder, "model-00002-of-00002.safetensors is missing");
  }

  @Test
  void namesATensorThatItsShardLacks() throws IOException {
    checkpoint.writeSharded(folder, 2);
    Path index = folder.resolve("model.safetensors.index.json");
    String json = Files.readString(index);
    Files.writeString(index, json.replaceFirst("00001-of", "00002-of"));
    assertFails(folder, "00002-of-00002.safetensors lacks the tensor");
  }

  @Test
  void keepsShardsInsideTheFolder() throws IOException {
    checkpoint.writeSharded(folder, 1);
    Path index = folder.resolve("model.safetensors.index.json");
    String json = Files.readString(index);
    Files.writeString(index, json.replaceFirst("model-00001", "../model-00001"));
    assertFails(folder, "not a file in the folder");
  }

  @Test
  void asksForSafetensors() throws IOException {
    checkpoint.write(folder);
    Files.move(folder.resolve("model.safetensors"), folder.resolve("pytorch_model.bin"));
    assertFails(folder, "pytorch_model.bin is not supported");
  }

  @Test
  void refusesQuantizedCheckpoints() throws IOException {
    checkpoint.config().putObject("quantization_config").put("quant_method", "gptq");
    assertFails(checkpoint.write(folder), "'quantization_config'");
  }

  @Test
  void refusesSlidingWindows() throws IOException {
    checkpoint.config().put("use_sliding_window", true);
    assertFails(checkpoint.write(folder), "'use_sliding_window'");
  }

  @Test
  void refusesUnknownScalingOfRope() throws IOException {
    checkpoint.config().putObject("rope_scaling").put("type", "dynamic").put("factor", 2);
    assertFails(checkpoint.write(folder), "'rope_scaling.type' is 'dynamic'");
  }

  @Test
  void refusesLlama3ScalingElsewhere() throws IOException {
    ObjectNode rope = checkpoint.config().putObject("rope_parameters");
    rope.put("rope_type", "llama3").put("factor", 8.0);
    assertFails(checkpoint.write(folder), "'rope_parameters' is of type llama3");
  }

  @Test
  void refusesSentencePiece() throws IOException {
    checkpoint.write(folder);
    Files.move(folder.resolve("tokenizer.json"), folder.resolve("tokenizer.model"));
    assertFails(folder, "tokenizer.model, a SentencePiece tokenizer, is not supported");
  }

  @Test
  void refusesJsonThatIsNone() throws IOException {
    checkpoint.write(folder);
    Files.writeString(folder.resolve("config.json"), "{\"architectures\": [");
    assertFails(folder, "config.json is not valid JSON");
  }

  private static void assertFails(Path folder, String... parts) {
    CheckpointException failure =
        assertThrows(CheckpointException.class, () -> HuggingFaceCheckpoint.open(folder).close());
    for (String part : parts) {
      assertTrue(failure.getMessage().contains(part), failure.getMessage());
    }
  }

  private static void replaceFirst(byte[] bytes, String from, String to) {
    String text = new String(bytes, java.nio.charset.StandardCharsets.ISO_8859_1);
    int at = text.indexOf(from);
    for (int i = 0; i < to.length(); i++) {
      bytes[at + i] = (byte) to.charAt(i);
    }
  }
}
