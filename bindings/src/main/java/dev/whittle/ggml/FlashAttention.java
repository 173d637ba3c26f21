package dev.whittle.ggml;

/// When attention is computed in one fused operation (`enum llama_flash_attn_type`).
public enum FlashAttention {
  /// Where the device has it.
  AUTO,
  ON,
  OFF
}
