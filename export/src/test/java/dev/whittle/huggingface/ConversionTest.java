package dev.whittle.huggingface;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.ggml.GgmlType;
import dev.whittle.gguf.GgufFile;
import dev.whittle.gguf.GgufMetadata;
import dev.whittle.huggingface.TinyCheckpoint.Tensor;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.node.ObjectNode;

class ConversionTest {
  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource({"F32, F32", "F32, F16", "F32, BF16", "F16, F32", "F16, F16", "BF16, F16"})
  void convertsMatricesAndKeepsVectorsInF32(String from, GgmlType to) throws IOException {
    TinyCheckpoint checkpoint = TinyCheckpoint.qwen3(1).dtype(from);

    try (GgufFile file = ImportedTensors.convert(checkpoint.write(folder), to)) {
      assertEquals(to, file.require("blk.1.ffn_down.weight").type());
      assertEquals(GgmlType.F32, file.require("blk.1.attn_q_norm.weight").type());
      // Exact: the weights are chosen so that each of the types holds them.
      assertArrayEquals(
          checkpoint.tensors().get("model.layers.1.mlp.down_proj.weight").values(),
          ImportedTensors.values(file, "blk.1.ffn_down.weight"));
      assertArrayEquals(
          checkpoint.tensors().get("model.layers.1.self_attn.q_norm.weight").values(),
          ImportedTensors.values(file, "blk.1.attn_q_norm.weight"));
    }
  }

  @Test
  void writesShapesInGgmlOrder() throws IOException {
    try (GgufFile file =
        ImportedTensors.convert(TinyCheckpoint.qwen3(2).write(folder), GgmlType.BF16)) {
      assertEquals(List.of(48L, 80L), file.require("blk.0.ffn_gate.weight").shape());
      assertEquals(List.of(80L, 48L), file.require("blk.0.ffn_down.weight").shape());
      assertEquals(List.of(48L, 64L), file.require("blk.0.attn_q.weight").shape());
      assertEquals(List.of(48L, 32L), file.require("blk.0.attn_v.weight").shape());
    }
  }

  @ParameterizedTest
  @CsvSource({"q_proj, attn_q, 4", "k_proj, attn_k, 2"})
  void interleavesTheHalvesOfLlamaHeads(String source, String target, int heads)
      throws IOException {
    TinyCheckpoint checkpoint = TinyCheckpoint.llama(3);
    int headDim = 16;
    int columns = 64;

    try (GgufFile file = ImportedTensors.convert(checkpoint.write(folder), GgmlType.BF16)) {
      Tensor original = checkpoint.tensors().get("model.layers.0.self_attn." + source + ".weight");
      float[] actual = ImportedTensors.values(file, "blk.0." + target + ".weight");

      // Rows i and i + d/2 of a head, which RoPE pairs, become rows 2i and 2i + 1.
      float[] expected = new float[actual.length];
      for (int head = 0; head < heads; head++) {
        for (int i = 0; i < headDim / 2; i++) {
          int first = head * headDim + i;
          copyRow(original, first, expected, head * headDim + 2 * i, columns);
          copyRow(original, first + headDim / 2, expected, head * headDim + 2 * i + 1, columns);
        }
      }
      assertArrayEquals(expected, actual);
      assertArrayEquals(
          checkpoint.tensors().get("model.layers.0.self_attn.v_proj.weight").values(),
          ImportedTensors.values(file, "blk.0.attn_v.weight"));
    }
  }

  private static void copyRow(Tensor from, int row, float[] to, int toRow, int columns) {
    System.arraycopy(from.values(), row * columns, to, toRow * columns, columns);
  }

  @Test
  void writesQwen2Biases() throws IOException {
    TinyCheckpoint checkpoint = TinyCheckpoint.qwen2(4);

    try (GgufFile file = ImportedTensors.convert(checkpoint.write(folder), GgmlType.F16)) {
      for (String projection : List.of("q", "k", "v")) {
        String source = "model.layers.1.self_attn." + projection + "_proj.bias";
        String target = "blk.1.attn_" + projection + ".bias";
        assertEquals(GgmlType.F32, file.require(target).type());
        assertArrayEquals(
            checkpoint.tensors().get(source).values(), ImportedTensors.values(file, target));
      }
      assertFalse(file.metadata().asMap().containsKey("qwen2.attention.key_length"));
    }
  }

  @Test
  void writesLlamaMetadata() throws IOException {
    try (GgufFile file =
        ImportedTensors.convert(TinyCheckpoint.llama(5).write(folder), GgmlType.F16)) {
      GgufMetadata metadata = file.metadata();
      assertEquals("llama", metadata.requireString("general.architecture"));
      assertEquals(1, metadata.requireInteger("general.file_type"));
      assertEquals(TinyCheckpoint.VOCABULARY, metadata.requireInteger("llama.vocab_size"));
      assertEquals(16, metadata.requireInteger("llama.rope.dimension_count"));
      assertEquals(16, metadata.requireInteger("llama.attention.key_length"));
      assertEquals("llama-bpe", metadata.requireString("tokenizer.ggml.pre"));
    }
  }

  @Test
  void writesAHeadOnlyIfItIsNotTied() throws IOException {
    TinyCheckpoint untied = TinyCheckpoint.qwen3(6).untied();
    try (GgufFile file =
        ImportedTensors.convert(untied.write(folder.resolve("untied")), GgmlType.BF16)) {
      assertArrayEquals(
          untied.tensors().get("lm_head.weight").values(),
          ImportedTensors.values(file, "output.weight"));
    }

    TinyCheckpoint tied = TinyCheckpoint.qwen3(6).untied();
    tied.config().put("tie_word_embeddings", true);
    try (GgufFile file =
        ImportedTensors.convert(tied.write(folder.resolve("tied")), GgmlType.BF16)) {
      assertTrue(file.tensor("output.weight").isEmpty());
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 5})
  void shardsHoldTheSameTensors(int shards) throws IOException {
    Path whole = TinyCheckpoint.llama(7).write(folder.resolve("whole"));
    Path sharded = TinyCheckpoint.llama(7).writeSharded(folder.resolve("sharded"), shards);

    try (GgufFile expected = ImportedTensors.convert(whole, GgmlType.BF16);
        GgufFile actual = ImportedTensors.convert(sharded, GgmlType.BF16)) {
      assertEquals(
          expected.tensors().stream().map(t -> t.name()).collect(Collectors.toSet()),
          actual.tensors().stream().map(t -> t.name()).collect(Collectors.toSet()));
      expected
          .tensors()
          .forEach(tensor ->
              assertArrayEquals(
                  ImportedTensors.values(expected, tensor.name()),
                  ImportedTensors.values(actual, tensor.name())));
    }
  }

  @ParameterizedTest
  @EnumSource
  void readsBothSpellingsOfRope(Spelling spelling) throws IOException {
    TinyCheckpoint checkpoint = TinyCheckpoint.qwen2(8);
    ObjectNode scaling = spelling.in(checkpoint.config(), 500_000);
    scaling.put(spelling.typeField, "yarn").put("factor", 4.0);
    scaling.put("original_max_position_embeddings", 128).put("beta_fast", 32.0);

    try (GgufFile file = ImportedTensors.convert(checkpoint.write(folder), GgmlType.BF16)) {
      GgufMetadata metadata = file.metadata();
      assertEquals(500_000, metadata.requireNumber("qwen2.rope.freq_base"));
      assertEquals("yarn", metadata.requireString("qwen2.rope.scaling.type"));
      assertEquals(4, metadata.requireNumber("qwen2.rope.scaling.factor"));
      assertEquals(128, metadata.requireInteger("qwen2.rope.scaling.original_context_length"));
      assertEquals(32, metadata.requireNumber("qwen2.rope.scaling.yarn_beta_fast"));
      assertTrue(metadata.number("qwen2.rope.scaling.yarn_beta_slow").isEmpty());
    }
  }

  @ParameterizedTest
  @EnumSource
  void writesTheFrequenciesOfLlama3(Spelling spelling) throws IOException {
    TinyCheckpoint checkpoint = TinyCheckpoint.llama(9);
    ObjectNode scaling = spelling.in(checkpoint.config(), 10_000);
    scaling.put(spelling.typeField, "llama3").put("factor", 8.0);
    scaling.put("low_freq_factor", 1.0).put("high_freq_factor", 4.0);
    scaling.put("original_max_position_embeddings", 256);

    try (GgufFile file = ImportedTensors.convert(checkpoint.write(folder), GgmlType.BF16)) {
      assertEquals("rope_freqs.weight", file.tensors().getFirst().name());
      float[] divisors = ImportedTensors.values(file, "rope_freqs.weight");
      assertEquals(8, divisors.length);
      for (int i = 0; i < divisors.length; i++) {
        // As transformers has it: the blend is of frequencies, and the tensor what divides them.
        double frequency = Math.pow(10_000, -i / 8.0);
        double turns = 256 * frequency / (2 * Math.PI);
        double keep = Math.clamp((turns - 1) / 3, 0, 1);
        double scaled = keep * frequency + (1 - keep) * frequency / 8;
        assertEquals(frequency / scaled, divisors[i], 1e-6 * divisors[i]); // an F32 ulp or two
      }
      assertTrue(file.metadata().string("llama.rope.scaling.type").isEmpty());
    }
  }

  enum Spelling {
    TRANSFORMERS_4("type"),
    TRANSFORMERS_5("rope_type");

    private final String typeField;

    Spelling(String typeField) {
      this.typeField = typeField;
    }

    ObjectNode in(ObjectNode config, double base) {
      if (this == TRANSFORMERS_4) {
        config.put("rope_theta", base);
        return config.putObject("rope_scaling");
      }
      config.remove("rope_theta");
      return config.putObject("rope_parameters").put("rope_theta", base);
    }
  }

  @Test
  void writesLinearScaling() throws IOException {
    TinyCheckpoint checkpoint = TinyCheckpoint.llama(10);
    checkpoint.config().putObject("rope_scaling").put("rope_type", "linear").put("factor", 2.0);

    try (GgufFile file = ImportedTensors.convert(checkpoint.write(folder), GgmlType.BF16)) {
      assertEquals("linear", file.metadata().requireString("llama.rope.scaling.type"));
      assertEquals(2, file.metadata().requireNumber("llama.rope.scaling.factor"));
      assertEquals(10_000, file.metadata().requireNumber("llama.rope.freq_base"));
    }
  }

  @Test
  void ignoresTablesOfRotaryFrequencies() throws IOException {
    TinyCheckpoint checkpoint = TinyCheckpoint.llama(11);
    checkpoint
        .tensors()
        .put(
            "model.layers.0.self_attn.rotary_emb.inv_freq",
            new Tensor("F32", List.of(8), new float[8]));

    try (GgufFile file = ImportedTensors.convert(checkpoint.write(folder), GgmlType.BF16)) {
      assertEquals(2 + 2 * 9, file.tensors().size());
    }
  }

  @Test
  void refusesWhatIsTooLargeForF16() throws IOException {
    TinyCheckpoint checkpoint = TinyCheckpoint.qwen3(12);
    checkpoint.tensors().get("model.embed_tokens.weight").values()[5] = 1e6f;
    assertRefused(checkpoint, GgmlType.F16, "model.embed_tokens.weight", "convert to bf16 or f32");
  }

  @Test
  void refusesWhatIsTooLargeForBf16() throws IOException {
    TinyCheckpoint checkpoint = TinyCheckpoint.qwen3(12).dtype("F32");
    checkpoint.tensors().get("model.embed_tokens.weight").values()[5] = -Float.MAX_VALUE;
    assertRefused(checkpoint, GgmlType.BF16, "model.embed_tokens.weight", "convert to f32");
    ImportedTensors.convert(folder, GgmlType.F32).close();
  }

  /// As they are, in another type, and in another order of rows; first, last, and on the way.
  @ParameterizedTest
  @CsvSource({
    "F32, F32, NaN, 0",
    "BF16, BF16, NaN, -1",
    "F16, F16, Infinity, 100",
    "F32, F16, -Infinity, -1",
    "BF16, F32, NaN, 7",
    "F16, BF16, Infinity, 0"
  })
  void refusesWhatIsNotFinite(String from, GgmlType to, float value, int place) throws IOException {
    for (String name :
        List.of(
            "model.layers.1.mlp.down_proj.weight",
            "model.layers.0.self_attn.q_proj.weight",
            "model.layers.1.input_layernorm.weight")) {
      TinyCheckpoint checkpoint = TinyCheckpoint.llama(12).dtype(from);
      float[] values = checkpoint.tensors().get(name).values();
      int at = place < 0 ? values.length - 1 : Math.min(place, values.length - 1);
      values[at] = value;
      assertRefused(
          checkpoint,
          to,
          "model.safetensors has " + value + " in tensor '" + name + "', element ",
          "download it again");
    }
  }

  private void assertRefused(TinyCheckpoint checkpoint, GgmlType to, String... words)
      throws IOException {
    Path target = folder.resolve("model.gguf");
    try (HuggingFaceCheckpoint opened = HuggingFaceCheckpoint.open(checkpoint.write(folder))) {
      CheckpointException failure =
          assertThrows(CheckpointException.class, () -> opened.writeGguf(target, to, false));
      for (String word : words) {
        assertTrue(failure.getMessage().contains(word), failure.getMessage());
      }
    }
    assertFalse(Files.exists(target));
  }

  @Test
  void refusesOtherTypesAndToOverwrite() throws IOException {
    TinyCheckpoint.qwen3(13).write(folder);
    Path target = Files.writeString(folder.resolve("model.gguf"), "precious");

    try (HuggingFaceCheckpoint opened = HuggingFaceCheckpoint.open(folder)) {
      assertThrows(
          IllegalArgumentException.class, () -> opened.writeGguf(target, GgmlType.Q8_0, true));
      assertThrows(
          FileAlreadyExistsException.class, () -> opened.writeGguf(target, GgmlType.F16, false));
    }
    assertEquals("precious", Files.readString(target));
  }

  @Test
  void tellsWhatItHolds() throws IOException {
    TinyCheckpoint checkpoint = TinyCheckpoint.qwen3(14).dtype("F16");
    long parameters =
        checkpoint.tensors().values().stream().mapToLong(t -> t.values().length).sum();

    try (HuggingFaceCheckpoint opened = HuggingFaceCheckpoint.open(checkpoint.write(folder))) {
      assertEquals("qwen3", opened.architecture());
      assertEquals(parameters, opened.parameters());
      assertEquals(GgmlType.F16, opened.storedType());
    }
  }

  @Test
  void reportsProgress() throws IOException {
    List<String> heard = new ArrayList<>();
    TinyCheckpoint.qwen3(15).write(folder);

    try (HuggingFaceCheckpoint opened = HuggingFaceCheckpoint.open(folder)) {
      opened.writeGguf(
          folder.resolve("m.gguf"), GgmlType.F32, false, (tensor, _, _) -> heard.add(tensor));
    }

    assertEquals("token_embd.weight", heard.getFirst());
    assertEquals("output_norm.weight", heard.getLast());
  }
}
