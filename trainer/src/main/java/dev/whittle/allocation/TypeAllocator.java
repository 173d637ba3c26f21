package dev.whittle.allocation;

import dev.whittle.ggml.FileType;
import dev.whittle.ggml.GgmlType;
import dev.whittle.gguf.GgufFile;
import dev.whittle.gguf.TensorInfo;
import dev.whittle.quantization.FullPrecision;
import dev.whittle.quantization.QuantizationException;
import dev.whittle.quantization.QuantizationPlan;
import dev.whittle.quantization.QuantizationPlan.Assignment;
import dev.whittle.quantization.TypeSelection;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/// Chooses each tensor's type from some candidates, so that a model keeps to a size and the costs
/// of the choices are least.
///
/// Tensors that a pattern of the selection names have the type that it gives them. Rows that are no
/// whole number of a type's blocks get another type, as in any quantization.
final class TypeAllocator {
  private static final Pattern ANY = Pattern.compile("");

  private final GgufFile model;
  private final TypeSelection selection;
  private final List<GgmlType> candidates;
  private final SizeBudget budget;

  /// One for each candidate: what all tensors become where none may be larger.
  private final List<QuantizationPlan> plans;

  /// The tensors that are lowered by some candidate, in the order of the plans.
  private final List<TensorInfo> tensors;

  /// What it costs to lower a tensor.
  @FunctionalInterface
  interface Cost {
    /// @param candidate the type that was asked for; a tensor whose rows do not fit has another
    double of(String tensor, GgmlType candidate);
  }

  /// @param model in full precision
  /// @param selection types that are given already; its mix does not count
  /// @throws QuantizationException if a tensor to be lowered is quantized already
  TypeAllocator(
      GgufFile model, TypeSelection selection, List<GgmlType> candidates, SizeBudget budget) {
    this.model = model;
    this.budget = budget;
    // A mix of blocks, or patterns would not count.
    this.selection = selection.withFileType(FileType.Q2_K);
    this.candidates = List.copyOf(candidates);
    plans =
        candidates.stream()
            .map(type -> QuantizationPlan.of(this.selection.withTensorType(ANY, type), model, true))
            .toList();
    tensors =
        plans.getFirst().tensors().stream()
            .map(Assignment::tensor)
            .filter(tensor -> plans.stream().anyMatch(plan -> !assignment(plan, tensor).isCopy()))
            .toList();
    tensors.forEach(tensor -> FullPrecision.require(model, tensor));
  }

  private static Assignment assignment(QuantizationPlan plan, TensorInfo tensor) {
    return plan.assignment(tensor.name()).orElseThrow();
  }

  /// What every tensor becomes when all are lowered to a candidate.
  SequencedMap<String, GgmlType> lowered(GgmlType candidate) {
    QuantizationPlan plan = plan(candidate);
    SequencedMap<String, GgmlType> types = new LinkedHashMap<>();
    tensors.forEach(tensor -> types.put(tensor.name(), assignment(plan, tensor).type()));
    return types;
  }

  /// @throws QuantizationException if not even the smallest candidates fit
  void requireRoom() {
    long lacking = smallest(candidates) - room();
    if (lacking > 0) {
      throw new QuantizationException(
          "%s needs %,d bytes more than %s, even with the smallest of %s; allow more"
              .formatted(model.path(), lacking, budget, candidates));
    }
  }

  /// The candidates to choose from, all of them, all but the one of the fewest bits, all but the
  /// two, and so on, while there is room for what is left.
  List<List<GgmlType>> withoutCoarsest() {
    List<GgmlType> sorted = new ArrayList<>(candidates);
    sorted.sort(Comparator.comparingDouble(GgmlType::bitsPerWeight));
    long room = room();
    return IntStream.range(0, sorted.size())
        .mapToObj(from -> sorted.subList(from, sorted.size()))
        .takeWhile(among -> smallest(among) <= room)
        .toList();
  }

  /// What the tensors take at least.
  private long smallest(List<GgmlType> among) {
    return tensors.stream()
        .mapToLong(tensor -> among.stream().mapToLong(c -> size(tensor, c)).min().orElseThrow())
        .sum();
  }

  /// The candidate for each tensor.
  ///
  /// @param among the candidates to choose from, for which there is room
  SequencedMap<String, GgmlType> choose(List<GgmlType> among, Cost cost) {
    List<List<Knapsack.Option>> items =
        tensors.stream()
            .map(tensor ->
                among.stream()
                    .map(c -> new Knapsack.Option(size(tensor, c), cost.of(tensor.name(), c)))
                    .toList())
            .toList();
    int[] chosen = Knapsack.choose(items, room());
    SequencedMap<String, GgmlType> types = new LinkedHashMap<>();
    for (int i = 0; i < chosen.length; i++) {
      types.put(tensors.get(i).name(), among.get(chosen[i]));
    }
    return types;
  }

  /// The types of a choice, which differ from the candidates where rows do not fit.
  SequencedMap<String, GgmlType> types(Map<String, GgmlType> choice) {
    SequencedMap<String, GgmlType> types = new LinkedHashMap<>();
    for (TensorInfo tensor : tensors) {
      GgmlType candidate = Objects.requireNonNull(choice.get(tensor.name()));
      types.put(tensor.name(), assignment(plan(candidate), tensor).type());
    }
    return types;
  }

  private QuantizationPlan plan(GgmlType candidate) {
    return plans.get(candidates.indexOf(candidate));
  }

  /// The selection that gives every tensor its chosen type.
  TypeSelection select(Map<String, GgmlType> choice) {
    TypeSelection result = selection.withFileType(fileType(choice));
    for (Map.Entry<String, GgmlType> entry : choice.entrySet()) {
      Pattern name = Pattern.compile("^" + entry.getKey().replace(".", "\\.") + "$");
      result = result.withTensorType(name, entry.getValue());
    }
    return result;
  }

  /// What the file calls itself: by the type of most weights that a file can be named by.
  private FileType fileType(Map<String, GgmlType> choice) {
    Map<FileType, Long> weights = new TreeMap<>();
    for (TensorInfo tensor : tensors) {
      FileType.ofName(Objects.requireNonNull(choice.get(tensor.name())).name())
          .ifPresent(type -> weights.merge(type, tensor.elements(), Long::sum));
    }
    return weights.isEmpty()
        ? FileType.Q8_0
        : Collections.max(weights.entrySet(), Map.Entry.comparingByValue()).getKey();
  }

  private long size(TensorInfo tensor, GgmlType candidate) {
    return size(assignment(plan(candidate), tensor));
  }

  /// What a tensor takes of the room.
  private long size(Assignment assignment) {
    return switch (budget) {
      case SizeBudget.BitsPerWeight _ -> assignment.bytes();
      case SizeBudget.FileBytes _ ->
          Math.ceilDiv(assignment.bytes(), model.alignment()) * model.alignment();
    };
  }

  /// The room that there is for the tensors to be lowered.
  long room() {
    QuantizationPlan plan = plans.getFirst();
    long lowered = tensors.stream().mapToLong(tensor -> size(assignment(plan, tensor))).sum();
    return switch (budget) {
      case SizeBudget.BitsPerWeight(double bits) -> {
        long weights = model.tensors().stream().mapToLong(TensorInfo::elements).sum();
        yield (long) (bits * weights / 8) - (plan.bytes() - lowered);
      }
      case SizeBudget.FileBytes(long bytes, var fileBytes) ->
          bytes
              - (fileBytes.applyAsLong(selection.withTensorType(ANY, candidates.getFirst()))
                  - lowered);
    };
  }
}
