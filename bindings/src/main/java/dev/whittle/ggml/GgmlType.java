package dev.whittle.ggml;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/// The element types of ggml's tensors, with the same names, ids and block layouts as `enum
/// ggml_type`.
///
/// A row is stored as whole blocks: `blockSize()` elements in `blockBytes()` bytes.
public enum GgmlType {
  F32(0, 1, 4),
  F16(1, 1, 2),
  Q4_0(2, 32, 18),
  Q4_1(3, 32, 20),
  Q5_0(6, 32, 22),
  Q5_1(7, 32, 24),
  Q8_0(8, 32, 34),
  Q8_1(9, 32, 36),
  Q2_K(10, 256, 84),
  Q3_K(11, 256, 110),
  Q4_K(12, 256, 144),
  Q5_K(13, 256, 176),
  Q6_K(14, 256, 210),
  Q8_K(15, 256, 292),
  IQ2_XXS(16, 256, 66),
  IQ2_XS(17, 256, 74),
  IQ3_XXS(18, 256, 98),
  IQ1_S(19, 256, 50),
  IQ4_NL(20, 32, 18),
  IQ3_S(21, 256, 110),
  IQ2_S(22, 256, 82),
  IQ4_XS(23, 256, 136),
  I8(24, 1, 1),
  I16(25, 1, 2),
  I32(26, 1, 4),
  I64(27, 1, 8),
  F64(28, 1, 8),
  IQ1_M(29, 256, 56),
  BF16(30, 1, 2),
  TQ1_0(34, 256, 54),
  TQ2_0(35, 256, 66),
  MXFP4(39, 32, 17),
  NVFP4(40, 64, 36),
  Q1_0(41, 128, 18),
  Q2_0(42, 64, 18);

  private static final GgmlType[] BY_ID = new GgmlType[43];

  static {
    for (GgmlType type : values()) {
      BY_ID[type.id] = type;
    }
  }

  private final int id;
  private final int blockSize;
  private final int blockBytes;

  GgmlType(int id, int blockSize, int blockBytes) {
    this.id = id;
    this.blockSize = blockSize;
    this.blockBytes = blockBytes;
  }

  /// The value of `enum ggml_type`, which is also what a GGUF file stores.
  public int id() {
    return id;
  }

  /// How many elements one block holds; 1 for the plain types.
  public int blockSize() {
    return blockSize;
  }

  /// How many bytes one block takes.
  public int blockBytes() {
    return blockBytes;
  }

  /// The storage cost in bits for each weight.
  public double bitsPerWeight() {
    return 8.0 * blockBytes / blockSize;
  }

  /// Whether elements share scales in blocks, as `ggml_is_quantized` has it.
  public boolean isQuantized() {
    return blockSize > 1;
  }

  /// Whether this type can hold the weights of a model file: not an integer type, nor one of the
  /// formats that ggml only uses for activations.
  public boolean isWeightType() {
    return switch (this) {
      case I8, I16, I32, I64, F64, Q8_1, Q8_K -> false;
      default -> true;
    };
  }

  /// Whether ggml's quantizer for this type needs an importance matrix
  /// (`ggml_quantize_requires_imatrix`).
  public boolean requiresImportance() {
    return switch (this) {
      case IQ2_XXS, IQ2_XS, IQ1_S -> true;
      default -> false;
    };
  }

  /// The bytes of a row of `elements` elements (`ggml_row_size`).
  ///
  /// @throws IllegalArgumentException if the row is not a whole number of blocks
  public long rowBytes(long elements) {
    if (elements < 0 || elements % blockSize != 0) {
      throw new IllegalArgumentException(
          "a row of "
              + elements
              + " elements is not a whole number of "
              + this
              + " blocks of "
              + blockSize);
    }
    return Math.multiplyExact(elements / blockSize, blockBytes);
  }

  /// The type with this id, if ggml still has one.
  public static Optional<GgmlType> ofId(int id) {
    return id < 0 || id >= BY_ID.length ? Optional.empty() : Optional.ofNullable(BY_ID[id]);
  }

  /// The type with this name, in upper or lower case.
  public static Optional<GgmlType> ofName(String name) {
    String upper = name.toUpperCase(Locale.ROOT);
    return Arrays.stream(values()).filter(type -> type.name().equals(upper)).findFirst();
  }
}
