package dev.whittle.quantization;

import dev.whittle.ggml.FileType;
import dev.whittle.ggml.GgmlType;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// Which types are asked for, as on `llama-quantize`'s command line.
///
/// @param fileType the mix
/// @param pure whether all quantized tensors take the mix's main type
/// @param tensorTypes types for tensors whose name contains a match; the first match counts, and
///   comes before the mix
/// @param outputType the type of `output.weight`, and of a tied token embedding in a mix
/// @param tokenEmbeddingType the type of `token_embd.weight`, tied or not
/// @param keepOutput whether `output.weight` stays as it is
public record TypeSelection(
    FileType fileType,
    boolean pure,
    SequencedMap<Pattern, GgmlType> tensorTypes,
    @Nullable GgmlType outputType,
    @Nullable GgmlType tokenEmbeddingType,
    boolean keepOutput) {

  public TypeSelection {
    tensorTypes = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(tensorTypes));
    tensorTypes.values().forEach(TypeSelection::requireWeightType);
    requireWeightType(outputType);
    requireWeightType(tokenEmbeddingType);
  }

  /// Every type that is asked for by name, that of the mix among them.
  public Stream<GgmlType> asked() {
    List<@Nullable GgmlType> types = new ArrayList<>(tensorTypes.values());
    Collections.addAll(types, fileType.mainType(), outputType, tokenEmbeddingType);
    return types.stream().filter(Objects::nonNull);
  }

  /// The mix as it is.
  public static TypeSelection of(FileType fileType) {
    return new TypeSelection(fileType, false, new LinkedHashMap<>(), null, null, false);
  }

  /// This selection, with all quantized tensors of the main type, or with the mix.
  public TypeSelection withPure(boolean pure) {
    return new TypeSelection(
        fileType, pure, tensorTypes, outputType, tokenEmbeddingType, keepOutput);
  }

  /// This selection with another mix.
  public TypeSelection withFileType(FileType type) {
    return new TypeSelection(type, pure, tensorTypes, outputType, tokenEmbeddingType, keepOutput);
  }

  /// This selection with one more pattern, after those that it has.
  public TypeSelection withTensorType(Pattern name, GgmlType type) {
    SequencedMap<Pattern, GgmlType> types = new LinkedHashMap<>(tensorTypes);
    types.put(name, type);
    return new TypeSelection(fileType, pure, types, outputType, tokenEmbeddingType, keepOutput);
  }

  /// This selection with this type for `output.weight`.
  public TypeSelection withOutputType(@Nullable GgmlType type) {
    return new TypeSelection(fileType, pure, tensorTypes, type, tokenEmbeddingType, keepOutput);
  }

  /// This selection with this type for `token_embd.weight`.
  public TypeSelection withTokenEmbeddingType(@Nullable GgmlType type) {
    return new TypeSelection(fileType, pure, tensorTypes, outputType, type, keepOutput);
  }

  /// This selection, with `output.weight` kept as it is or not.
  public TypeSelection withKeepOutput(boolean keep) {
    return new TypeSelection(fileType, pure, tensorTypes, outputType, tokenEmbeddingType, keep);
  }

  /// The type that a pattern gives to a tensor of this name, or null.
  @Nullable GgmlType patternType(String name) {
    for (Map.Entry<Pattern, GgmlType> entry : tensorTypes.entrySet()) {
      if (entry.getKey().matcher(name).find()) {
        return entry.getValue();
      }
    }
    return null;
  }

  private static void requireWeightType(@Nullable GgmlType type) {
    if (type != null && !type.isWeightType()) {
      throw new IllegalArgumentException(type + " cannot hold weights");
    }
  }
}
