package dev.whittle.ggml;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.ffi.Llama;
import org.junit.jupiter.api.Test;

/// What the library would assert is refused when the options are made.
class OptionsTest {
  @Test
  void aBatchWithoutARowForEverySequenceIsRefused() {
    LlamaContextOptions.Builder builder = LlamaContextOptions.builder().sequences(64).batchSize(32);
    String message = assertThrows(IllegalArgumentException.class, builder::build).getMessage();
    assertTrue(message.contains("maxOutputs"), message);
  }

  @Test
  void moreSequencesThanTheLibraryHasAreRefused() {
    LlamaContextOptions.Builder builder = LlamaContextOptions.builder().sequences(257);
    assertThrows(IllegalArgumentException.class, builder::build);
    NativeRuntime.load();
    assertEquals(256, Llama.llama_max_parallel_sequences());
  }

  @Test
  void aQuantizedCacheOfValuesNeedsFlashAttention() {
    AttentionOptions unfused = AttentionOptions.defaults().withFlash(FlashAttention.OFF);
    assertThrows(
        IllegalArgumentException.class, () -> unfused.withCache(GgmlType.F16, GgmlType.Q8_0));
    assertEquals(GgmlType.Q8_0, unfused.withCache(GgmlType.Q8_0, GgmlType.F16).keyType());
    AttentionOptions quantized =
        AttentionOptions.defaults().withCache(GgmlType.Q8_0, GgmlType.Q4_0);
    assertThrows(IllegalArgumentException.class, () -> quantized.withFlash(FlashAttention.OFF));
  }

  @Test
  void aCacheHoldsNoKQuants() {
    AttentionOptions attention = AttentionOptions.defaults();
    String message =
        assertThrows(
                IllegalArgumentException.class,
                () -> attention.withCache(GgmlType.Q4_K, GgmlType.F16))
            .getMessage();
    assertTrue(message.contains("Q4_K") && message.contains("Q8_0"), message);
  }

  @Test
  void theSeedThatMeansAnyIsRefused() {
    assertThrows(
        IllegalArgumentException.class, () -> SamplerOptions.ofTemperature(1, 0xFFFF_FFFFL));
  }

  @Test
  void aFullBatchTakesNoMore() {
    Batch batch = new Batch(1);
    assertEquals(0, batch.add(5, 0, 0, true));
    assertTrue(batch.isFull());
    assertThrows(IllegalStateException.class, () -> batch.add(5, 1, 0, true));
    batch.clear();
    assertThrows(IllegalArgumentException.class, () -> batch.add(-1, 0, 0, true));
    assertThrows(IllegalArgumentException.class, () -> batch.add(1, -1, 0, true));
    assertEquals(0, batch.add(5, 0, 0, true));
  }
}
