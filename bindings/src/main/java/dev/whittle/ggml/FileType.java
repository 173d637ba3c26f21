package dev.whittle.ggml;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/// The mixes of types that llama.cpp's quantizer can write (`enum llama_ftype`), by the names that
/// `llama-quantize` has for them.
public enum FileType {
  F32(0, GgmlType.F32),
  F16(1, GgmlType.F16),
  BF16(32, GgmlType.BF16),
  Q4_0(2, GgmlType.Q4_0),
  Q4_1(3, GgmlType.Q4_1),
  Q5_0(8, GgmlType.Q5_0),
  Q5_1(9, GgmlType.Q5_1),
  Q8_0(7, GgmlType.Q8_0),
  Q2_K(10, GgmlType.Q2_K),
  Q2_K_S(21, GgmlType.Q2_K),
  Q3_K_S(11, GgmlType.Q3_K),
  Q3_K_M(12, GgmlType.Q3_K),
  Q3_K_L(13, GgmlType.Q3_K),
  Q4_K_S(14, GgmlType.Q4_K),
  Q4_K_M(15, GgmlType.Q4_K),
  Q5_K_S(16, GgmlType.Q5_K),
  Q5_K_M(17, GgmlType.Q5_K),
  Q6_K(18, GgmlType.Q6_K),
  IQ1_S(24, GgmlType.IQ1_S),
  IQ1_M(31, GgmlType.IQ1_M),
  IQ2_XXS(19, GgmlType.IQ2_XXS),
  IQ2_XS(20, GgmlType.IQ2_XS),
  IQ2_S(28, GgmlType.IQ2_XS),
  IQ2_M(29, GgmlType.IQ2_S),
  IQ3_XXS(23, GgmlType.IQ3_XXS),
  IQ3_XS(22, GgmlType.IQ3_S),
  IQ3_S(26, GgmlType.IQ3_S),
  IQ3_M(27, GgmlType.IQ3_S),
  IQ4_NL(25, GgmlType.IQ4_NL),
  IQ4_XS(30, GgmlType.IQ4_XS),
  TQ1_0(36, GgmlType.TQ1_0),
  TQ2_0(37, GgmlType.TQ2_0),
  MXFP4_MOE(38, GgmlType.MXFP4),

  /// MXFP4 for all matrices, which `llama-quantize` writes as `--pure MXFP4_MOE`: its mix gives
  /// MXFP4 to experts alone, and eight bits to everything in a model without any.
  MXFP4(38, GgmlType.MXFP4),
  Q1_0(40, GgmlType.Q1_0),
  Q2_0(41, GgmlType.Q2_0);

  private final int id;
  private final GgmlType mainType;

  FileType(int id, GgmlType mainType) {
    this.id = id;
    this.mainType = mainType;
  }

  /// Whether all quantized tensors have the main type.
  public boolean isPure() {
    return this == MXFP4;
  }

  /// The value of `enum llama_ftype`, which a file has as `general.file_type`.
  public int id() {
    return id;
  }

  /// The type of most tensors, and of all that are quantized where the mix is pure.
  public GgmlType mainType() {
    return mainType;
  }

  /// The mix with this name, in upper or lower case. `Q3_K`, `Q4_K` and `Q5_K` stand for their
  /// medium mixes.
  public static Optional<FileType> ofName(String name) {
    String upper = name.toUpperCase(Locale.ROOT);
    String full =
        switch (upper) {
          case "Q3_K", "Q4_K", "Q5_K" -> upper + "_M";
          default -> upper;
        };
    return Arrays.stream(values()).filter(type -> type.name().equals(full)).findFirst();
  }
}
