package dev.whittle.benchmark;

import dev.whittle.ggml.GgmlType;
import dev.whittle.gguf.GgufMetadata;
import dev.whittle.gguf.GgufWriter;
import dev.whittle.model.Family;
import dev.whittle.model.ModelConfig;
import dev.whittle.model.ModelFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/// Model files with random weights in BF16, for measurements at shapes for which there is no model
/// at hand. Their tokens stand for no text.
public final class SyntheticModel {
  private static final int CONTEXT = 32_768;
  private static final int WIDTH_STEP = 256;
  private static final float EPSILON = 1e-6f;
  private static final float ROPE_BASE = 1e6f;
  private static final float DEVIATION = 0.02f;

  private SyntheticModel() {}

  /// Layers as those of Qwen3-0.6B, in other numbers and widths: heads of 128, for each 64 of the
  /// width one of queries and half a one of keys and values; feed-forward three times the width.
  ///
  /// @param width 1024 in the original; a multiple of 256, so that every block type fits
  /// @param layers 28 in the original
  /// @param vocabulary 151,936 in the original, tied
  public static ModelConfig qwen3(int width, int layers, int vocabulary) {
    if (width < WIDTH_STEP || width % WIDTH_STEP != 0) {
      throw new IllegalArgumentException(
          "a width of " + width + "; it must be a multiple of " + WIDTH_STEP);
    }
    return new ModelConfig(
        "qwen3",
        width,
        layers,
        width / 64,
        width / 128,
        128,
        3 * width,
        vocabulary,
        CONTEXT,
        EPSILON,
        ROPE_BASE,
        1f,
        true);
  }

  /// Writes a model of this shape.
  ///
  /// @throws IOException if it cannot be written
  public static void write(Path target, ModelConfig c, long seed) throws IOException {
    String a = c.architecture() + ".";
    GgufWriter writer =
        new GgufWriter(
            GgufMetadata.builder()
                .put("general.architecture", c.architecture())
                .putU32(a + "block_count", c.layers())
                .putU32(a + "context_length", c.context())
                .putU32(a + "embedding_length", c.width())
                .putU32(a + "feed_forward_length", c.feedForward())
                .putU32(a + "attention.head_count", c.heads())
                .putU32(a + "attention.head_count_kv", c.keyValueHeads())
                .putU32(a + "attention.key_length", c.headSize())
                .putU32(a + "attention.value_length", c.headSize())
                .putF32(a + "attention.layer_norm_rms_epsilon", c.epsilon())
                .putF32(a + "rope.freq_base", c.ropeBase())
                .put("tokenizer.ggml.model", "gpt2")
                .put("tokenizer.ggml.pre", "qwen2")
                .put("tokenizer.ggml.tokens", tokens(c.vocabulary()))
                .put("tokenizer.ggml.merges", List.of())
                .putU32("tokenizer.ggml.eos_token_id", 0)
                .build());
    SplittableRandom random = new SplittableRandom(seed);
    matrix(writer, ModelFile.EMBEDDING, c.width(), c.vocabulary(), random);
    vector(writer, ModelFile.OUTPUT_NORM, c.width());
    for (int layer = 0; layer < c.layers(); layer++) {
      for (Family.WeightSpec spec : Family.ALL.get(c.architecture()).layerWeights(c)) {
        String name = "blk." + layer + "." + spec.name();
        if (spec.outputs() == 1) {
          vector(writer, name, spec.inputs());
        } else {
          matrix(writer, name, spec.inputs(), spec.outputs(), random);
        }
      }
    }
    writer.write(target, true);
  }

  private static List<String> tokens(int count) {
    return IntStream.range(0, count).mapToObj(token -> "<" + token + ">").toList();
  }

  private static void vector(GgufWriter writer, String name, long n) {
    writer.add(
        name,
        GgmlType.F32,
        List.of(n),
        channel -> {
          ByteBuffer buffer = littleEndian(Math.toIntExact(n * Float.BYTES));
          while (buffer.hasRemaining()) {
            buffer.putFloat(1f);
          }
          write(channel, buffer);
        });
  }

  private static void matrix(
      GgufWriter writer, String name, long inputs, long outputs, SplittableRandom random) {
    SplittableRandom own = random.split();
    writer.add(
        name,
        GgmlType.BF16,
        List.of(inputs, outputs),
        channel -> {
          for (long row = 0; row < outputs; row++) {
            ByteBuffer buffer = littleEndian(Math.toIntExact(inputs * Short.BYTES));
            while (buffer.hasRemaining()) {
              float value = (float) (DEVIATION * own.nextGaussian());
              buffer.putShort((short) (Float.floatToRawIntBits(value) >>> 16));
            }
            write(channel, buffer);
          }
        });
  }

  private static ByteBuffer littleEndian(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static void write(WritableByteChannel channel, ByteBuffer buffer) throws IOException {
    buffer.flip();
    while (buffer.hasRemaining()) {
      channel.write(buffer);
    }
  }
}
