package dev.whittle.cli.study;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.cli.recipe.Recipe;
import dev.whittle.cli.study.CellResult.Evaluation;
import dev.whittle.cli.study.StudyTable.Summary;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.json.JsonMapper;

class StudyTableTest {
  private static final Set<String> STAGES = Set.of("before", "after");
  private static final List<Column> COLUMNS =
      List.of(
          Column.parse("before", "before.accuracy", STAGES),
          Column.parse("math", "after.accuracy_by_domain.math", STAGES),
          Column.parse("gain", "after.accuracy - before.accuracy", STAGES));

  private static Arm arm(String loss) {
    LinkedHashMap<String, String> levels = new LinkedHashMap<>();
    levels.put("loss", loss);
    return new Arm(levels, new LinkedHashMap<>());
  }

  private static Cell cell(Arm arm, long seed) {
    return new Cell(arm, seed, new Recipe(Path.of("s.yaml"), Path.of("run"), List.of()));
  }

  private static Evaluation evaluation(String hash, double accuracy) {
    return new Evaluation(
        hash,
        JsonMapper.shared()
            .readTree(
                "{\"n\": 1200, \"accuracy\": %s, \"accuracy_by_domain\": {\"math\": %s}}"
                    .formatted(accuracy, accuracy / 2)));
  }

  /// Trained with three seeds from a start that they have in common.
  private static CellResult trained(Arm arm, long seed, double accuracy) {
    return new CellResult(
        cell(arm, seed),
        Map.of("before", evaluation("start", 0.1), "after", evaluation("a" + seed, accuracy)),
        null);
  }

  private static StudyTable table(List<CellResult> results) {
    List<Arm> arms = results.stream().map(result -> result.cell().arm()).distinct().toList();
    return StudyTable.of(
        new Study(
            Path.of("folder/s.yaml"),
            Path.of("out"),
            List.of("loss"),
            arms,
            List.of(1L, 2L, 3L),
            COLUMNS,
            results.stream().map(CellResult::cell).toList()),
        results);
  }

  @Test
  void means_and_sample_deviations() {
    Arm kl = arm("kl");
    StudyTable table =
        table(List.of(trained(kl, 1, 0.4), trained(kl, 2, 0.5), trained(kl, 3, 0.9)));
    Map<String, Summary> figures = table.rows().getFirst().figures();
    assertEquals(0.6 / 2, figures.get("math").mean(), 1e-12);
    // The squares of 0.4 - 0.6, 0.5 - 0.6 and 0.9 - 0.6 are 0.14 in sum, over 3 - 1.
    assertEquals(Math.sqrt(0.07) / 2, figures.get("math").deviation(), 1e-12);
    assertEquals(0.5, figures.get("gain").mean(), 1e-12);
    assertEquals(Math.sqrt(0.07), figures.get("gain").deviation(), 1e-12);
    // One evaluation, however many seeds refer to it.
    assertEquals(0.1, figures.get("before").mean(), 1e-12);
    assertNull(figures.get("before").deviation());
    assertEquals(
        """
        | loss | before | math | gain |
        | --- | --- | --- | --- |
        | kl | 0.100 | 0.300 ± 0.132 | +0.500 ± 0.265 |

        Mean ± sample standard deviation over seeds 1, 2, 3; without a deviation, all seeds have the \
        same evaluation. 1,200 questions in each evaluation.
        """,
        table.toMarkdown());
  }

  @Test
  void says_what_failed_and_what_is_missing() {
    Arm kl = arm("kl");
    Arm ce = arm("ce");
    CellFailure refused = new CellFailure("grpo", "hash", "nothing to | reinforce");
    StudyTable table =
        table(
            List.of(
                trained(kl, 1, 0.4),
                trained(kl, 2, 0.6),
                new CellResult(cell(kl, 3), Map.of(), null),
                new CellResult(cell(ce, 1), Map.of("before", evaluation("b", 0.2)), refused),
                new CellResult(cell(ce, 2), Map.of("before", evaluation("b", 0.2)), refused)));
    String text = table.toMarkdown();
    assertTrue(text.contains("| kl | 0.100 (2 of 3 seeds) | 0.250 ± 0.071 (2 of 3 seeds) |"), text);
    assertTrue(text.contains("| ce | 0.200 (2 of 3 seeds) | failed | failed |"), text);
    assertTrue(text.contains("- ce, seeds 1, 2: grpo failed: nothing to | reinforce"), text);
    assertTrue(text.contains("- kl, seed 3: not finished"), text);
    assertEquals(List.of(3L), table.rows().getFirst().unfinished());
  }
}
