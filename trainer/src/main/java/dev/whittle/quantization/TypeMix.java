package dev.whittle.quantization;

import static dev.whittle.ggml.GgmlType.IQ2_S;
import static dev.whittle.ggml.GgmlType.IQ2_XXS;
import static dev.whittle.ggml.GgmlType.IQ3_S;
import static dev.whittle.ggml.GgmlType.IQ3_XXS;
import static dev.whittle.ggml.GgmlType.MXFP4;
import static dev.whittle.ggml.GgmlType.Q2_K;
import static dev.whittle.ggml.GgmlType.Q3_K;
import static dev.whittle.ggml.GgmlType.Q4_1;
import static dev.whittle.ggml.GgmlType.Q4_K;
import static dev.whittle.ggml.GgmlType.Q5_1;
import static dev.whittle.ggml.GgmlType.Q5_K;
import static dev.whittle.ggml.GgmlType.Q6_K;
import static dev.whittle.ggml.GgmlType.Q8_0;

import dev.whittle.ggml.FileType;
import dev.whittle.ggml.GgmlType;
import dev.whittle.gguf.TensorInfo;
import java.util.EnumMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// llama.cpp's mixes: the type of each tensor in a file of a given type
/// (`llama_tensor_get_type_impl`). Sensitive tensors get more bits than the rest: the output, the
/// value projections, and the down projections, above all in the first layers.
///
/// Asked for one tensor after the other, in the order of the file that is written: where layers are
/// told apart, it counts the tensors of a role. The exceptions for Falcon and BailingMoE models are
/// left out; those get the types of any other model.
final class TypeMix {
  private static final Pattern LAYER = Pattern.compile("blk\\.(\\d{1,9})\\.");

  private final FileType file;
  private final GgmlType main;
  private final ModelTraits model;
  private final boolean hasImportance;
  private final boolean hasTiedOutput;
  private final int valueTensors;
  private final Map<TensorRole, Integer> seen = new EnumMap<>(TensorRole.class);

  /// @param hasImportance whether there is an importance matrix, which some types need to do well
  /// @param hasTiedOutput whether the token embedding serves as the output too
  /// @param valueTensors how many tensors are value projections
  TypeMix(
      FileType file,
      ModelTraits model,
      boolean hasImportance,
      boolean hasTiedOutput,
      int valueTensors) {
    this.file = file;
    this.main = file.mainType();
    this.model = model;
    this.hasImportance = hasImportance;
    this.hasTiedOutput = hasTiedOutput;
    this.valueTensors = valueTensors;
  }

  /// Whether tensors of this role compute the logits.
  boolean isOutput(TensorRole role) {
    return role == TensorRole.OUTPUT || hasTiedOutput && role == TensorRole.TOKEN_EMBEDDING;
  }

  /// The type of the next tensor.
  GgmlType next(TensorRole role, TensorInfo tensor) {
    if (isOutput(role)) {
      return output(tensor.rowLength());
    }
    if (file == FileType.MXFP4_MOE) {
      return tensor.dimension(2) > 1 ? MXFP4 : Q8_0;
    }
    int index = seen.merge(role, 1, Integer::sum) - 1;
    return switch (role) {
      case TOKEN_EMBEDDING -> tokenEmbedding();
      case VALUE -> value(index);
      case KEY -> key();
      case QUERY -> query();
      case ATTENTION_OUTPUT -> model.experts() == 8 ? outputOfEight() : attentionOutput();
      case GATE, UP -> gateOrUp(layer(tensor, index));
      case DOWN -> takesFewestBits() ? earlyDown(index) : down(layer(tensor, index));
      case OUTPUT, OTHER -> main;
    };
  }

  private GgmlType output(long rowLength) {
    if (file == FileType.MXFP4_MOE || rowLength % main.blockSize() != 0) {
      return Q8_0;
    }
    return switch (file) {
      case IQ1_S, IQ1_M, IQ2_XXS, IQ2_XS, IQ2_S, IQ2_M, IQ3_XXS -> Q5_K;
      case Q8_0 -> Q8_0;
      default -> Q6_K;
    };
  }

  private GgmlType tokenEmbedding() {
    return switch (file) {
      case IQ1_S, IQ1_M, IQ2_XXS, IQ2_XS -> Q2_K;
      case IQ2_S, IQ2_M, IQ3_XXS -> IQ3_S;
      case TQ1_0, TQ2_0, Q2_0 -> Q4_K;
      default -> main;
    };
  }

  private GgmlType value(int index) {
    if (takesFewestBits()) {
      return sharesValues() || model.experts() >= 4 ? Q4_K : lowStepUp();
    }
    if (model.experts() == 8) {
      return Q8_0;
    }
    GgmlType type =
        switch (file) {
          case Q2_K -> sharesValues() ? Q4_K : Q3_K;
          case Q2_K_S, IQ3_XS, IQ3_S -> sharesValues() ? Q4_K : main;
          case Q3_K_M -> index < 2 ? Q5_K : Q4_K;
          case Q3_K_L -> Q5_K;
          case Q4_K_S -> index < 4 ? Q5_K : main;
          case Q4_K_M, Q5_K_M -> takesMoreBits(index, valueTensors) ? Q6_K : main;
          case IQ3_XXS -> sharesValues() ? Q4_K : hasImportance ? IQ3_XXS : IQ3_S;
          case IQ3_M -> Q4_K;
          case IQ4_NL, IQ4_XS -> sharesValues() ? Q5_K : main;
          default -> main;
        };
    return model.seventyBillion() && (type == Q3_K || type == Q4_K) ? Q5_K : type;
  }

  private GgmlType key() {
    if (model.experts() == 8) {
      return takesFewestBits() ? Q4_K : Q8_0;
    }
    return query();
  }

  private GgmlType query() {
    return switch (file) {
      case IQ3_XS -> IQ3_XXS;
      case IQ3_XXS -> IQ2_S;
      default -> main;
    };
  }

  private GgmlType attentionOutput() {
    return switch (file) {
      case IQ1_S, IQ1_M -> IQ2_XXS;
      case IQ2_S, IQ2_M, IQ3_XXS -> IQ3_S;
      case Q2_K -> Q3_K;
      case Q3_K_M, IQ3_M -> Q4_K;
      case Q3_K_L -> Q5_K;
      default -> main;
    };
  }

  private GgmlType outputOfEight() {
    return switch (file) {
      case Q2_K, Q3_K_S, Q3_K_M, Q4_K_S, Q4_K_M -> Q5_K;
      case IQ3_XXS, IQ3_XS, IQ3_S, IQ3_M, IQ4_NL, IQ4_XS -> Q5_K;
      default -> takesFewestBits() ? Q5_K : main;
    };
  }

  private GgmlType gateOrUp(int layer) {
    boolean inner = layer >= model.layers() / 8 && layer < 7 * model.layers() / 8;
    return file == FileType.IQ3_XS && inner ? IQ3_XXS : main;
  }

  private GgmlType earlyDown(int index) {
    return index < model.layers() / 8 ? lowStepUp() : main;
  }

  private GgmlType down(int layer) {
    boolean early = layer < model.layers() / 8;
    boolean more = takesMoreBits(layer, model.layers());
    return switch (file) {
      case Q2_K -> Q3_K;
      case Q2_K_S -> early ? Q4_K : main;
      case Q3_K_M -> layer < model.layers() / 16 ? Q5_K : Q4_K;
      case Q3_K_L -> Q5_K;
      case Q4_K_S -> early ? Q5_K : main;
      case Q4_K_M, Q5_K_M -> more ? Q6_K : main;
      case IQ3_XXS -> hasImportance ? main : early ? Q4_K : Q3_K;
      case IQ3_M -> early || model.experts() == 8 && more ? Q4_K : main;
      case IQ4_NL, IQ4_XS -> early && !hasImportance ? Q5_K : main;
      // An importance matrix can lead these two astray in the first layers.
      case Q4_0 -> early && hasImportance ? Q4_1 : main;
      case Q5_0 -> early && hasImportance ? Q5_1 : main;
      default -> main;
    };
  }

  /// The mixes of about two bits and below, whose exceptions are fewer.
  private boolean takesFewestBits() {
    return switch (file) {
      case IQ1_S, IQ1_M, IQ2_XXS, IQ2_XS, IQ2_S, IQ2_M -> true;
      default -> false;
    };
  }

  /// What a sensitive tensor gets in those.
  private GgmlType lowStepUp() {
    return file == FileType.IQ2_S || file == FileType.IQ2_M ? IQ3_S : Q2_K;
  }

  /// Whether the value projection is so small that more bits cost little.
  private boolean sharesValues() {
    return model.groupSize() >= 4;
  }

  /// The first and the last eighth of the layers, and each third one between.
  private static boolean takesMoreBits(int layer, int layers) {
    return layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2;
  }

  /// Experts' tensors do not come once a layer, so there the name tells the layer.
  private int layer(TensorInfo tensor, int index) {
    if (model.experts() <= 1) {
      return index;
    }
    Matcher matcher = LAYER.matcher(tensor.name());
    if (!matcher.lookingAt()) {
      throw new QuantizationException(
          "tensor '"
              + tensor.name()
              + "' does not tell its layer; its name must start with blk.N.");
    }
    return Integer.parseInt(matcher.group(1));
  }
}
