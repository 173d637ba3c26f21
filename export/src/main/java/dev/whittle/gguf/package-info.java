/// GGUF, the file format of llama.cpp: reading with every field checked, writing byte for byte as
/// llama.cpp does. The format is specified in ggml's `docs/gguf.md`.
@NullMarked
package dev.whittle.gguf;

import org.jspecify.annotations.NullMarked;
