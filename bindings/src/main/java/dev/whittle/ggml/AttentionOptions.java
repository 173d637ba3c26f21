package dev.whittle.ggml;

import java.util.List;

/// How a context computes attention, and what its cache of keys and values holds
/// (`llama_context_params`).
///
/// @param flash whether attention is computed in one fused operation
/// @param keyType the cache's type for keys
/// @param valueType the cache's type for values; a quantized one needs flash attention
public record AttentionOptions(FlashAttention flash, GgmlType keyType, GgmlType valueType) {

  /// The types that the cache can hold, as llama.cpp's tools have them.
  public static final List<GgmlType> CACHE_TYPES =
      List.of(
          GgmlType.F32,
          GgmlType.F16,
          GgmlType.BF16,
          GgmlType.Q8_0,
          GgmlType.Q5_1,
          GgmlType.Q5_0,
          GgmlType.Q4_1,
          GgmlType.Q4_0,
          GgmlType.IQ4_NL);

  /// @throws IllegalArgumentException if the cache cannot hold a type, or if the values' needs
  ///   flash attention and that is off
  public AttentionOptions {
    requireCacheType(keyType);
    requireCacheType(valueType);
    // Without flash attention, values lie transposed, in rows that are no whole number of blocks.
    if (flash == FlashAttention.OFF && valueType.isQuantized()) {
      throw new IllegalArgumentException(
          "a cache of values in "
              + valueType
              + " needs flash attention; allow it, or choose F16 for the values");
    }
  }

  private static void requireCacheType(GgmlType type) {
    if (!CACHE_TYPES.contains(type)) {
      throw new IllegalArgumentException(
          "the cache cannot hold " + type + "; choose one of " + CACHE_TYPES);
    }
  }

  /// The library's own defaults: fused where the device can, and a cache in F16.
  public static AttentionOptions defaults() {
    return new AttentionOptions(FlashAttention.AUTO, GgmlType.F16, GgmlType.F16);
  }

  public AttentionOptions withFlash(FlashAttention when) {
    return new AttentionOptions(when, keyType, valueType);
  }

  public AttentionOptions withCache(GgmlType keys, GgmlType values) {
    return new AttentionOptions(flash, keys, values);
  }
}
