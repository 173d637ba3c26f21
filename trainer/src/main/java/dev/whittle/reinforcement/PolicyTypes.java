package dev.whittle.reinforcement;

import dev.whittle.ggml.FileType;
import dev.whittle.ggml.GgmlType;
import dev.whittle.gguf.GgufFile;
import dev.whittle.gguf.TensorInfo;
import dev.whittle.quantization.QuantizationException;
import dev.whittle.quantization.QuantizationPlan;
import dev.whittle.quantization.TypeSelection;
import java.util.Arrays;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// The types of a policy's tensors.
///
/// @param fileType the name of the mix
/// @param types the type of each tensor of the start
record PolicyTypes(FileType fileType, Function<TensorInfo, GgmlType> types) {
  /// @param selection null for the types that the file has
  /// @param importance whether there is an importance matrix
  /// @throws QuantizationException if the file is not quantized and nothing is selected, or the
  ///   model cannot have the types
  static PolicyTypes of(GgufFile file, @Nullable TypeSelection selection, boolean importance) {
    if (selection == null) {
      return new PolicyTypes(fileType(file), TensorInfo::type);
    }
    QuantizationPlan plan = QuantizationPlan.of(selection, file, importance);
    return new PolicyTypes(
        plan.fileType(), tensor -> plan.assignment(tensor.name()).orElseThrow().type());
  }

  private static FileType fileType(GgufFile file) {
    long id = file.metadata().integer("general.file_type").orElse(-1);
    return Arrays.stream(FileType.values())
        .filter(type -> type.id() == id && type.mainType().isQuantized())
        .findFirst()
        .orElseThrow(() ->
            new QuantizationException(
                file.path()
                    + " is not quantized, or does not say to what type; name one with --type"));
  }
}
