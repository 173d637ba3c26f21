package dev.whittle.tests;

import static dev.whittle.tests.CommandLine.whittle;
import static dev.whittle.tests.Expectations.UNUSABLE;
import static dev.whittle.tests.Expectations.assertDone;
import static dev.whittle.tests.Expectations.assertRefused;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// `report`, on run directories that were written by hand.
class ReportTest {
  private static final String EVALUATION =
      """
      {"model":"%s","file_bytes":1000,"bits_per_weight":2.5,"n":4,"accuracy":%s,\
      "accuracy_by_domain":{"math":%s,"<b>":0.5},"mean_tokens":10.5,"truncated_rate":0.0,\
      "tokens_per_second":100.0}
      """;

  @TempDir Path folder;

  private Path run(String name) throws IOException {
    Path run = Files.createDirectories(folder.resolve(name).resolve("stages")).getParent();
    Files.createDirectories(run.resolve("distill"));
    StringBuilder metrics = new StringBuilder();
    for (int step = 1; step <= 60; step++) {
      metrics.append(
          "{\"step\":%d,\"tokens\":%d,\"loss\":%s,\"lr\":1e-4,\"reward\":0.5}\n"
              .formatted(step, 100 * step, 1.0 / step));
    }
    Files.writeString(run.resolve("distill/metrics.jsonl"), metrics + "{\"step\": 6");
    evaluation(run, "import", "import", 1.0);
    evaluation(run, "rtn", "quantize", 0.25);
    evaluation(run, "distill", "distill", 0.75);
    Files.writeString(run.resolve("recipe.yaml"), "run_dir: <here>\n");
    return run;
  }

  private void evaluation(Path run, String stage, String kind, double accuracy) throws IOException {
    String model = run.resolve(stage + ".gguf").toString();
    Files.writeString(
        run.resolve("eval-" + stage + ".json"), EVALUATION.formatted(model, accuracy, accuracy));
    Files.writeString(
        run.resolve("eval-" + stage + ".replies.jsonl"),
        """
        {"line":1,"domain":"math","question":"1 < 2?","answer":"yes","reply":"%s <script>",\
        "tokens":3,"truncated":false,"right":%s}
        """
            .formatted(stage, accuracy > 0.5));
    Files.writeString(
        run.resolve("stages/" + stage + ".json"),
        """
        {"stage":"%s","kind":"%s","hash":"0123456789abcdef","settings":{"type":["Q2_K"]},\
        "inputs":{},"writes":["%s"],"outputs":[],"finished":"2026-01-01T00:00:00Z",\
        "seconds":1.5,"versions":{"whittle":"1"}}
        """
            .formatted(stage, kind, model));
    Files.writeString(
        run.resolve("stages/eval-" + stage + ".json"),
        """
        {"stage":"eval-%s","kind":"eval","hash":"0123456789abcdef","settings":{},\
        "inputs":{"model":[{"path":"%s","bytes":1,"modified":1,"sha256":"0"}]},\
        "writes":["%s"],"outputs":[],"finished":"2026-01-01T00:00:00Z",\
        "seconds":1.5,"versions":{"whittle":"1"}}
        """
            .formatted(stage, model, run.resolve("eval-" + stage + ".json")));
  }

  @Test
  void compares_by_divergence_where_nothing_was_asked() throws IOException {
    Path run = run("unasked");
    double[] divergences = {0, 0.4, 0.1};
    String[] stages = {"import", "rtn", "distill"};
    for (int i = 0; i < stages.length; i++) {
      Files.writeString(
          run.resolve("eval-" + stages[i] + ".json"),
          """
          {"model":"%s","file_bytes":1000,"bits_per_weight":2.5,"n":0,\
          "kl":{"mean_kld":%s,"same_top_p":0.9,"ppl":2.0,"ppl_base":1.9}}
          """
              .formatted(run.resolve(stages[i] + ".gguf"), divergences[i]));
      Files.writeString(run.resolve("eval-" + stages[i] + ".replies.jsonl"), "");
    }
    assertDone(whittle("report", run));
    String page = Files.readString(run.resolve("report.html"));
    assertTrue(page.contains("a divergence of 0.1000 nats a token from the teacher"), page);
    assertTrue(page.contains("at best 0.4000 (rtn)"), page);
    assertTrue(page.contains("width:25.00%"), page);
    assertFalse(page.contains("Accuracy"), page);
  }

  @Test
  void is_one_page_that_needs_nothing_else() throws IOException {
    Path run = run("first");
    assertDone(whittle("report", run));
    String page = Files.readString(run.resolve("report.html"));
    for (String part :
        new String[] {
          "first: 2.50 bits a weight",
          "75.0% of 4 questions right",
          "at best 25.0% (rtn)",
          "Accuracy, math",
          "Learning rate",
          "Reward",
          "Loss <small>logarithmic</small>",
          "✓ right",
          "✗ wrong",
          "0123456789ab",
          "width:75.00%",
          "<path class=\"line c0\" d=\"M"
        }) {
      assertTrue(page.contains(part), part);
    }
    assertTrue(page.contains("import &lt;script&gt;"), "replies are text");
    assertTrue(page.contains("run_dir: &lt;here&gt;"), "recipes are text");
    assertFalse(page.contains("<script"), "no scripts");
    Matcher links = Pattern.compile("(?i)(src|href)\\s*=|url\\(|@import|https?:").matcher(page);
    assertFalse(links.find(), "nothing from elsewhere");
    assertEquals(count(page, "<div[ >]"), count(page, "</div>"), "every division is closed");
    assertFalse(page.contains("NaN"), "every figure is one");
    assertRefused(whittle("report", run), UNUSABLE, "report.html", "--force");
  }

  private static long count(String page, String regex) {
    return Pattern.compile(regex).matcher(page).results().count();
  }

  @Test
  void compares_runs() throws IOException {
    Path out = folder.resolve("both.html");
    assertDone(whittle("report", run("first"), run("second"), "-o", out));
    String page = Files.readString(out);
    assertTrue(page.contains("<h1>first, second</h1>"), page);
    assertTrue(page.contains("first distill"), page);
    assertTrue(page.contains("<path class=\"line c1\""), page);
    assertEquals(1, count(page, "Accuracy, all questions"));
  }

  @Test
  void tells_runs_of_the_same_name_apart() throws IOException {
    Path low = run("low/seed-1");
    Path high = run("high/seed-1");
    // As a study leaves it: the evaluation of a shared stage names the file of the other run.
    Files.copy(
        low.resolve("eval-import.json"),
        high.resolve("eval-import.json"),
        StandardCopyOption.REPLACE_EXISTING);
    Path out = folder.resolve("both.html");
    assertDone(whittle("report", low, high, high.resolve("../seed-1"), "-o", out));
    String page = Files.readString(out);
    assertTrue(page.contains("<h1>low/seed-1, high/seed-1</h1>"), page);
    assertTrue(page.contains("low/seed-1 distill"), page);
    assertTrue(page.contains("high/seed-1 distill"), page);
    assertEquals(2, count(page, "; in full precision 100.0% in"));
    assertFalse(page.contains("high/seed-1 import"), "the teacher of both, once");
  }

  @Test
  void refuses_what_is_no_run() throws IOException {
    assertRefused(whittle("report"), UNUSABLE, "RUN");
    assertRefused(whittle("report", folder.resolve("no")), UNUSABLE, "no does not exist");
    assertRefused(whittle("report", folder), UNUSABLE, "neither metrics nor evaluations");
  }
}
