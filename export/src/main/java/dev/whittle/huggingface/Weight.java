package dev.whittle.huggingface;

import java.util.List;

/// A tensor that a model of some family has.
///
/// @param source its name in the checkpoint
/// @param target its name in GGUF
/// @param shape its dimensions in ggml's order
/// @param rows the order in which its rows are written
record Weight(String source, String target, List<Long> shape, RowOrder rows) {

  Weight(String source, String target, List<Long> shape) {
    this(source, target, shape, RowOrder.AS_IS);
  }
}
