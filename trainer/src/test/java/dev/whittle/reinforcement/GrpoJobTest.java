package dev.whittle.reinforcement;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.data.DataException;
import dev.whittle.data.Dataset;
import dev.whittle.evaluation.GenerationOptions;
import dev.whittle.ggml.Device;
import dev.whittle.ggml.FileType;
import dev.whittle.ggml.LlamaModelOptions;
import dev.whittle.gguf.GgufFile;
import dev.whittle.gguf.TensorInfo;
import dev.whittle.model.ModelFile;
import dev.whittle.quantization.PostTrainingQuantizer;
import dev.whittle.quantization.QuantizationException;
import dev.whittle.quantization.QuantizationMethod;
import dev.whittle.quantization.TypeSelection;
import dev.whittle.testing.DemoModel;
import dev.whittle.training.Digests;
import dev.whittle.training.Forward;
import dev.whittle.training.MomentType;
import dev.whittle.training.RunDirectory;
import dev.whittle.training.TrainedModelFile;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Short runs on the bundled model.
class GrpoJobTest {
  @TempDir static Path models;
  @TempDir Path folder;

  private static Path q4;
  private static Path ternary;

  @BeforeAll
  static void quantize() throws IOException {
    q4 = quantized(FileType.Q4_0);
    ternary = quantized(FileType.TQ2_0);
  }

  private static Path quantized(FileType type) throws IOException {
    Path file = models.resolve(type + ".gguf");
    try (GgufFile model = GgufFile.open(DemoModel.file())) {
      new PostTrainingQuantizer(TypeSelection.of(type), QuantizationMethod.RTN, null, false, 1)
          .quantize(model, file, false, report -> {});
    }
    return file;
  }

  private static GrpoSettings settings(int updates) {
    return settings(updates, 0.04);
  }

  private static GrpoSettings settings(int updates, double klWeight) {
    return settings(updates, klWeight, 1);
  }

  private static GrpoSettings settings(int updates, double klWeight, double damping) {
    return new GrpoSettings(
        3,
        4,
        4,
        updates,
        60,
        2,
        Advantage.NORMALIZED,
        Aggregation.REPLY,
        0.2,
        0.2,
        klWeight,
        new RewardSettings(0.1, 0),
        Forward.DECODED,
        MomentType.F32,
        1024,
        1e-4,
        1,
        0.1,
        1,
        damping,
        7);
  }

  private GrpoRequest request(
      Path model, String output, GrpoSettings settings, @Nullable Path run, boolean resume) {
    return new GrpoRequest(
        model,
        null,
        new Dataset(DemoModel.CHATS, "math"),
        folder.resolve(output),
        null,
        null,
        null,
        settings,
        GenerationOptions.greedy(settings.maxNewTokens()).withThreads(1).withParallel(16),
        LlamaModelOptions.defaults(),
        Device.cpu(),
        1,
        null,
        run,
        1,
        resume,
        false);
  }

  private static final class Recorder implements GrpoListener {
    private final List<GrpoStepReport> steps = new ArrayList<>();

    @Override
    public void step(GrpoStepReport report) {
      steps.add(report);
    }
  }

  @Test
  void theMetricsAreThoseOfTheReplies() throws IOException {
    Recorder recorder = new Recorder();
    GrpoRequest request = request(q4, "out.gguf", settings(2), null, false);
    GrpoResult result = new GrpoJob(request, recorder).run();
    assertEquals(3, result.steps());
    GrpoStepReport first = recorder.steps.getFirst();
    assertTrue(first.accuracy() > 0 && first.accuracy() < 1, first::toString);
    assertTrue(first.reward() >= first.accuracy(), first::toString);
    assertTrue(first.reward() <= first.accuracy() + 0.1, first::toString);
    assertTrue(first.informative() > 0 && first.gradientNorm() > 0, first::toString);
    // Of replies that are more and less right than others, the mean is near none.
    assertTrue(first.loss() != 0 && Math.abs(first.loss()) < 0.5, first::toString);
    // The divergence begins with none, and sums of rounded numbers may come out below it.
    assertTrue(first.kl() > -1e-6 && first.kl() < 0.01, first::toString);
    assertTrue(recorder.steps.getLast().kl() > 0, first::toString);
    assertTrue(first.entropy() > 0 && first.length() > 5, first::toString);
    assertTrue(first.clipRate() >= 0 && first.clipRate() < 0.5, first::toString);
    try (GgufFile file = GgufFile.open(request.output());
        GgufFile start = GgufFile.open(q4)) {
      TrainedModelFile.requireIntact(file);
      file.tensors()
          .forEach(tensor -> assertEquals(start.require(tensor.name()).type(), tensor.type()));
    }
  }

  @Test
  void repliesWithoutAdvantageAreMeasuredAndNotLearnedFrom() throws IOException {
    Recorder held = new Recorder();
    Recorder free = new Recorder();
    new GrpoJob(request(q4, "held.gguf", settings(1), null, false), held).run();
    new GrpoJob(request(q4, "free.gguf", settings(1, 0), null, false), free).run();
    GrpoStepReport all = held.steps.getFirst();
    GrpoStepReport some = free.steps.getFirst();
    assertTrue(some.informative() < 1, some::toString);
    assertEquals(all.accuracy(), some.accuracy());
    // The policy is still its own reference, so the divergence adds nothing to the gradient.
    assertEquals(all.gradientNorm(), some.gradientNorm(), 1e-3 * all.gradientNorm());
    assertEquals(all.entropy(), some.entropy(), 1e-3 * all.entropy());
  }

  @Test
  void theStartIsDecodedForItsDivergenceAlone() throws IOException {
    Path decoded = folder.resolve("decoded.gguf");
    try (ModelFile model = ModelFile.open(q4)) {
      GrpoRequest free = request(q4, "free.gguf", settings(1, 0), null, false);
      assertEquals(q4, new GrpoJob(free, new Recorder()).referenceFile(model, decoded));
      GrpoRequest held = request(q4, "held.gguf", settings(1), null, false);
      assertEquals(decoded, new GrpoJob(held, new Recorder()).referenceFile(model, decoded));
    }
  }

  @Test
  void theRecipeNamesTheImportanceThatEveryStepEncodesWith() throws IOException {
    Path run = Files.createDirectory(folder.resolve("masters"));
    GrpoRequest without = request(q4, "out.gguf", settings(1), null, false);
    GrpoRequest request =
        new GrpoRequest(
            q4,
            run,
            without.data(),
            without.output(),
            null,
            null,
            null,
            without.settings(),
            without.rollouts(),
            without.rolloutModel(),
            without.device(),
            1,
            null,
            null,
            1,
            false,
            false);
    GrpoJob job = new GrpoJob(request, new Recorder());
    assertFalse(job.recipe().containsKey("imatrix_sha256"));
    Path kept = Files.writeString(run.resolve("imatrix.gguf"), "of the masters' run");
    assertEquals(Digests.sha256(kept), job.recipe().get("imatrix_sha256"));
  }

  @Test
  void dampingKeepsWeightsWithHardlyAnyGradientWhereTheyAre() throws IOException {
    Path still = trained(1e9);
    long damped = differingBytes(still, trained(1));
    long free = differingBytes(still, trained(0));
    assertTrue(damped > 0 && damped < free, damped + " and " + free);
  }

  private Path trained(double damping) throws IOException {
    GrpoRequest request =
        request(q4, "damped-" + damping + ".gguf", settings(1, 0, damping), null, false);
    new GrpoJob(request, new Recorder()).run();
    return request.output();
  }

  private static long differingBytes(Path one, Path other) throws IOException {
    long differing = 0;
    try (GgufFile before = GgufFile.open(one);
        GgufFile after = GgufFile.open(other)) {
      for (TensorInfo tensor : before.tensors()) {
        if (tensor.type().isQuantized()) {
          byte[] old = before.data(tensor).toArray(ValueLayout.JAVA_BYTE);
          byte[] now = after.data(after.require(tensor.name())).toArray(ValueLayout.JAVA_BYTE);
          differing += IntStream.range(0, old.length).filter(i -> old[i] != now[i]).count();
        }
      }
    }
    return differing;
  }

  /// What a kill looks like from inside: the run goes no further.
  private static final class Killed extends RuntimeException {
    private static final long serialVersionUID = 1;
  }

  @Test
  void aRunThatWasCutOffEndsWithTheSameBytes() throws IOException {
    GrpoRequest whole = request(q4, "whole.gguf", settings(1), folder.resolve("whole"), false);
    new GrpoJob(whole, new Recorder()).run();
    Path run = folder.resolve("cut");
    GrpoListener killing =
        new GrpoListener() {
          @Override
          public void step(GrpoStepReport report) {
            if (report.step() == 2) {
              throw new Killed();
            }
          }
        };
    GrpoJob killed = new GrpoJob(request(q4, "cut.gguf", settings(1), run, false), killing);
    assertThrows(Killed.class, killed::run);
    assertFalse(Files.exists(folder.resolve("cut.gguf")));
    GrpoRequest again = request(q4, "cut.gguf", settings(1), run, true);
    new GrpoJob(again, new Recorder()).run();
    assertEquals(-1, Files.mismatch(whole.output(), again.output()));
    assertEquals(3, RunDirectory.open(run).metric("reward").size());
  }

  @Test
  void aHopelessStartIsRefused() {
    GrpoSettings probing =
        new GrpoSettings(
            50,
            24,
            4,
            1,
            20,
            1,
            Advantage.NORMALIZED,
            Aggregation.REPLY,
            0.2,
            0.2,
            0,
            new RewardSettings(0.1, 0),
            Forward.DECODED,
            MomentType.F32,
            1024,
            1e-4,
            1,
            0.1,
            1,
            1,
            7);
    Recorder recorder = new Recorder();
    GrpoJob job = new GrpoJob(request(ternary, "out.gguf", probing, null, false), recorder);
    UnviableException refusal = assertThrows(UnviableException.class, job::run);
    assertTrue(refusal.getMessage().contains("0 of the first 96"), refusal.getMessage());
    assertEquals(List.of(), recorder.steps);
    assertFalse(Files.exists(folder.resolve("out.gguf")));
  }

  @Test
  void whatCannotBeUsedIsRefused() throws IOException {
    assertThrows(
        QuantizationException.class,
        () ->
            new GrpoJob(
                    request(DemoModel.file(), "out.gguf", settings(1), null, false), new Recorder())
                .run());
    GrpoRequest good = request(q4, "out.gguf", settings(1), null, false);
    GrpoRequest nowhere =
        new GrpoRequest(
            q4,
            null,
            new Dataset(DemoModel.CHATS, "cooking"),
            good.output(),
            null,
            null,
            null,
            good.settings(),
            good.rollouts(),
            good.rolloutModel(),
            good.device(),
            1,
            null,
            null,
            1,
            false,
            false);
    DataException none =
        assertThrows(DataException.class, () -> new GrpoJob(nowhere, new Recorder()).run());
    assertTrue(none.getMessage().contains("cooking"), none.getMessage());
  }
}
