package dev.whittle.ggml;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.gguf.GgufFile;
import dev.whittle.gguf.GgufWriter;
import dev.whittle.gguf.TensorData;
import dev.whittle.gguf.TensorInfo;
import dev.whittle.testing.DemoModel;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The layer over llama.cpp with a model of a real family, which only a module that can import one
/// can test.
class LlamaModelTest {
  private static LlamaModel model;

  @BeforeAll
  static void load() {
    model = DemoModel.load();
  }

  @AfterAll
  static void close() {
    model.close();
  }

  private static LlamaContextOptions.Builder options() {
    return LlamaContextOptions.builder().contextLength(256).threads(1);
  }

  private static int[] tokens(String text) {
    return model.vocabulary().tokenize(text, true, true);
  }

  /// Decodes a text as one sequence, and returns the logits after its last token.
  private static float[] logitsAfter(LlamaContext context, int[] tokens, int sequence) {
    Batch batch = new Batch(tokens.length);
    int from = context.sequenceSize(sequence);
    for (int i = 0; i < tokens.length; i++) {
      batch.add(tokens[i], from + i, sequence, i == tokens.length - 1);
    }
    context.decode(batch);
    float[] logits = new float[model.vocabulary().size()];
    context.copyLogits(tokens.length - 1, logits);
    return logits;
  }

  @Test
  void knowsWhatTheFileSays() {
    assertAll(
        () -> assertEquals(256, model.embeddingWidth()),
        () -> assertEquals(6, model.layers()),
        () -> assertEquals(2048, model.trainedContext()),
        () -> assertEquals(4_984_832, model.parameters()),
        () -> assertEquals("qwen3", model.metadata("general.architecture").orElseThrow()),
        () -> assertEquals("qwen3", model.metadata().get("general.architecture")),
        () -> assertTrue(model.metadata("no.such.key").isEmpty()),
        () -> assertTrue(model.description().startsWith("qwen3"), model.description()));
  }

  @Test
  void tokensAndTextAreEachOthersInverse() {
    String text = "<|im_start|>user\nWhat is 1901 + 510? Ünïcode 日本 🚀<|im_end|>\n";
    int[] tokens = tokens(text);
    assertEquals(text, model.vocabulary().detokenize(tokens, true));
    assertEquals(
        "user\nWhat is 1901 + 510? Ünïcode 日本 🚀\n", model.vocabulary().detokenize(tokens, false));
  }

  @Test
  void markupIsAControlTokenOnlyWhereItIsParsed() {
    Vocabulary vocabulary = model.vocabulary();
    int[] parsed = vocabulary.tokenize("<|im_end|>", true, true);
    assertEquals(1, parsed.length);
    assertTrue(vocabulary.isControl(parsed[0]));
    assertTrue(vocabulary.isEndOfGeneration(parsed[0]));
    assertEquals("<|im_end|>", vocabulary.text(parsed[0]));
    assertTrue(vocabulary.tokenize("<|im_end|>", true, false).length > 1);
  }

  @Test
  void aStreamHoldsBackAnIncompleteCharacter() {
    int[] tokens = tokens("a🚀b");
    TextStream stream = model.vocabulary().newTextStream();
    List<String> parts = new ArrayList<>();
    for (int token : tokens) {
      parts.add(stream.append(token));
    }
    assertEquals("a🚀b", String.join("", parts));
    assertTrue(parts.contains(""), "the rocket is one token: " + parts);
    assertEquals("", stream.finish());
    stream.append(tokens("🚀")[0]);
    assertEquals("\uFFFD", stream.finish());
  }

  @Test
  void anUnknownTokenIsRefused() {
    Vocabulary vocabulary = model.vocabulary();
    assertThrows(IllegalArgumentException.class, () -> vocabulary.piece(1024, true));
    assertThrows(IllegalArgumentException.class, () -> vocabulary.text(-1));
    assertThrows(
        IllegalArgumentException.class, () -> vocabulary.detokenize(new int[] {5, 9999}, true));
  }

  @Test
  void aSequenceIsTheSameInOnePieceAndInSeveral() {
    int[] text = tokens("What is 12 + 30?");
    try (LlamaContext context = model.newContext(options().sequences(2).build())) {
      float[] whole = logitsAfter(context, text, 0);
      logitsAfter(context, Arrays.copyOf(text, 4), 1);
      float[] pieces = logitsAfter(context, Arrays.copyOfRange(text, 4, text.length), 1);
      // The cache holds half precision, and other shapes take other kernels.
      assertArrayEquals(whole, pieces, 0.05f);
    }
  }

  @Test
  void aCopiedSequenceGoesOnLikeTheOriginal() {
    int[] text = tokens("What is 12 + 30?");
    int[] next = tokens(" Why");
    LlamaContextOptions twoSequences = options().contextLength(512).sequences(2).build();
    try (LlamaContext context = model.newContext(twoSequences)) {
      logitsAfter(context, text, 0);
      context.copySequence(0, 1);
      assertEquals(text.length, context.sequenceSize(1));
      assertArrayEquals(logitsAfter(context, next, 0), logitsAfter(context, next, 1), 1e-5f);
    }
  }

  @Test
  void aTruncatedSequenceForgets() {
    int[] text = tokens("What is 12 + 30?");
    int[] next = tokens(" Why");
    try (LlamaContext context = model.newContext(options().build())) {
      logitsAfter(context, text, 0);
      float[] before = logitsAfter(context, next, 0);
      context.truncateSequence(0, text.length);
      assertEquals(text.length, context.sequenceSize(0));
      assertArrayEquals(before, logitsAfter(context, next, 0), 1e-5f);
      context.clear();
      assertEquals(0, context.sequenceSize(0));
    }
  }

  @Test
  void whatTheLibraryWouldAssertIsRefused() {
    try (LlamaContext context = model.newContext(options().batchSize(4).build())) {
      Batch batch = new Batch(8);
      assertThrows(IllegalArgumentException.class, () -> context.decode(batch), "empty");
      batch.add(1024, 0, 0, true);
      assertThrows(IllegalArgumentException.class, () -> context.decode(batch), "token");
      batch.clear();
      batch.add(5, 0, 1, true);
      assertThrows(IllegalArgumentException.class, () -> context.decode(batch), "sequence");
      batch.clear();
      for (int i = 0; i < 5; i++) {
        batch.add(5, i, 0, false);
      }
      assertThrows(IllegalArgumentException.class, () -> context.decode(batch), "too large");
      assertThrows(IllegalArgumentException.class, () -> context.likeliestToken(0), "no batch");
      try (Sampler sampler = Sampler.of(SamplerOptions.ofTemperature(1, 1))) {
        assertThrows(IllegalArgumentException.class, () -> sampler.sample(context, 0));
      }
    }
  }

  @Test
  void tooManyOutputsAreRefused() {
    try (LlamaContext context = model.newContext(options().batchSize(4).maxOutputs(1).build())) {
      Batch batch = new Batch(2);
      batch.add(5, 0, 0, true);
      batch.add(6, 1, 0, true);
      assertThrows(IllegalArgumentException.class, () -> context.decode(batch));
    }
  }

  @Test
  void aGapInASequenceIsAnError() {
    try (LlamaContext context = model.newContext(options().build())) {
      logitsAfter(context, tokens("ab"), 0);
      Batch batch = new Batch(1);
      batch.add(5, 50, 0, true);
      String message =
          assertThrows(NativeException.class, () -> context.decode(batch)).getMessage();
      assertTrue(message.contains("positions"), message);
    }
  }

  @Test
  void aFullCacheIsAnError() {
    try (LlamaContext context = model.newContext(options().build())) {
      int[] text = new int[context.sequenceLength()];
      Arrays.fill(text, 7);
      logitsAfter(context, text, 0);
      Batch batch = new Batch(1);
      batch.add(5, text.length, 0, true);
      String message =
          assertThrows(NativeException.class, () -> context.decode(batch)).getMessage();
      assertTrue(message.contains("no room"), message);
    }
  }

  @Test
  void aDrawFromTheLikeliestTokenAloneIsTheLikeliestToken() {
    int[] text = tokens("What is 12 + 30?");
    SamplerOptions one = new SamplerOptions(1, 1, 1, 0, 1);
    try (LlamaContext context = model.newContext(options().build());
        Sampler sampler = Sampler.of(one)) {
      float[] logits = logitsAfter(context, text, 0);
      int token = context.likeliestToken(text.length - 1);
      assertEquals(token, sampler.sample(context, text.length - 1));
      FloatBuffer view = context.logits(text.length - 1);
      assertEquals(logits.length, view.remaining());
      assertEquals(logits[token], view.get(token));
    }
  }

  @Test
  void theSeedMakesTheDraws() {
    int[] text = tokens("What");
    try (LlamaContext context = model.newContext(options().build())) {
      logitsAfter(context, text, 0);
      List<List<Integer>> draws = new ArrayList<>();
      for (long seed : new long[] {1, 1, 2}) {
        try (Sampler sampler = Sampler.of(SamplerOptions.ofTemperature(2, seed))) {
          List<Integer> drawn = new ArrayList<>();
          for (int i = 0; i < 50; i++) {
            drawn.add(sampler.sample(context, text.length - 1));
          }
          draws.add(drawn);
        }
      }
      assertEquals(draws.get(0), draws.get(1));
      assertFalse(draws.get(0).equals(draws.get(2)));
    }
  }

  @Test
  void aCallbackSeesTheInputsOfAProduct() {
    int[] text = tokens("What is 12 + 30?");
    List<long[]> shapes = new ArrayList<>();
    AtomicReference<ObservedNode> kept = new AtomicReference<>();
    EvalCallback callback =
        new EvalCallback() {
          @Override
          public boolean wants(ObservedNode node) {
            return node.operation().equals("MUL_MAT")
                && node.source(0).orElseThrow().name().equals("blk.0.attn_q.weight");
          }

          @Override
          public void computed(ObservedNode node) {
            ObservedTensor input = node.source(1).orElseThrow();
            shapes.add(input.shape());
            assertEquals(256 * text.length, input.floats().remaining());
            assertEquals(GgmlType.BF16, node.source(0).orElseThrow().type());
            assertThrows(IllegalStateException.class, () -> node.source(0).orElseThrow().floats());
            assertTrue(node.source(5).isEmpty());
            kept.set(node);
          }
        };
    try (LlamaContext context = model.newContext(options().evalCallback(callback).build())) {
      logitsAfter(context, text, 0);
    }
    assertEquals(1, shapes.size());
    assertArrayEquals(new long[] {256, text.length, 1, 1}, shapes.getFirst());
    assertThrows(IllegalStateException.class, () -> kept.get().operation());
  }

  @Test
  void whatACallbackThrowsComesOutOfDecode() {
    EvalCallback callback =
        new EvalCallback() {
          @Override
          public boolean wants(ObservedNode node) {
            throw new IllegalArgumentException("not today");
          }

          @Override
          public void computed(ObservedNode node) {}
        };
    try (LlamaContext context = model.newContext(options().evalCallback(callback).build())) {
      int[] text = tokens("ab");
      String message =
          assertThrows(IllegalArgumentException.class, () -> logitsAfter(context, text, 0))
              .getMessage();
      assertEquals("not today", message);
    }
  }

  @Test
  void closingAModelClosesWhatBelongsToIt() {
    LlamaModel other = DemoModel.load();
    LlamaContext context = other.newContext(options().build());
    FloatBuffer logits;
    Batch batch = new Batch(1);
    batch.add(5, 0, 0, true);
    context.decode(batch);
    logits = context.logits(0);
    assertNotNull(logits);
    other.close();
    other.close();
    context.close();
    assertAll(
        () -> assertThrows(IllegalStateException.class, other::layers),
        () -> assertThrows(IllegalStateException.class, () -> other.newContext(options().build())),
        () ->
            assertThrows(
                IllegalStateException.class, () -> other.vocabulary().tokenize("a", true, true)),
        () -> assertThrows(IllegalStateException.class, () -> context.decode(batch)),
        () -> assertThrows(IllegalStateException.class, () -> context.likeliestToken(0)),
        () -> assertThrows(IllegalStateException.class, context::clear),
        () -> assertThrows(IllegalStateException.class, () -> logits.get(0)));
  }

  @Test
  void aVocabularyAloneTokenizesAndDoesNotCompute() {
    try (LlamaModel vocabulary = DemoModel.loadVocabulary()) {
      assertArrayEquals(tokens("What?"), vocabulary.vocabulary().tokenize("What?", true, true));
      String message =
          assertThrows(IllegalStateException.class, () -> vocabulary.newContext(options().build()))
              .getMessage();
      assertTrue(message.contains("vocabulary only"), message);
    }
  }

  @Test
  void theQuantizerTakesTypesByTensor(@TempDir Path folder) throws IOException {
    SequencedMap<String, GgmlType> types = new LinkedHashMap<>();
    types.put("attn_v", GgmlType.Q8_0);
    Path file = folder.resolve("q4.gguf");
    ModelQuantizer.of(FileType.Q4_0)
        .withPure(true)
        .withThreads(1)
        .withTensorTypes(types)
        .quantize(model.path(), file);
    try (GgufFile quantized = GgufFile.open(file)) {
      assertEquals(GgmlType.Q8_0, quantized.tensor("blk.3.attn_v.weight").orElseThrow().type());
      assertEquals(GgmlType.Q4_0, quantized.tensor("blk.3.attn_k.weight").orElseThrow().type());
      assertEquals(GgmlType.F32, quantized.tensor("output_norm.weight").orElseThrow().type());
    }
  }

  @Test
  void theQuantizersReasonsAreInTheError(@TempDir Path folder) throws IOException {
    Path file = folder.resolve("iq2.gguf");
    ModelQuantizer quantizer = ModelQuantizer.of(FileType.IQ2_XXS).withThreads(1);
    String message =
        assertThrows(NativeException.class, () -> quantizer.quantize(model.path(), file))
            .getMessage();
    assertTrue(message.contains("imatrix"), message);
    assertFalse(Files.exists(file));
  }

  @Test
  void aFileIsNotQuantizedOntoItself() {
    ModelQuantizer quantizer = ModelQuantizer.of(FileType.Q4_0);
    assertThrows(
        IllegalArgumentException.class, () -> quantizer.quantize(model.path(), model.path()));
  }

  /// The model with one weight of its final norm broken.
  private static Path broken(Path folder) throws IOException {
    Path file = folder.resolve("broken.gguf");
    try (GgufFile whole = GgufFile.open(model.path())) {
      GgufWriter writer = new GgufWriter(whole.metadata());
      for (TensorInfo tensor : whole.tensors()) {
        MemorySegment data =
            MemorySegment.ofArray(whole.data(tensor).toArray(ValueLayout.JAVA_BYTE));
        if (tensor.name().equals("output_norm.weight")) {
          data.set(ValueLayout.JAVA_FLOAT_UNALIGNED, 0, Float.NaN);
        }
        writer.add(tensor.name(), tensor.type(), tensor.shape(), TensorData.of(data));
      }
      writer.write(file, false);
    }
    return file;
  }

  @Test
  void fromLogitsThatAreNoNumbersNothingIsChosen(@TempDir Path folder) throws IOException {
    try (LlamaModel broken = LlamaModel.load(broken(folder), LlamaModelOptions.defaults());
        LlamaContext context = broken.newContext(options().build());
        Sampler sampler = Sampler.of(SamplerOptions.ofTemperature(1, 1))) {
      Batch batch = new Batch(1);
      batch.add(1, 0, 0, true);
      context.decode(batch);
      assertAll(
          () -> assertThrows(NativeException.class, () -> context.likeliestToken(0)),
          () -> assertThrows(NativeException.class, () -> sampler.sample(context, 0)));
    }
  }
}
