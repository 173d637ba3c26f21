package dev.whittle.training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
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

  @Test
  void aFileMayLieElsewhereButNotHoldSomethingElse() throws IOException {
    RunDirectory.create(folder, Map.of("data", "a.jsonl", "data_sha256", "12"), false);

    RunDirectory.resume(folder, Map.of("data", "/moved/a.jsonl", "data_sha256", "12"));

    RunDirectoryException e =
        assertThrows(
            RunDirectoryException.class,
            () -> RunDirectory.resume(folder, Map.of("data", "a.jsonl", "data_sha256", "13")));
    assertEquals(
        folder.resolve("recipe.yaml")
            + ": what 'data' holds is changed now; resume with the settings that the run began with",
        e.getMessage());
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
  void twoRunsAtOnceDoNotShareAFolder() throws IOException {
    Path run = folder.resolve("run");
    try (RunLock _ = RunLock.of(run)) {
      RunDirectoryException e =
          assertThrows(RunDirectoryException.class, () -> RunLock.of(run).close());
      assertEquals(
          "another process trains in " + run + "; wait for it, or name another folder",
          e.getMessage());
    }
    try (RunLock _ = RunLock.of(run)) {
      assertTrue(Files.isDirectory(run));
    }
    assertFalse(Files.exists(run.resolve(".lock")));
  }

  @Test
  void aFolderThatCannotBeWrittenIsNoticedBeforeTheRun() {
    assumeTrue(folder.toFile().setWritable(false) && !Files.isWritable(folder), "root may write");
    Path run = folder.resolve("deep/run");
    RunDirectoryException e =
        assertThrows(RunDirectoryException.class, () -> RunDirectory.requireUnused(run, false));
    assertTrue(e.getMessage().contains("no files can be made in " + folder), e.getMessage());
  }

  @Test
  void settingsThatAreNoYamlAreNamedWithTheirLine() throws IOException {
    RunDirectory.create(folder, Map.of("steps", 10), false);
    Path recipe = folder.resolve("recipe.yaml");
    Files.writeString(recipe, "x: [\n", StandardOpenOption.APPEND);

    RunDirectoryException e =
        assertThrows(
            RunDirectoryException.class, () -> RunDirectory.resume(folder, Map.of("steps", 10)));
    assertEquals(1, e.getMessage().lines().count());
    assertTrue(e.getMessage().contains("recipe.yaml line 3 is not valid YAML"), e.getMessage());
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
