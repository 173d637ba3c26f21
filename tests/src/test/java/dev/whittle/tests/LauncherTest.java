package dev.whittle.tests;

import static dev.whittle.tests.Expectations.FAILED;
import static dev.whittle.tests.Expectations.UNUSABLE;
import static dev.whittle.tests.Expectations.assertDone;
import static dev.whittle.tests.Expectations.assertRefused;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.api.io.TempDir;

/// `./whittle` as users start it: a process of its own.
class LauncherTest {
  /// A signal that ends a process, by its name and number.
  private record Signal(String name, int number) {
    /// What Ctrl-C sends; or another that ends, where this is ignored: a shell without job control
    /// has its background processes ignore it, and theirs too, which some CI does with all its
    /// work.
    static Signal interruption() throws IOException {
      Path status = Path.of("/proc/self/status");
      if (Files.exists(status)) {
        for (String line : Files.readAllLines(status)) {
          if (line.startsWith("SigIgn:")) {
            long ignored = Long.parseUnsignedLong(line.substring("SigIgn:".length()).strip(), 16);
            return (ignored & 1 << 1) == 0 ? new Signal("INT", 2) : new Signal("TERM", 15);
          }
        }
      }
      return new Signal("INT", 2);
    }

    /// As shells have it.
    int exitCode() {
      return 128 + number;
    }
  }

  @TempDir Path folder;

  @BeforeEach
  void isPackaged() {
    assumeTrue(
        Files.exists(Demo.home().resolve("cli/target/app/built")),
        "the application is packaged only by 'mvn package' and what comes after it");
  }

  @Test
  void passes_arguments_and_the_exit_code() throws Exception {
    Path model = SampleModel.write(folder.resolve("a model.gguf"));
    CommandLine run = start(Map.of(), "inspect", model.toString());
    assertDone(run);
    assertEquals("", run.err());
    assertTrue(run.out().contains("qwen3"), run.out());
    assertRefused(start(Map.of(), "inspect"), UNUSABLE, "MODEL");
  }

  @Test
  void starts_from_another_folder_and_through_a_link() throws Exception {
    Path link = Files.createSymbolicLink(folder.resolve("w"), Demo.home().resolve("whittle"));
    assertDone(start(link, Map.of(), "--version"));
    Files.delete(link);
  }

  @Test
  void names_are_unicode_whatever_the_locale() throws Exception {
    Path model = SampleModel.write(folder.resolve("mödel 模型.gguf"));
    for (String locale : List.of("C", "POSIX", "C.UTF-8")) {
      CommandLine run = start(Map.of("LC_ALL", locale), "inspect", model.toString());
      assertDone(run);
      assertTrue(run.out().contains("mödel 模型.gguf"), run.out());
    }
  }

  @Test
  void temporary_files_go_where_the_environment_says() throws Exception {
    Path temporary = Files.createDirectory(folder.resolve("tmp dir"));
    CommandLine run =
        start(
            Map.of(
                "TMPDIR", temporary.toString(), "WHITTLE_JAVA_OPTS", "-XshowSettings:properties"),
            "--version");
    assertDone(run);
    String shown = run.out() + run.err();
    assertTrue(shown.contains("java.io.tmpdir = " + temporary), shown);
  }

  @Test
  void a_jdk_that_does_not_fit_is_refused() throws Exception {
    assertRefused(
        start(Map.of("WHITTLE_JAVA_HOME", folder.toString()), "--version"),
        FAILED,
        "WHITTLE_JAVA_HOME",
        folder.toString(),
        "JDK 25");
  }

  @Test
  void a_result_that_cannot_be_written_is_a_failure() throws Exception {
    File full = new File("/dev/full");
    assumeTrue(full.exists(), "only Linux has /dev/full");
    for (String argument : List.of("--help", "doctor")) {
      Process process =
          process(Demo.home().resolve("whittle"), Map.of(), argument).redirectOutput(full).start();
      String err = new String(process.getErrorStream().readAllBytes());
      assertEquals(FAILED, process.waitFor(), err);
      assertTrue(err.startsWith("error: standard output cannot be written"), err);
      assertEquals(1, err.lines().count(), err);
    }
  }

  @Test
  void a_file_that_does_not_fit_the_disk_is_not_left_half_written() throws Exception {
    // A limit on the size of files stands in for a disk that is full.
    ProcessBuilder limited = process(Path.of("/bin/sh"), Map.of(), "-c");
    limited
        .command()
        .add(
            "ulimit -f 2000 && exec '%s' import '%s' -o out.gguf"
                .formatted(Demo.home().resolve("whittle"), Demo.CHECKPOINT));
    Process process = limited.start();
    String err = new String(process.getErrorStream().readAllBytes());
    assertEquals(FAILED, process.waitFor(), err);
    assertTrue(err.startsWith("error: cannot write out.gguf: "), err);
    assertEquals(1, err.lines().count(), err);
    try (Stream<Path> files = Files.list(folder)) {
      assertEquals(List.of(), files.toList());
    }
  }

  @Test
  @Timeout(value = 5, unit = TimeUnit.MINUTES, threadMode = ThreadMode.SEPARATE_THREAD)
  void an_interrupted_run_leaves_nothing_half_written() throws Exception {
    String err =
        interruptedInTraining(
            "distill",
            "-m",
            Demo.model().toString(),
            "-f",
            Demo.CHATS.toString(),
            "-o",
            "out.gguf",
            "--type",
            "q2_k",
            "--init",
            "rtn",
            "-t",
            "1");
    assertTrue(err.endsWith("interrupted; nothing was written\n"), err);
    try (Stream<Path> files = Files.list(folder)) {
      assertEquals(List.of(), files.toList());
    }
  }

  @Test
  @Timeout(value = 5, unit = TimeUnit.MINUTES, threadMode = ThreadMode.SEPARATE_THREAD)
  void a_stage_leaves_it_to_its_recipe_to_say_how_to_go_on() throws Exception {
    String recipe =
        """
        run_dir: run
        distill:
          model: %s
          data: %s
          type: Q2_K
          init: rtn
          threads: 1
        """
            .formatted(Demo.model(), Demo.CHATS);
    Path file = Files.writeString(folder.resolve("recipe.yaml"), recipe);
    String err = interruptedInTraining("recipe", "run", file.toString());
    assertTrue(err.endsWith("interrupted; run the recipe again to go on where it was\n"), err);
    assertFalse(err.contains("--resume"), err);
  }

  /// Starts the launcher, interrupts it where it begins to train, and waits for its end.
  ///
  /// @return what it wrote to standard error
  private String interruptedInTraining(String... arguments) throws Exception {
    Signal signal = Signal.interruption();
    Process process = process(Demo.home().resolve("whittle"), Map.of(), arguments).start();
    StringBuilder err = new StringBuilder();
    try (BufferedReader reader = process.errorReader()) {
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        err.append(line).append('\n');
        if (line.contains("training")) {
          // The launcher has become the Java process, so this is what Ctrl-C does.
          new ProcessBuilder("kill", "-" + signal.name(), Long.toString(process.pid()))
              .start()
              .waitFor();
        }
      }
    }
    assertEquals(signal.exitCode(), process.waitFor(), err.toString());
    return err.toString();
  }

  private CommandLine start(Map<String, String> environment, String... arguments)
      throws IOException, InterruptedException {
    return start(Demo.home().resolve("whittle"), environment, arguments);
  }

  private CommandLine start(Path launcher, Map<String, String> environment, String... arguments)
      throws IOException, InterruptedException {
    Path err = folder.resolve("stderr");
    Process process = process(launcher, environment, arguments).redirectError(err.toFile()).start();
    String out = new String(process.getInputStream().readAllBytes());
    return new CommandLine(List.of(arguments), process.waitFor(), out, Files.readString(err));
  }

  private ProcessBuilder process(Path launcher, Map<String, String> environment, String... args) {
    ProcessBuilder builder = new ProcessBuilder(launcher.toString()).directory(folder.toFile());
    builder.command().addAll(List.of(args));
    // Not while Maven is at work on the same folders.
    builder.environment().put("WHITTLE_BUILD", "never");
    builder.environment().remove("JDK_JAVA_OPTIONS");
    builder.environment().putAll(environment);
    return builder;
  }
}
