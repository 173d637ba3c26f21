package dev.whittle.distillation;

import java.nio.file.Path;

/// Where a student begins.
public sealed interface Start {
  /// The teacher's weights, rounded with all weights equally important.
  record RoundToNearest() implements Start {
    @Override
    public String toString() {
      return "rtn";
    }
  }

  /// The teacher's weights, rounded with an importance matrix, which the encoder goes on to use in
  /// training.
  record Importance() implements Start {
    @Override
    public String toString() {
      return "imatrix";
    }
  }

  /// The teacher's weights, quantized by GPTQ with documents of the data.
  record Gptq() implements Start {
    @Override
    public String toString() {
      return "gptq";
    }
  }

  /// The teacher's weights, quantized by block-wise reconstruction with documents of the data.
  record Blockwise() implements Start {
    @Override
    public String toString() {
      return "blockwise";
    }
  }

  /// The weights of another file of the same model, such as one made by another method of
  /// post-training quantization. Tensors that have the wanted type already start with their very
  /// blocks.
  record Model(Path file) implements Start {
    @Override
    public String toString() {
      return file.toString();
    }
  }
}
