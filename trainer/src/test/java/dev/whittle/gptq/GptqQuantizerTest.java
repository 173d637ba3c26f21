package dev.whittle.gptq;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.data.RandomText;
import dev.whittle.ggml.FileType;
import dev.whittle.ggml.GgmlType;
import dev.whittle.gguf.GgufFile;
import dev.whittle.huggingface.TinyCheckpoint;
import dev.whittle.model.ModelFile;
import dev.whittle.quantization.PostTrainingQuantizer;
import dev.whittle.quantization.QuantizationException;
import dev.whittle.quantization.QuantizationMethod;
import dev.whittle.quantization.TypeSelection;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GptqQuantizerTest {
  /// Rows are whole blocks of 32.
  private static final TinyCheckpoint.Sizes SIZES = new TinyCheckpoint.Sizes(2, 64, 96, 4, 2, 16);

  @TempDir Path folder;

  private final List<String> warnings = new ArrayList<>();
  private final List<Integer> layers = new ArrayList<>();

  private final GptqListener listener =
      new GptqListener() {
        @Override
        public void layer(int done, int count) {
          layers.add(done);
        }

        @Override
        public void warning(String sentence) {
          warnings.add(sentence);
        }
      };

  @ParameterizedTest
  @ValueSource(strings = {"llama", "qwen2", "qwen3", "llama-untied"})
  void everyFamilyIsQuantizedWhole(String family) throws IOException {
    Path target = folder.resolve("out.gguf");
    try (ModelFile model = ModelFile.open(imported(family))) {
      quantizer().quantize(model, RandomText.corpus(60, 100, 9), null, target, false, listener);
      try (ModelFile quantized = ModelFile.open(target);
          GgufFile file = GgufFile.open(target)) {
        assertEquals(model.config(), quantized.config());
        assertEquals(GgmlType.Q4_0, file.require("blk.0.ffn_down.weight").type());
        assertEquals("gptq", file.metadata().requireString("whittle.quantization.method"));
      }
    }
    assertEquals(0, layers.getFirst());
    assertEquals(layers.size() - 1, layers.getLast());
    assertTrue(warnings.isEmpty(), warnings.toString());
  }

  @Test
  void littleTextIsWarnedOf() throws IOException {
    try (ModelFile model = ModelFile.open(imported("qwen3"))) {
      quantizer()
          .quantize(
              model,
              RandomText.corpus(1, 100, 9),
              null,
              folder.resolve("out.gguf"),
              false,
              listener);
    }
    assertTrue(
        warnings.stream().anyMatch(w -> w.contains("blk.0.ffn_down.weight")), warnings.toString());
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama", "llama-untied"})
  void aWeightThatIsNotFiniteIsNamedAndNothingWritten(String family) throws IOException {
    Path source = imported(family);
    long place;
    try (GgufFile file = GgufFile.open(source)) {
      byte[] data = file.data(file.require("blk.1.attn_k.weight")).toArray(ValueLayout.JAVA_BYTE);
      place = position(Files.readAllBytes(source), data);
    }
    try (FileChannel channel = FileChannel.open(source, StandardOpenOption.WRITE)) {
      ByteBuffer nan = ByteBuffer.allocate(2).order(ByteOrder.LITTLE_ENDIAN);
      channel.write(nan.putShort((short) 0x7fc0).flip(), place);
    }
    Path target = folder.resolve("out.gguf");
    try (ModelFile model = ModelFile.open(source)) {
      QuantizationException e =
          assertThrows(
              QuantizationException.class,
              () ->
                  quantizer()
                      .quantize(
                          model, RandomText.corpus(60, 100, 9), null, target, false, listener));
      assertTrue(e.getMessage().contains("blk.1.attn_k.weight"), e.getMessage());
    }
    assertFalse(Files.exists(target));
  }

  /// Where `part` begins in `whole`: there is no other place with the same random weights.
  private static long position(byte[] whole, byte[] part) {
    for (int i = 0; i + part.length <= whole.length; i++) {
      if (Arrays.equals(whole, i, i + part.length, part, 0, part.length)) {
        return i;
      }
    }
    throw new AssertionError("the tensor is not in the file");
  }

  private static GptqQuantizer quantizer() {
    return new GptqQuantizer(
        PostTrainingQuantizer.of(TypeSelection.of(FileType.Q4_0).withPure(true))
            .withMethod(QuantizationMethod.GPTQ, null)
            .withThreads(1),
        GptqSettings.defaults());
  }

  private Path imported(String family) throws IOException {
    return TinyCheckpoint.ofFamily(family, SIZES).imported(folder, family, GgmlType.BF16);
  }
}
