package dev.whittle.transform;

import dev.whittle.blocks.BlockFormat;
import dev.whittle.ggml.GgmlType;
import dev.whittle.model.ModelConfig;
import dev.whittle.model.ModelFile;
import dev.whittle.quantization.QuantizationPlan;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;

/// Rotations that are chosen before anything is known of the inputs: randomized Hadamard ones of
/// the residual stream and of each value head (QuaRot), or plain Hadamard ones of each block of the
/// type (MR-GPTQ).
///
/// Of QuaRot's rotations, those of queries and keys behind the rotary embedding and of the input of
/// `ffn_down` cannot be folded, since they would have to be computed while the model runs; without
/// them the file stays a plain model. The same holds for MR-GPTQ's.
///
/// @param plan which type each matrix will have
record Rotations(TransformSettings settings, QuantizationPlan plan) {
  /// Elements that share a scale in types of superblocks, and the block of most types.
  private static final int COMMON_BLOCK = 32;

  Folds of(ModelFile model) {
    ModelConfig config = model.config();
    Random random = new Random(settings.seed());
    LinearMap stream = rotation(config.width(), ModelFile.EMBEDDING, random);
    List<LayerFolds> layers = new ArrayList<>();
    for (int number = 0; number < config.layers(); number++) {
      String matrix = "blk." + number + ".attn_output.weight";
      LinearMap head = rotation(config.headSize(), matrix, random);
      layers.add(
          new LayerFolds(
              gain(model, "blk." + number + ".attn_norm.weight"),
              BlockDiagonal.repeated(head, config.keyValueHeads()),
              gain(model, "blk." + number + ".ffn_norm.weight"),
              LayerFolds.ones(config.feedForward())));
    }
    return new Folds(layers, stream, gain(model, ModelFile.OUTPUT_NORM));
  }

  private LinearMap rotation(int size, String matrix, Random random) {
    if (settings.kind() != TransformKind.MR_GPTQ) {
      return random(size, random);
    }
    int block = block(plan.assignment(matrix).orElseThrow().type());
    // A block that crosses heads cannot be rotated.
    int part =
        Stream.iterate(block, n -> n / 2).filter(n -> size % n == 0).findFirst().orElseThrow();
    return BlockDiagonal.repeated(Rotation.plain(part).orElseThrow(), size / part);
  }

  static float[] gain(ModelFile model, String norm) {
    return model.file().data(model.file().require(norm)).toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
  }

  /// A randomized Hadamard rotation, or where none is known, any random one.
  static LinearMap random(int size, Random random) {
    return Rotation.random(size, random)
        .map(LinearMap.class::cast)
        .orElseGet(() -> MatrixMap.random(size, random));
  }

  /// How many elements share a scale, at most.
  private static int block(GgmlType type) {
    return BlockFormat.of(type).map(BlockFormat::subBlockSize).orElse(COMMON_BLOCK);
  }
}
