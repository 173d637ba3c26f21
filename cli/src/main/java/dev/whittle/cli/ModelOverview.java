package dev.whittle.cli;

import com.fasterxml.jackson.annotation.JsonInclude;
import dev.whittle.cli.Table.Column;
import dev.whittle.ggml.GgmlType;
import dev.whittle.gguf.GgufFile;
import dev.whittle.gguf.TensorInfo;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// What `inspect` tells of a GGUF file. The components are the members of its JSON form.
///
/// @param parameters the number of weights, in all tensors
/// @param bitsPerWeight what a weight takes on average, metadata left out
/// @param types what the tensors of each type amount to, the largest share first
/// @param metadata as [MetadataView] has it
/// @param tensors every tensor in the file's order, or null if they were not asked for
record ModelOverview(
    String file,
    long fileBytes,
    @Nullable String architecture,
    long parameters,
    double bitsPerWeight,
    List<Share> types,
    Map<String, Object> metadata,
    @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable List<TensorRow> tensors) {

  /// What the tensors of one type amount to.
  record Share(GgmlType type, long tensors, long weights, long bytes) {
    private static Share of(TensorInfo tensor) {
      return new Share(tensor.type(), 1, tensor.elements(), tensor.bytes());
    }

    private Share plus(Share other) {
      return new Share(type, tensors + other.tensors, weights + other.weights, bytes + other.bytes);
    }
  }

  /// One tensor, its shape in ggml's order.
  record TensorRow(String name, GgmlType type, List<Long> shape, long bytes) {
    private static TensorRow of(TensorInfo tensor) {
      return new TensorRow(tensor.name(), tensor.type(), tensor.shape(), tensor.bytes());
    }
  }

  static ModelOverview of(GgufFile file, boolean withTensors) {
    Map<GgmlType, Share> shares = new LinkedHashMap<>();
    for (TensorInfo tensor : file.tensors()) {
      shares.merge(tensor.type(), Share.of(tensor), Share::plus);
    }
    long weights = shares.values().stream().mapToLong(Share::weights).sum();
    long bytes = shares.values().stream().mapToLong(Share::bytes).sum();
    return new ModelOverview(
        file.path().toString(),
        file.fileBytes(),
        file.metadata().string("general.architecture").orElse(null),
        weights,
        weights == 0 ? 0 : 8.0 * bytes / weights,
        shares.values().stream().sorted(Comparator.comparingLong(Share::bytes).reversed()).toList(),
        MetadataView.of(file.metadata()),
        withTensors ? file.tensors().stream().map(TensorRow::of).toList() : null);
  }

  /// The overview as a page of text.
  String toText() {
    List<String> parts = new ArrayList<>();
    parts.add(summary());
    parts.add(typeTable());
    parts.add(metadataTable());
    if (tensors != null) {
      parts.add(tensorTable(tensors));
    }
    return String.join("\n", parts);
  }

  /// The size in words.
  String size() {
    return "%,d bytes, %.3f bits a weight".formatted(fileBytes, bitsPerWeight);
  }

  private String summary() {
    return new Table(Column.left(""), Column.left(""))
        .row("file", file)
        .row("architecture", architecture == null ? "not stated" : MetadataView.line(architecture))
        .row("parameters", "%,d".formatted(parameters))
        .row("size", size())
        .toString();
  }

  private String typeTable() {
    Table table =
        new Table(
            Column.left("type"),
            Column.right("bits"),
            Column.right("tensors"),
            Column.right("weights"),
            Column.right("bytes"));
    for (Share share : types) {
      table.row(
          share.type().name(),
          Double.toString(share.type().bitsPerWeight()),
          "%,d".formatted(share.tensors()),
          "%,d".formatted(share.weights()),
          "%,d".formatted(share.bytes()));
    }
    return table.toString();
  }

  private String metadataTable() {
    Table table = new Table(Column.left("metadata"), Column.left(""));
    metadata.forEach((key, value) -> table.row(MetadataView.line(key), MetadataView.line(value)));
    return table.toString();
  }

  private static String tensorTable(List<TensorRow> tensors) {
    Table table =
        new Table(
            Column.left("tensor"),
            Column.left("type"),
            Column.left("shape"),
            Column.right("bytes"));
    for (TensorRow tensor : tensors) {
      table.row(
          MetadataView.line(tensor.name()),
          tensor.type().name(),
          tensor.shape().stream().map(String::valueOf).collect(Collectors.joining(" × ")),
          "%,d".formatted(tensor.bytes()));
    }
    return table.toString();
  }
}
