package dev.whittle.cli;

import com.fasterxml.jackson.annotation.JsonInclude;
import dev.whittle.cli.Table.Column;
import dev.whittle.distillation.DistillationPlan;
import dev.whittle.distillation.MemoryChoice;
import dev.whittle.distillation.MemoryPlan;
import dev.whittle.quantization.QuantizationPlan;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// What `distill --dry-run` says. The components are the members of its JSON form.
///
/// @param type the file's type
/// @param tensors what becomes of each of them
/// @param bitsPerWeight over all of them
/// @param fileBytes of the file at the end
/// @param documents of the data
/// @param dataTokens of all documents together
/// @param steps updates of the weights
/// @param tokensPerStep places for tokens
/// @param tokens places for tokens in all steps
/// @param devices that share a step
/// @param microBatches of a step
/// @param rows of a micro-batch
/// @param rowLength places for tokens in a row
/// @param activations what is kept for the backward pass: kept or recomputed
/// @param memory bytes by what they are for, on each device
/// @param memoryBytes all of them
/// @param availableBytes what there is
/// @param mend how to take less, if that is not enough
record PlanReport(
    String type,
    List<TensorType> tensors,
    double bitsPerWeight,
    long fileBytes,
    int documents,
    long dataTokens,
    int steps,
    int tokensPerStep,
    long tokens,
    int devices,
    int microBatches,
    int rows,
    int rowLength,
    String activations,
    MemoryPlan memory,
    long memoryBytes,
    long availableBytes,
    @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable String mend) {

  /// What becomes of a tensor.
  record TensorType(String name, String from, String to, long bytes) {
    static List<TensorType> of(QuantizationPlan plan) {
      return plan.tensors().stream()
          .map(t ->
              new TensorType(
                  t.tensor().name(), t.tensor().type().name(), t.type().name(), t.bytes()))
          .toList();
    }
  }

  static PlanReport of(DistillationPlan plan) {
    MemoryChoice choice = plan.memory();
    return new PlanReport(
        plan.types().fileType().name(),
        TensorType.of(plan.types()),
        plan.types().bitsPerWeight(),
        plan.outputBytes(),
        plan.documents(),
        plan.dataTokens(),
        plan.steps(),
        plan.batches().tokens(),
        plan.tokens(),
        plan.devices(),
        plan.batches().microBatches(),
        plan.batches().shape().rows(),
        plan.batches().shape().rowLength(),
        choice.activations().name().toLowerCase(Locale.ROOT),
        choice.memory(),
        choice.memory().total(),
        choice.available(),
        choice.mend());
  }

  /// The report for people, but for the types.
  String toText() {
    Table table =
        new Table(
            Column.left(devices == 1 ? "memory" : "memory of each device"), Column.right("bytes"));
    row(table, "masters", memory.masters());
    row(table, "gradients", memory.gradients());
    row(table, "moments", memory.moments());
    row(table, "blocks", memory.blocks());
    row(table, "copies for the passes", memory.copies());
    row(table, "activations, " + activations, memory.activations());
    row(table, "the head's chunk", memory.head());
    row(table, "teacher", memory.teacher());
    row(table, "Java, its libraries, data", memory.java());
    row(table, "in all", memoryBytes);
    row(table, "available", availableBytes);
    return table
        + "\n%,d steps of %,d tokens: %,d, where the data has %,d in %,d documents\n"
            .formatted(steps, tokensPerStep, tokens, dataTokens, documents)
        + "A step is %,d micro-batches of %,d rows of %,d tokens%s.\n"
            .formatted(
                microBatches,
                rows,
                rowLength,
                devices == 1 ? "" : ", shared by %d devices".formatted(devices))
        + "The file will have %,d bytes.\n".formatted(fileBytes);
  }

  private static void row(Table table, String what, long bytes) {
    table.row(what, "%,d".formatted(bytes));
  }
}
