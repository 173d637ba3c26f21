package dev.whittle.huggingface;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;

/// A tensor of a safetensors file.
///
/// @param file the file that it is in
/// @param dtype the name of its element type, which may be one that is unknown here
/// @param shape its dimensions as Hugging Face has them: the last is the contiguous row
/// @param data its bytes, little-endian, valid until the file is closed
record SafetensorsTensor(
    Path file, String name, String dtype, List<Long> shape, MemorySegment data) {

  /// The dimensions in ggml's order: the first is the contiguous row.
  List<Long> ggmlShape() {
    return shape.reversed();
  }
}
