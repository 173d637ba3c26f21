/// Hugging Face checkpoints: a folder of safetensors, `config.json` and `tokenizer.json`, and its
/// conversion to GGUF with the tensors and metadata that llama.cpp's own converter writes.
@NullMarked
package dev.whittle.huggingface;

import org.jspecify.annotations.NullMarked;
