package dev.whittle.quantization;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.ggml.FileType;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.ModelQuantizer;
import dev.whittle.gguf.GgufFile;
import dev.whittle.gguf.TensorInfo;
import java.io.IOException;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class QuantizationPlanTest {
  /// Encoding even one row in these takes seconds, for tables that ggml builds first.
  private static final EnumSet<FileType> SLOW =
      EnumSet.of(
          FileType.IQ1_S,
          FileType.IQ1_M,
          FileType.IQ2_XS,
          FileType.IQ2_S,
          FileType.IQ2_M,
          FileType.IQ3_XXS);

  @TempDir Path folder;

  static Stream<SyntheticModel> models() {
    SyntheticModel dense = SyntheticModel.dense(17);
    return Stream.of(
        dense,
        dense.withHeads(8, 2).withTiedOutput().withArchitecture("qwen3"),
        dense.withExperts(8),
        SyntheticModel.dense(5).withHeads(8, 2).withExperts(4),
        // Rows of 96 and 300 are whole numbers of 32-blocks at most.
        SyntheticModel.dense(3).withRows(96, 300));
  }

  @ParameterizedTest
  @MethodSource("models")
  void givesEachTensorTheTypeThatLlamaCppGives(SyntheticModel model) throws IOException {
    check(EnumSet.complementOf(SLOW), model);
  }

  @ParameterizedTest
  @MethodSource("models")
  @EnabledIfSystemProperty(named = "whittle.slow-tests", matches = "true")
  void givesEachTensorTheTypeThatLlamaCppGivesInSlowMixes(SyntheticModel model) throws IOException {
    check(SLOW, model);
  }

  @Test
  void slowMixesHaveTheirExceptions() throws IOException {
    Path source = folder.resolve("model.gguf");
    SyntheticModel.dense(17).write(source);
    assertEquals(GgmlType.IQ2_XXS, type(FileType.IQ1_M, source, "blk.3.attn_output.weight"));
    assertEquals(GgmlType.Q2_K, type(FileType.IQ1_M, source, "blk.3.attn_v.weight"));
    assertEquals(GgmlType.Q2_K, type(FileType.IQ1_S, source, "blk.1.ffn_down.weight"));
    assertEquals(GgmlType.IQ1_S, type(FileType.IQ1_S, source, "blk.2.ffn_down.weight"));
    assertEquals(GgmlType.Q5_K, type(FileType.IQ1_S, source, "output.weight"));
    assertEquals(GgmlType.IQ3_S, type(FileType.IQ2_M, source, "blk.3.attn_v.weight"));
    assertEquals(GgmlType.IQ2_S, type(FileType.IQ2_M, source, "blk.3.attn_q.weight"));
    assertEquals(GgmlType.IQ2_S, type(FileType.IQ3_XXS, source, "blk.3.attn_q.weight"));
    assertEquals(GgmlType.IQ3_S, type(FileType.IQ3_XXS, source, "token_embd.weight"));
  }

  @Test
  void givesTheSeventyBillionShapeItsExtraBits() throws IOException {
    SyntheticModel model = SyntheticModel.dense(80).withHeads(8, 1);
    Path source = folder.resolve("model.gguf");
    model.write(source);
    for (FileType type : List.of(FileType.Q2_K, FileType.Q4_K_M, FileType.Q4_0)) {
      check(TypeSelection.of(type), source, ModelQuantizer.of(type).withThreads(2), false);
    }
  }

  @Test
  void pureTakesTheMainTypeEverywhere() throws IOException {
    SyntheticModel model = SyntheticModel.dense(3);
    Path source = folder.resolve("model.gguf");
    model.write(source);
    TypeSelection selection = TypeSelection.of(FileType.Q3_K_M).withPure(true);
    check(selection, source, ModelQuantizer.of(FileType.Q3_K_M).withPure(true), false);
    QuantizationPlan plan = plan(selection, source, false);
    assertEquals(GgmlType.Q3_K, plan.assignment("output.weight").orElseThrow().type());
    assertEquals(GgmlType.F32, plan.assignment("output_norm.weight").orElseThrow().type());
  }

  @Test
  void patternsComeBeforeTheMixAndDoNotCountInIt() throws IOException {
    Path source = folder.resolve("model.gguf");
    SyntheticModel.dense(9).write(source);
    SequencedMap<String, GgmlType> patterns = new LinkedHashMap<>();
    patterns.put("blk\\.[0-2]\\.(attn_v|ffn_down)", GgmlType.Q8_0);
    patterns.put("attn_q|attn_v", GgmlType.IQ4_NL);
    TypeSelection selection = TypeSelection.of(FileType.Q4_K_M);
    for (Map.Entry<String, GgmlType> entry : patterns.entrySet()) {
      selection = selection.withTensorType(Pattern.compile(entry.getKey()), entry.getValue());
    }
    ModelQuantizer reference = ModelQuantizer.of(FileType.Q4_K_M).withTensorTypes(patterns);
    check(selection, source, reference, false);
    QuantizationPlan plan = plan(selection, source, false);
    assertEquals(GgmlType.Q8_0, plan.assignment("blk.1.attn_v.weight").orElseThrow().type());
    assertEquals(GgmlType.IQ4_NL, plan.assignment("blk.3.attn_v.weight").orElseThrow().type());
  }

  @Test
  void optionsForTheEmbeddingAndTheOutputAreObeyed() throws IOException {
    Path untied = folder.resolve("untied.gguf");
    Path tied = folder.resolve("tied.gguf");
    SyntheticModel.dense(2).write(untied);
    SyntheticModel.dense(2).withTiedOutput().write(tied);
    TypeSelection selection = TypeSelection.of(FileType.Q4_K_M);

    TypeSelection both =
        selection.withOutputType(GgmlType.Q8_0).withTokenEmbeddingType(GgmlType.Q2_K);
    assertEquals(GgmlType.Q8_0, type(both, untied, "output.weight"));
    assertEquals(GgmlType.Q2_K, type(both, untied, "token_embd.weight"));
    assertEquals(GgmlType.Q2_K, type(both, tied, "token_embd.weight"));
    // A tied embedding is the output too.
    TypeSelection output = selection.withOutputType(GgmlType.Q8_0);
    assertEquals(GgmlType.Q8_0, type(output, tied, "token_embd.weight"));
    assertEquals(GgmlType.Q4_K, type(output.withPure(true), tied, "token_embd.weight"));
    assertEquals(GgmlType.F32, type(selection.withKeepOutput(true), untied, "output.weight"));
  }

  @Test
  void namesTheTensorThatFitsNoType() throws IOException {
    Path source = folder.resolve("model.gguf");
    SyntheticModel.dense(2).withRows(96, 256).write(source);
    var e =
        assertThrows(
            QuantizationException.class,
            () -> plan(TypeSelection.of(FileType.Q1_0), source, false));
    assertTrue(e.getMessage().contains("'token_embd.weight' has rows of 96"), e.getMessage());
  }

  @Test
  void countsBytesAndRemembersWhatDidNotFit() throws IOException {
    Path source = folder.resolve("model.gguf");
    SyntheticModel.dense(1).withRows(96, 256).write(source);
    QuantizationPlan plan = plan(TypeSelection.of(FileType.Q4_K_S).withPure(true), source, false);
    var gate = plan.assignment("blk.0.ffn_gate.weight").orElseThrow();
    assertEquals(GgmlType.Q4_K, gate.requested());
    assertEquals(GgmlType.Q5_0, gate.type());
    assertEquals(2 * 96 / 32 * 22, gate.bytes());
    assertFalse(gate.isCopy());
    assertTrue(plan.assignment("output_norm.weight").orElseThrow().isCopy());
    // 8 matrices of 2 × 96 as Q5_0, one of 2 × 256 as Q4_K, and two norms of 96 as F32.
    assertEquals(8 * 132 + 2 * 144 + 2 * 96 * 4, plan.bytes());
    assertEquals(8.0 * plan.bytes() / (8 * 192 + 512 + 192), plan.bitsPerWeight(), 1e-12);
  }

  private static QuantizationPlan plan(TypeSelection selection, Path source, boolean importance) {
    try (GgufFile model = GgufFile.open(source)) {
      return QuantizationPlan.of(selection, model, importance);
    }
  }

  private static GgmlType type(TypeSelection selection, Path source, String tensor) {
    return plan(selection, source, false).assignment(tensor).orElseThrow().type();
  }

  private static GgmlType type(FileType type, Path source, String tensor) {
    return plan(TypeSelection.of(type), source, true).assignment(tensor).orElseThrow().type();
  }

  private void check(Set<FileType> types, SyntheticModel model) throws IOException {
    Path source = folder.resolve("model.gguf");
    model.write(source);
    for (FileType type : types) {
      ModelQuantizer reference = ModelQuantizer.of(type).withThreads(2).withPure(type.isPure());
      TypeSelection selection = TypeSelection.of(type);
      if (type == FileType.Q1_0 && model.embedding() % 128 != 0) {
        // There is no substitute, here as there.
        assertThrows(QuantizationException.class, () -> plan(selection, source, false));
        continue;
      }
      check(selection, source, reference.withImportance(model.flatImportance()), true);
      QuantizationPlan plan = plan(selection, source, false);
      if (plan.tensors().stream().noneMatch(QuantizationPlan.Assignment::needsImportance)) {
        check(selection, source, reference, false);
      }
    }
  }

  private void check(
      TypeSelection selection, Path source, ModelQuantizer reference, boolean importance) {
    Path target = folder.resolve("reference.gguf");
    QuantizationPlan plan = plan(selection, source, importance);
    reference.quantize(source, target);
    try (GgufFile expected = GgufFile.open(target)) {
      assertEquals(
          describe(
              expected.tensors().stream().map(TensorInfo::name).toList(),
              expected.tensors().stream().map(TensorInfo::type).toList()),
          describe(
              plan.tensors().stream().map(tensor -> tensor.tensor().name()).toList(),
              plan.tensors().stream().map(QuantizationPlan.Assignment::type).toList()),
          () -> selection + " with importance: " + importance);
    }
  }

  private static String describe(List<String> names, List<GgmlType> types) {
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < names.size(); i++) {
      lines.append(names.get(i)).append(' ').append(types.get(i)).append('\n');
    }
    return lines.toString();
  }
}
