package dev.whittle.huggingface;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.ggml.GgmlType;
import dev.whittle.io.Mutations;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.IntFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CheckpointMutationTest {
  @TempDir Path folder;

  @Test
  void damagedSafetensorsAreRefusedOrReadable() throws IOException {
    TinyCheckpoint.qwen3(new TinyCheckpoint.Sizes(1, 4, 4, 2, 1, 2), 1).write(folder);
    Path file = folder.resolve("model.safetensors");
    byte[] sound = Files.readAllBytes(file);
    int jsonBytes = ByteBuffer.wrap(sound).order(ByteOrder.LITTLE_ENDIAN).getInt();
    String json = new String(sound, Long.BYTES, jsonBytes, StandardCharsets.UTF_8);
    byte[] data = Arrays.copyOfRange(sound, Long.BYTES + jsonBytes, sound.length);
    Mutations mutations = new Mutations(2);

    damageAndConvert(
        file,
        1200,
        round ->
            round % 2 == 0
                ? mutations.damage(sound, Long.BYTES + jsonBytes)
                : safetensors(mutations.damageJson(json), data));
  }

  @ParameterizedTest
  @CsvSource({
    "config.json, 800",
    "tokenizer.json, 400",
    "tokenizer_config.json, 200",
    "model.safetensors.index.json, 300"
  })
  void damagedJsonIsRefusedOrReadable(String name, int rounds) throws IOException {
    TinyCheckpoint.llama(new TinyCheckpoint.Sizes(1, 4, 4, 2, 1, 2), 1).writeSharded(folder, 2);
    Path file = folder.resolve(name);
    byte[] sound = Files.readAllBytes(file);
    String json = new String(sound, StandardCharsets.UTF_8);
    Mutations mutations = new Mutations(3);

    damageAndConvert(
        file,
        rounds,
        round ->
            round % 2 == 0
                ? mutations.damage(sound, sound.length)
                : mutations.damageJson(json).getBytes(StandardCharsets.UTF_8));
  }

  private void damageAndConvert(Path file, int rounds, IntFunction<byte[]> damage)
      throws IOException {
    assertTrue(isConvertible(), "the checkpoint is sound at first");
    int refused = 0;
    for (int round = 0; round < rounds; round++) {
      Files.write(file, damage.apply(round));
      if (!isConvertible()) {
        refused++;
      }
    }
    assertTrue(refused > rounds / 4, refused + " of " + rounds);
  }

  private static byte[] safetensors(String json, byte[] data) {
    byte[] header = json.getBytes(StandardCharsets.UTF_8);
    return ByteBuffer.allocate(Long.BYTES + header.length + data.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(header.length)
        .put(header)
        .put(data)
        .array();
  }

  /// Whatever is thrown other than by refusing the checkpoint fails the test.
  private boolean isConvertible() throws IOException {
    try (HuggingFaceCheckpoint checkpoint = HuggingFaceCheckpoint.open(folder)) {
      checkpoint.writeGguf(folder.resolve("model.gguf"), GgmlType.F16, true);
      return true;
    } catch (CheckpointException e) {
      assertTrue(e.getMessage().startsWith(folder.toString()), e.getMessage());
      return false;
    }
  }
}
