package dev.whittle.ggml;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.ffi.Llama;
import dev.whittle.ggml.LlamaContextOptions.FlashAttention;
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
  void aQuantizedCacheNeedsFlashAttention() {
    LlamaContextOptions.Builder builder =
        LlamaContextOptions.builder()
            .cacheTypes(GgmlType.Q8_0, GgmlType.Q8_0)
            .flashAttention(FlashAttention.OFF);
    assertThrows(IllegalArgumentException.class, builder::build);
    builder.flashAttention(FlashAttention.AUTO).build();
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
