package dev.whittle.training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunDirectoryTest {
  @TempDir private Path folder;

  @Test
  void aSettingThatIsChangedAddedOrLeftOutIsNoticed() throws IOException {
    Map<String, Object> recipe = Map.of("steps", 10, "domain", "maths");
    RunDirectory.create(folder, recipe, false);

    RunDirectory.resume(folder, recipe);

    assertRefused("domain was maths and is code now", Map.of("steps", 10, "domain", "code"));
    assertRefused("domain was maths and is not given now", Map.of("steps", 10));
    assertRefused(
        "held_out was not given and is 64 now",
        Map.of("steps", 10, "domain", "maths", "held_out", 64));
  }

  private void assertRefused(String why, Map<String, Object> recipe) {
    RunDirectoryException e =
        assertThrows(RunDirectoryException.class, () -> RunDirectory.resume(folder, recipe));
    assertEquals(
        folder.resolve("recipe.yaml")
            + ": "
            + why
            + "; resume with the settings that the run began with",
        e.getMessage());
  }

  @Test
  void metricsThatAreNotFiniteAreReadBack() throws IOException {
    RunDirectory run = RunDirectory.create(folder, Map.of(), false);
    run.appendMetrics(Map.of("step", 1, "loss", Double.NaN));
    run.appendMetrics(Map.of("step", 2, "loss", Double.POSITIVE_INFINITY));
    run.appendMetrics(Map.of("step", 3, "loss", 0.5));

    assertEquals(
        List.of(Double.NaN, Double.POSITIVE_INFINITY, 0.5),
        List.copyOf(run.metric("loss").values()));
  }
}
