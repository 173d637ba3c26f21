package dev.whittle.tests;

import static dev.whittle.tests.CommandLine.whittle;
import static dev.whittle.tests.Expectations.UNUSABLE;
import static dev.whittle.tests.Expectations.assertRefused;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.gguf.GgufArray;
import dev.whittle.gguf.GgufFile;
import dev.whittle.gguf.GgufMetadata;
import dev.whittle.gguf.GgufValue;
import dev.whittle.gguf.GgufWriter;
import dev.whittle.gguf.TensorData;
import dev.whittle.gguf.TensorInfo;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Models that llama.cpp would abort the process for: if one gets through, the tests' own process
/// ends.
class DamagedModelTest {
  /// The metadata ends about here in the bundled model.
  private static final int HEADER_BYTES = 48_000;

  /// Most of what the loader looks at first lies in front of the vocabulary.
  private static final int FIGURES_BYTES = 1_200;

  private static final int MUTATIONS = 300;

  @TempDir Path folder;

  @Test
  void random_damage_ends_in_a_reply_or_one_sentence() throws IOException {
    byte[] sound = Files.readAllBytes(Demo.model());
    Path damaged = folder.resolve("damaged.gguf");
    for (int seed = 0; seed < MUTATIONS; seed++) {
      Files.write(damaged, damage(sound, new Random(seed)));
      CommandLine run = whittle("run", "-m", damaged, "-p", "hi", "-n", 2, "-t", 1);
      String what = "seed " + seed + " said " + run.err();
      assertTrue(run.exitCode() >= 0 && run.exitCode() <= UNUSABLE, what);
      assertEquals(1, run.err().lines().count(), what);
      assertEquals(run.exitCode() != 0, run.err().startsWith("error: "), what);
      assertTrue(!run.err().contains("unforeseen"), what);
    }
  }

  private static byte[] damage(byte[] sound, Random random) {
    byte[] damaged = sound.clone();
    int zone = random.nextInt(3) == 0 ? FIGURES_BYTES : HEADER_BYTES;
    for (int i = random.nextInt(3); i >= 0; i--) {
      int position = random.nextInt(zone);
      switch (random.nextInt(3)) {
        case 0 -> damaged[position] ^= (byte) (1 << random.nextInt(8));
        case 1 -> damaged[position] = (byte) random.nextInt();
        default -> damaged[position] = damaged[random.nextInt(zone)];
      }
    }
    return random.nextInt(20) == 0
        ? Arrays.copyOf(damaged, random.nextInt(damaged.length))
        : damaged;
  }

  @ParameterizedTest
  @CsvSource({
    "qwen3.block_count, 0",
    "qwen3.block_count, 1000",
    "qwen3.attention.layer_norm_rms_epsilon, -1.0",
    "qwen3.attention.layer_norm_rms_epsilon, NaN",
    "tokenizer.ggml.model, rwkv",
    "tokenizer.ggml.model, llama",
    "tokenizer.ggml.tokens, 7"
  })
  void a_lie_is_named(String key, String value) throws IOException {
    assertRefused(
        whittle("run", "-m", withMetadata(key, parse(value)), "-p", "hi", "-t", 1),
        UNUSABLE,
        key.startsWith("tokenizer") ? "tokenizer.ggml" : key,
        "convert the model again");
  }

  @Test
  void a_token_that_occurs_twice_is_named() throws IOException {
    List<String> tokens;
    try (GgufFile file = GgufFile.open(Demo.model())) {
      tokens = new ArrayList<>(file.metadata().requireStrings("tokenizer.ggml.tokens"));
    }
    tokens.set(700, tokens.get(3));
    Path model = withMetadata("tokenizer.ggml.tokens", GgufArray.ofStrings(tokens));
    assertRefused(whittle("run", "-m", model, "-p", "hi", "-t", 1), UNUSABLE, "token 700");
  }

  private static GgufValue parse(String value) {
    if (value.matches("\\d+")) {
      return new GgufValue.U32(Long.parseLong(value));
    }
    return value.matches("[a-z]+")
        ? GgufValue.Text.of(value)
        : new GgufValue.F32(Float.parseFloat(value));
  }

  private Path withMetadata(String key, GgufValue value) throws IOException {
    Path target = folder.resolve("lying.gguf");
    try (GgufFile file = GgufFile.open(Demo.model())) {
      GgufMetadata metadata = file.metadata().toBuilder().put(key, value).build();
      GgufWriter writer = new GgufWriter(metadata);
      for (TensorInfo tensor : file.tensors()) {
        writer.add(tensor.name(), tensor.type(), tensor.shape(), TensorData.of(file.data(tensor)));
      }
      writer.write(target, true);
    }
    return target;
  }
}
