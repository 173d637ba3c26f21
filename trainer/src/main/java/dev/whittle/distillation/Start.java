package dev.whittle.distillation;

import dev.whittle.ggml.GgmlType;
import dev.whittle.quantization.TypeSelection;
import dev.whittle.training.ScaleMode;
import java.nio.file.Path;

/// Where a student begins.
public sealed interface Start {
  /// Bits a weight from which on the scales of a start are better kept than fitted anew.
  double BITS_TO_KEEP = 3;

  /// Whether there are blocks to begin with whose scales somebody chose.
  default boolean hasScales() {
    return switch (this) {
      case Gptq _, Blockwise _, Model _ -> true;
      case RoundToNearest _, Importance _ -> false;
    };
  }

  /// Where the scales of a student of these types had best come from.
  ///
  /// With scales that stay, the masters are the original weights, as far as these are rounded to
  /// the start's levels, and not what is left of them in its blocks. On the bundled model that is
  /// worth three points of accuracy at three and four bits (docs/distillation.md).
  default ScaleMode scales(TypeSelection types) {
    GgmlType mostly = types.fileType().mainType();
    boolean canStay = types.asked().allMatch(ScaleMode.FROZEN::fits);
    return hasScales() && canStay && mostly.bitsPerWeight() >= BITS_TO_KEEP
        ? ScaleMode.FROZEN
        : ScaleMode.REFIT;
  }

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
