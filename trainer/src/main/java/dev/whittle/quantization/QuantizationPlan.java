package dev.whittle.quantization;

import dev.whittle.ggml.FileType;
import dev.whittle.ggml.GgmlType;
import dev.whittle.gguf.GgufFile;
import dev.whittle.gguf.GgufMetadata;
import dev.whittle.gguf.TensorInfo;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Which tensor of a model becomes which type: what `llama_model_quantize` would decide for the
/// same request.
///
/// @param fileType what the file will call itself (`general.file_type`)
/// @param tensors in the order in which llama.cpp writes them: by layer, then by name
public record QuantizationPlan(FileType fileType, List<Assignment> tensors) {

  /// The type of one tensor.
  ///
  /// @param tensor as it is in the source file
  /// @param type what it becomes; its own type if it stays as it is
  /// @param requested the type that would have been taken if rows were a whole number of its
  ///   blocks, or `type`
  /// @param needsImportance whether the result would be poor without an importance matrix, so that
  ///   llama.cpp insists on one
  public record Assignment(
      TensorInfo tensor, GgmlType type, GgmlType requested, boolean needsImportance) {
    /// The size of the tensor once it has its type.
    public long bytes() {
      return type.rowBytes(tensor.rowLength()) * tensor.rows();
    }

    /// Whether the tensor gets another type than it would if its rows fitted.
    public boolean isSubstituted() {
      return type != requested;
    }

    /// Whether the tensor's bytes are copied.
    public boolean isCopy() {
      return type == tensor.type();
    }
  }

  private static final Pattern LAYER = Pattern.compile("blk\\.(\\d{1,9})");

  public QuantizationPlan {
    tensors = List.copyOf(tensors);
  }

  /// The plan for a model.
  ///
  /// @param hasImportance whether there will be an importance matrix, which changes some mixes
  /// @throws QuantizationException if a tensor's rows fit neither its type nor a substitute
  public static QuantizationPlan of(
      TypeSelection selection, GgufFile model, boolean hasImportance) {
    return of(selection, model.metadata(), model.tensors(), hasImportance);
  }

  /// The plan for a model with this metadata and these tensors.
  ///
  /// @param hasImportance whether there will be an importance matrix, which changes some mixes
  /// @throws QuantizationException if a tensor's rows fit neither its type nor a substitute
  public static QuantizationPlan of(
      TypeSelection selection,
      GgufMetadata metadata,
      List<TensorInfo> tensors,
      boolean hasImportance) {
    List<TensorInfo> ordered =
        tensors.stream()
            .sorted(
                Comparator.<TensorInfo>comparingInt(tensor -> layer(tensor.name()))
                    .thenComparing(TensorInfo::name))
            .toList();
    requireMatches(selection, tensors);
    TypeMix mix = mix(selection.fileType(), ModelTraits.of(metadata), ordered, hasImportance);
    List<Assignment> assignments = new ArrayList<>();
    for (TensorInfo tensor : ordered) {
      assignments.add(assign(selection, mix, tensor));
    }
    return new QuantizationPlan(selection.fileType(), assignments);
  }

  /// The assignment of the tensor with this name.
  public Optional<Assignment> assignment(String name) {
    return tensors.stream().filter(tensor -> tensor.tensor().name().equals(name)).findFirst();
  }

  /// The bytes of all tensors, without the padding between them.
  public long bytes() {
    return tensors.stream().mapToLong(Assignment::bytes).sum();
  }

  /// The storage cost over all tensors, in bits for each element.
  public double bitsPerWeight() {
    return 8.0 * bytes() / tensors.stream().mapToLong(tensor -> tensor.tensor().elements()).sum();
  }

  /// A pattern that no name matches is a misspelt one.
  private static void requireMatches(TypeSelection selection, List<TensorInfo> tensors) {
    for (Pattern pattern : selection.tensorTypes().keySet()) {
      if (tensors.stream().noneMatch(tensor -> pattern.matcher(tensor.name()).find())) {
        throw new QuantizationException(
            "no tensor has a name that matches '"
                + pattern
                + "'; 'whittle inspect --tensors' lists the names");
      }
    }
  }

  private static TypeMix mix(
      FileType fileType, ModelTraits model, List<TensorInfo> tensors, boolean hasImportance) {
    List<TensorRole> roles = tensors.stream().map(tensor -> TensorRole.of(tensor.name())).toList();
    boolean tied = !roles.contains(TensorRole.OUTPUT);
    int values = (int) roles.stream().filter(TensorRole.VALUE::equals).count();
    return new TypeMix(fileType, model, hasImportance, tied, values);
  }

  private static Assignment assign(TypeSelection selection, TypeMix mix, TensorInfo tensor) {
    TensorRole role = TensorRole.of(tensor.name());
    boolean kept = selection.keepOutput() && role == TensorRole.OUTPUT;
    if (kept || !QuantizableTensors.contains(tensor)) {
      return new Assignment(tensor, tensor.type(), tensor.type(), false);
    }
    GgmlType requested = explicitType(selection, role, tensor.name());
    if (requested == null && selection.fileType().mainType().isQuantized()) {
      requested = selection.patternType(tensor.name());
      if (requested == null && !selection.pure() && !selection.fileType().isPure()) {
        requested = mix.next(role, tensor);
        if (selection.outputType() != null && mix.isOutput(role)) {
          requested = selection.outputType();
        }
      }
    }
    if (requested == null) {
      requested = selection.fileType().mainType();
    }
    GgmlType type = TypeFallback.fit(requested, tensor);
    return new Assignment(tensor, type, requested, needsImportance(selection, role, type));
  }

  /// The type that is asked for by an option of its own.
  private static @Nullable GgmlType explicitType(
      TypeSelection selection, TensorRole role, String name) {
    return switch (role) {
      case OUTPUT -> selection.outputType();
      // The embedding of Gemma's layers is a large table of its own, which a pattern can name.
      case TOKEN_EMBEDDING ->
          name.startsWith("per_layer_") && selection.patternType(name) != null
              ? null
              : selection.tokenEmbeddingType();
      default -> null;
    };
  }

  private static boolean needsImportance(TypeSelection selection, TensorRole role, GgmlType type) {
    if (role == TensorRole.OUTPUT || role == TensorRole.TOKEN_EMBEDDING) {
      return false;
    }
    return switch (type) {
      case IQ1_S, IQ1_M, IQ2_XXS, IQ2_XS, IQ2_S, IQ3_XXS -> true;
      case Q2_K -> selection.fileType() == FileType.Q2_K_S;
      default -> false;
    };
  }

  /// The layer's number, or -1 for a tensor outside the layers.
  private static int layer(String name) {
    Matcher matcher = LAYER.matcher(name);
    return matcher.lookingAt() ? Integer.parseInt(matcher.group(1)) : -1;
  }
}
