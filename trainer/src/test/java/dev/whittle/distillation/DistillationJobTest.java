package dev.whittle.distillation;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.blocks.BlockFormat;
import dev.whittle.data.DataException;
import dev.whittle.data.Dataset;
import dev.whittle.data.Overlong;
import dev.whittle.evaluation.BoxedAnswerGrader;
import dev.whittle.evaluation.GenerationOptions;
import dev.whittle.evaluation.TaskEvaluation;
import dev.whittle.ggml.Device;
import dev.whittle.ggml.FileType;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.LlamaModelOptions;
import dev.whittle.gguf.GgufException;
import dev.whittle.gguf.GgufFile;
import dev.whittle.gguf.GgufWriter;
import dev.whittle.gguf.TensorData;
import dev.whittle.gguf.TensorInfo;
import dev.whittle.quantization.ImportanceMatrix;
import dev.whittle.quantization.QuantizationPlan;
import dev.whittle.quantization.TypeSelection;
import dev.whittle.testing.DemoModel;
import dev.whittle.training.Checkpoint;
import dev.whittle.training.DecayTarget;
import dev.whittle.training.Forward;
import dev.whittle.training.MomentType;
import dev.whittle.training.RunDirectory;
import dev.whittle.training.ScaleMode;
import dev.whittle.training.TrainedModelFile;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Short runs on the bundled model: what they learn, and that they can be taken up again.
class DistillationJobTest {
  private static final int STEPS = 6;
  private static final EvaluationSettings HELD_OUT = EvaluationSettings.heldOut(20, 2, 0);

  @TempDir Path folder;

  private DistillationRequest request(
      String output, LossSchedule loss, Start start, Path run, boolean resume) throws IOException {
    return request(output, loss, start, MomentType.F32, ScaleMode.REFIT, 3e-4, null, run, resume);
  }

  private DistillationRequest request(
      String output,
      LossSchedule loss,
      Start start,
      MomentType moments,
      ScaleMode scales,
      double learningRate,
      EvaluationSettings evaluation,
      Path run,
      boolean resume)
      throws IOException {
    return request(
        output, loss, start, moments, scales, learningRate, evaluation, null, run, resume);
  }

  private DistillationRequest request(
      String output,
      LossSchedule loss,
      Start start,
      MomentType moments,
      ScaleMode scales,
      double learningRate,
      EvaluationSettings evaluation,
      OnPolicy onPolicy,
      Path run,
      boolean resume)
      throws IOException {
    Path data = folder.resolve("data.jsonl");
    if (!Files.exists(data)) {
      Files.write(data, Files.readAllLines(DemoModel.CHATS).subList(0, 200));
    }
    return new DistillationRequest(
        DemoModel.file(),
        List.of(new Dataset(data)),
        folder.resolve(output),
        TypeSelection.of(FileType.TQ2_0),
        start,
        null,
        new DistillationSettings(
            loss,
            false,
            Forward.DECODED,
            moments,
            scales,
            STEPS,
            224,
            2048,
            256,
            Overlong.REFUSE,
            learningRate,
            1,
            2,
            0.1,
            0.01,
            DecayTarget.START,
            0.6,
            1,
            3,
            onPolicy),
        null,
        List.of(Device.cpu()),
        1,
        null,
        run,
        evaluation,
        new Inference(LlamaModelOptions.defaults(), 8, 1),
        2,
        resume,
        false);
  }

  private DistillationRequest request(String output, Path run, boolean resume) throws IOException {
    return request(
        output, LossSchedule.of(Objective.FORWARD_KL), new Start.RoundToNearest(), run, resume);
  }

  private static final class Recorder implements DistillationListener {
    final List<StepReport> steps = new ArrayList<>();

    @Override
    public void step(StepReport report) {
      steps.add(report);
    }
  }

  /// What a kill looks like from inside: the run goes no further.
  private static final class Killed extends RuntimeException {
    private static final long serialVersionUID = 1;
  }

  @ParameterizedTest
  @CsvSource({
    "1, F32, REFIT",
    "2, F32, FROZEN",
    "3, F32, TRAINED",
    "5, F32, REFIT",
    "3, BF16, REFIT",
    "3, Q8, REFIT"
  })
  void aRunThatWasCutOffEndsWithTheSameBytes(int lastStep, MomentType moments, ScaleMode scales)
      throws Exception {
    LossSchedule loss = LossSchedule.of(Objective.FORWARD_KL);
    Start start = new Start.RoundToNearest();
    new DistillationJob(
            request(
                "whole.gguf",
                loss,
                start,
                moments,
                scales,
                3e-4,
                HELD_OUT,
                folder.resolve("whole"),
                false),
            new Recorder())
        .run();
    Path run = folder.resolve("cut");
    assertThrows(
        Killed.class,
        () ->
            new DistillationJob(
                    request(
                        "resumed.gguf", loss, start, moments, scales, 3e-4, HELD_OUT, run, false),
                    new DistillationListener() {
                      @Override
                      public void step(StepReport report) {
                        if (report.step() == lastStep) {
                          throw new Killed();
                        }
                      }
                    })
                .run());
    assertFalse(Files.exists(folder.resolve("resumed.gguf")));
    Recorder recorder = new Recorder();
    new DistillationJob(
            request("resumed.gguf", loss, start, moments, scales, 3e-4, HELD_OUT, run, true),
            recorder)
        .run();

    assertEquals(lastStep / 2 * 2 + 1, recorder.steps.getFirst().step());
    assertArrayEquals(
        Files.readAllBytes(folder.resolve("whole.gguf")),
        Files.readAllBytes(folder.resolve("resumed.gguf")));
    assertEquals(STEPS, Files.readAllLines(run.resolve("metrics.jsonl")).size());
    Path shipped = RunDirectory.open(run).shipped().orElseThrow();
    try (GgufFile file = GgufFile.open(folder.resolve("resumed.gguf"));
        GgufFile blocks = GgufFile.open(shipped)) {
      assertEquals(file.tensors().size(), TrainedModelFile.requireSameBlocks(file, blocks));
    }
  }

  /// Behind step 3 hidden states are not compared any more, and the graphs are others.
  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void aScheduleIsTakenUpAgain(int lastStep) throws Exception {
    LossSchedule loss =
        LossSchedule.parse(
            "forward-kl:0.5..1,ce:0..0.5@0.4-1,hidden:1..0@0.5", 1, TokenWeights.ENTROPY);
    Start start = new Start.RoundToNearest();
    Path whole = folder.resolve("whole");
    new DistillationJob(request("whole.gguf", loss, start, whole, false), new Recorder()).run();
    Path run = folder.resolve("cut");
    DistillationJob killed =
        new DistillationJob(
            request("resumed.gguf", loss, start, run, false),
            new DistillationListener() {
              @Override
              public void step(StepReport report) {
                if (report.step() == lastStep) {
                  throw new Killed();
                }
              }
            });
    assertThrows(Killed.class, killed::run);
    Recorder recorder = new Recorder();
    new DistillationJob(request("resumed.gguf", loss, start, run, true), recorder).run();
    assertEquals(-1, Files.mismatch(folder.resolve("whole.gguf"), folder.resolve("resumed.gguf")));
    RunDirectory kept = RunDirectory.open(whole);
    assertEquals(
        List.of(1.0, 0.6, 0.2, 0.0, 0.0, 0.0),
        kept.metric("weight_hidden").values().stream()
            .map(w -> Math.round(w * 1e9) / 1e9)
            .toList());
    List<Double> distances = List.copyOf(kept.metric("hidden_loss").values());
    assertTrue(distances.get(2) > 0);
    assertEquals(0, distances.get(3));
  }

  @ParameterizedTest
  @EnumSource
  void onlyFrozenScalesStayAsTheyAreAtTheStart(ScaleMode mode) throws Exception {
    LossSchedule loss = LossSchedule.of(Objective.FORWARD_KL);
    Start start = new Start.RoundToNearest();
    for (double rate : new double[] {1e-12, 1e-3}) {
      new DistillationJob(
              request(rate + ".gguf", loss, start, MomentType.F32, mode, rate, null, null, false),
              new Recorder())
          .run();
    }
    try (GgufFile began = GgufFile.open(folder.resolve(1e-12 + ".gguf"));
        GgufFile ended = GgufFile.open(folder.resolve(1e-3 + ".gguf"))) {
      String name = "blk.2.ffn_up.weight";
      assertEquals(
          mode == ScaleMode.FROZEN, Arrays.equals(scales(began, name), scales(ended, name)));
      assertNotEquals(
          -1, began.data(began.require(name)).mismatch(ended.data(ended.require(name))));
    }
  }

  private static float[] scales(GgufFile file, String name) {
    TensorInfo info = file.require(name);
    BlockFormat format = BlockFormat.of(info.type()).orElseThrow();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment scales =
          arena.allocate(ValueLayout.JAVA_FLOAT, info.elements() / format.subBlockSize());
      format.readScales(file.data(info), scales, null, info.rows(), info.rowLength());
      return scales.toArray(ValueLayout.JAVA_FLOAT);
    }
  }

  /// What is held out of the data is not in what the student starts from either.
  @Test
  void heldOutDocumentsAreNotCalibratedOn() throws Exception {
    List<Map<String, float[]>> means = new ArrayList<>();
    List<String> lines = Files.readAllLines(DemoModel.CHATS).subList(0, 40);
    for (boolean heldOut : new boolean[] {true, false}) {
      // The first is the one that is held out.
      Files.write(folder.resolve("data.jsonl"), heldOut ? lines : lines.subList(1, 40));
      Path run = folder.resolve(heldOut ? "with" : "without");
      new DistillationJob(
              request(
                  heldOut + ".gguf",
                  LossSchedule.of(Objective.FORWARD_KL),
                  new Start.Importance(),
                  MomentType.F32,
                  ScaleMode.REFIT,
                  3e-4,
                  heldOut ? EvaluationSettings.heldOut(1, 6, 0) : null,
                  run,
                  false),
              new Recorder())
          .run();
      means.add(ImportanceMatrix.read(run.resolve("imatrix.gguf")).means());
    }
    assertEquals(means.get(1).keySet(), means.get(0).keySet());
    means.get(1).forEach((name, columns) -> assertArrayEquals(columns, means.get(0).get(name)));
  }

  @Test
  void theBlocksOfTheBestStepAreShipped() throws Exception {
    Path run = folder.resolve("run");
    List<Evaluation> evaluations = new ArrayList<>();
    DistillationResult result =
        new DistillationJob(
                request(
                    "out.gguf",
                    LossSchedule.of(Objective.FORWARD_KL),
                    new Start.RoundToNearest(),
                    MomentType.F32,
                    ScaleMode.REFIT,
                    // So high that the loss goes up and down.
                    3e-2,
                    HELD_OUT,
                    run,
                    false),
                new DistillationListener() {
                  @Override
                  public void evaluated(Evaluation evaluation) {
                    evaluations.add(evaluation);
                  }

                  @Override
                  public void step(StepReport report) {
                    if (report.step() % 2 == 0) {
                      copyNewestCheckpoint(run, report.step());
                    }
                  }
                })
            .run();
    assertEquals(List.of(2, 4, 6), evaluations.stream().map(Evaluation::step).toList());
    Evaluation best =
        evaluations.stream().min(Comparator.comparingDouble(Evaluation::loss)).orElseThrow();
    assertEquals(best, result.best());
    assertEquals(
        evaluations.stream().map(Evaluation::loss).toList(),
        List.copyOf(RunDirectory.open(run).metric("held_out_loss").values()));
    try (GgufFile file = GgufFile.open(folder.resolve("out.gguf"));
        GgufFile blocks = GgufFile.open(folder.resolve(best.step() + ".gguf"))) {
      assertEquals(file.tensors().size(), TrainedModelFile.requireSameBlocks(file, blocks));
    }
  }

  private void copyNewestCheckpoint(Path run, int step) {
    try {
      Path newest = RunDirectory.open(run).newestCheckpoint().orElseThrow();
      Files.copy(newest, folder.resolve(step + ".gguf"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// The accuracies of steps come from the same questions, and both figures from the blocks that
  /// were there; a run that was cut off knows the best one again.
  @Test
  void theBestStepAnswersMost() throws Exception {
    Path questions = folder.resolve("questions.jsonl");
    Files.write(questions, Files.readAllLines(DemoModel.CHATS).subList(200, 212));
    EvaluationSettings asking =
        new EvaluationSettings(
            new HeldOut(20),
            new TaskQuestions(new Dataset(questions), 10, 40),
            EvaluationSettings.Best.ACCURACY,
            2,
            0);
    LossSchedule loss = LossSchedule.of(Objective.FORWARD_KL);
    Start start = new Start.Importance();
    List<Evaluation> evaluations = new ArrayList<>();
    DistillationResult result =
        new DistillationJob(
                request(
                    "whole.gguf",
                    loss,
                    start,
                    MomentType.F32,
                    ScaleMode.REFIT,
                    1e-3,
                    asking,
                    folder.resolve("whole"),
                    false),
                new DistillationListener() {
                  @Override
                  public void evaluated(Evaluation evaluation) {
                    evaluations.add(evaluation);
                  }
                })
            .run();
    assertEquals(3, evaluations.size());
    assertTrue(
        evaluations.stream().allMatch(e -> Math.abs(10 * e.accuracy() % 1) < 1e-9),
        evaluations::toString);
    Evaluation best =
        evaluations.stream()
            .max(
                Comparator.comparingDouble(Evaluation::accuracy)
                    .thenComparing(Evaluation::loss, Comparator.reverseOrder()))
            .orElseThrow();
    assertEquals(best, result.best());
    // What is shipped answers as it did in the evaluation.
    try (LlamaModel shipped =
        LlamaModel.load(folder.resolve("whole.gguf"), LlamaModelOptions.defaults())) {
      assertEquals(
          best.accuracy(),
          new TaskEvaluation(
                  GenerationOptions.greedy(40).withParallel(8).withThreads(1),
                  new BoxedAnswerGrader())
              .run(shipped, new Dataset(questions), 10, reply -> {})
              .accuracy());
    }

    Path run = folder.resolve("cut");
    DistillationJob killed =
        new DistillationJob(
            request(
                "resumed.gguf",
                loss,
                start,
                MomentType.F32,
                ScaleMode.REFIT,
                1e-3,
                asking,
                run,
                false),
            new DistillationListener() {
              @Override
              public void step(StepReport report) {
                if (report.step() == 5) {
                  throw new Killed();
                }
              }
            });
    assertThrows(Killed.class, killed::run);
    DistillationResult again =
        new DistillationJob(
                request(
                    "resumed.gguf",
                    loss,
                    start,
                    MomentType.F32,
                    ScaleMode.REFIT,
                    1e-3,
                    asking,
                    run,
                    true),
                new Recorder())
            .run();
    assertEquals(best, again.best());
    assertEquals(-1, Files.mismatch(folder.resolve("whole.gguf"), folder.resolve("resumed.gguf")));
  }

  @Test
  void moreRightAnswersComeFirstAndThenTheLoss() {
    EvaluationSettings settings =
        new EvaluationSettings(
            new HeldOut(1),
            new TaskQuestions(new Dataset(folder), 0, 1),
            EvaluationSettings.Best.ACCURACY,
            1,
            0);
    Evaluation before = new Evaluation(1, 0.5, 0.7);
    assertTrue(settings.isBetter(new Evaluation(2, 0.9, 0.8), before));
    assertFalse(settings.isBetter(new Evaluation(2, 0.1, 0.6), before));
    assertTrue(settings.isBetter(new Evaluation(2, 0.4, 0.7), before));
    assertFalse(settings.isBetter(new Evaluation(2, 0.5, 0.7), before));
  }

  @Test
  void anyLossIsBetterThanNone() {
    EvaluationSettings settings = EvaluationSettings.heldOut(1, 1, 0);
    Evaluation none = new Evaluation(1, Double.NaN, null);
    Evaluation some = new Evaluation(2, 9.0, null);
    assertTrue(settings.isBetter(some, none));
    assertFalse(settings.isBetter(none, some));
  }

  private DistillationRequest onPolicyRequest(String output, Path run, boolean resume)
      throws IOException {
    OnPolicy onPolicy =
        new OnPolicy(Ramp.parse("0.5"), LossSchedule.of(Objective.REVERSE_KL), 1, 20);
    return request(
        output,
        LossSchedule.of(Objective.FORWARD_KL),
        new Start.Importance(),
        MomentType.F32,
        ScaleMode.REFIT,
        1e-3,
        null,
        onPolicy,
        run,
        resume);
  }

  /// Cut off behind step 3, the run repeats step 3, which is on text, and asks in step 4 with the
  /// blocks that there were.
  @Test
  void theStudentRepliesTheSameWhenARunIsTakenUpAgain() throws Exception {
    Path whole = folder.resolve("whole");
    new DistillationJob(onPolicyRequest("whole.gguf", whole, false), new Recorder()).run();
    Path run = folder.resolve("cut");
    DistillationJob killed =
        new DistillationJob(
            onPolicyRequest("resumed.gguf", run, false),
            new DistillationListener() {
              @Override
              public void step(StepReport report) {
                if (report.step() == 3) {
                  throw new Killed();
                }
              }
            });
    assertThrows(Killed.class, killed::run);
    Recorder recorder = new Recorder();
    new DistillationJob(onPolicyRequest("resumed.gguf", run, true), recorder).run();
    assertEquals(
        List.of(false, true, false, true),
        recorder.steps.stream().map(StepReport::onPolicy).toList());
    assertEquals(-1, Files.mismatch(folder.resolve("whole.gguf"), folder.resolve("resumed.gguf")));

    RunDirectory kept = RunDirectory.open(whole);
    assertEquals(List.of(1, 3, 5), List.copyOf(kept.metric("loss").keySet()));
    assertEquals(List.of(2, 4, 6), List.copyOf(kept.metric("on_policy_loss").keySet()));
    assertTrue(kept.metric("on_policy_loss").values().stream().allMatch(kl -> kl > 0));
    assertTrue(kept.metric("length").values().stream().allMatch(n -> n >= 1 && n <= 20));
    assertTrue(kept.metric("truncated_rate").values().stream().allMatch(r -> r >= 0 && r <= 1));
    assertEquals(
        kept.metric("on_policy_loss").values().stream().toList(),
        RunDirectory.open(run).metric("on_policy_loss").values().stream().toList());
  }

  @Test
  void textAsksForNoReply() throws Exception {
    Files.writeString(folder.resolve("data.jsonl"), "{\"text\": \"one two three\"}\n");
    DataException e =
        assertThrows(
            DataException.class,
            () ->
                new DistillationJob(onPolicyRequest("out.gguf", null, false), new Recorder())
                    .run());
    assertTrue(e.getMessage().contains("--on-policy"), e.getMessage());
  }

  /// llama.cpp would end the process.
  @Test
  void aTeacherWithATokenThatOccursTwiceIsRefused() throws Exception {
    Path twice = folder.resolve("twice.gguf");
    try (GgufFile file = GgufFile.open(DemoModel.file())) {
      String key = "tokenizer.ggml.tokens";
      List<String> tokens = new ArrayList<>(file.metadata().requireStrings(key));
      tokens.set(700, tokens.get(3));
      GgufWriter writer = new GgufWriter(file.metadata().toBuilder().put(key, tokens).build());
      for (TensorInfo tensor : file.tensors()) {
        writer.add(tensor.name(), tensor.type(), tensor.shape(), TensorData.of(file.data(tensor)));
      }
      writer.write(twice, false);
    }
    DistillationRequest sound = request("out.gguf", null, false);
    DistillationRequest request =
        new DistillationRequest(
            twice,
            sound.data(),
            sound.output(),
            sound.types(),
            sound.start(),
            null,
            sound.settings(),
            null,
            sound.devices(),
            1,
            null,
            null,
            null,
            sound.inference(),
            2,
            false,
            false);
    DistillationJob job = new DistillationJob(request, new Recorder());
    assertTrue(assertThrows(GgufException.class, job::run).getMessage().contains("token 700"));
    assertTrue(assertThrows(GgufException.class, job::plan).getMessage().contains("token 700"));
  }

  @Test
  void trainingEndsWhenThereIsNothingToWaitFor() throws Exception {
    DistillationResult result =
        new DistillationJob(
                request(
                    "out.gguf",
                    LossSchedule.of(Objective.FORWARD_KL),
                    new Start.RoundToNearest(),
                    MomentType.F32,
                    ScaleMode.FROZEN,
                    // So low that no block ever changes.
                    1e-30,
                    EvaluationSettings.heldOut(20, 1, 2),
                    null,
                    false),
                new Recorder())
            .run();
    assertEquals(3, result.steps());
    assertEquals(1, result.best().step());
  }

  @Test
  void scalesOfBlocksWithoutAnEncoderOfOurOwnCanOnlyBeFitted() {
    assertTrue(ScaleMode.REFIT.fits(GgmlType.IQ3_XXS));
    assertFalse(ScaleMode.TRAINED.fits(GgmlType.IQ3_XXS));
    assertTrue(ScaleMode.FROZEN.fits(GgmlType.BF16));
  }

  /// A handful of chats that every step sees whole have to be learned by heart.
  @Test
  void theLossFallsAndTheFileHoldsTheBlocks() throws Exception {
    Path data = folder.resolve("few.jsonl");
    Files.write(data, Files.readAllLines(DemoModel.CHATS).subList(0, 5));
    Path run = folder.resolve("run");
    Path output = folder.resolve("out.gguf");
    DistillationRequest request =
        new DistillationRequest(
            DemoModel.file(),
            List.of(new Dataset(data)),
            output,
            TypeSelection.of(FileType.TQ2_0),
            new Start.Importance(),
            null,
            new DistillationSettings(
                LossSchedule.of(Objective.FORWARD_KL),
                true,
                Forward.DEPLOYED,
                MomentType.F32,
                20,
                448,
                2048,
                256,
                1e-3,
                1,
                2,
                0.1,
                0.01,
                1,
                3),
            null,
            List.of(Device.cpu()),
            1,
            null,
            run,
            100,
            false,
            false);
    Recorder recorder = new Recorder();
    new DistillationJob(request, recorder).run();
    assertTrue(recorder.steps.getLast().loss() < 0.5 * recorder.steps.getFirst().loss());

    Path checkpoint = RunDirectory.open(run).newestCheckpoint().orElseThrow();
    try (GgufFile file = GgufFile.open(output);
        GgufFile blocks = GgufFile.open(checkpoint)) {
      TrainedModelFile.requireIntact(file);
      assertEquals(file.tensors().size(), TrainedModelFile.requireSameBlocks(file, blocks));
    }
  }

  @Test
  void aFlippedByteIsFoundByTheTensorsName() throws Exception {
    Path run = folder.resolve("run");
    new DistillationJob(request("out.gguf", run, false), new Recorder()).run();
    Path file = folder.resolve("out.gguf");
    String shipped = flip(file, "blk.3.ffn_down.weight");
    try (GgufFile damaged = GgufFile.open(file)) {
      GgufException e =
          assertThrows(GgufException.class, () -> TrainedModelFile.requireIntact(damaged));
      assertTrue(e.getMessage().contains(shipped), e.getMessage());
    }
    Path checkpoint = RunDirectory.open(run).newestCheckpoint().orElseThrow();
    String kept = flip(checkpoint, "blk.2.attn_q.weight.master");
    try (GgufFile damaged = GgufFile.open(checkpoint)) {
      GgufException e = assertThrows(GgufException.class, () -> Checkpoint.requireIntact(damaged));
      assertTrue(e.getMessage().contains(kept), e.getMessage());
    }
  }

  private static String flip(Path file, String tensor) throws IOException {
    long at;
    try (GgufFile gguf = GgufFile.open(file)) {
      TensorInfo info = gguf.require(tensor);
      at = gguf.fileBytes() - dataBytes(gguf) + info.offset() + info.bytes() / 2;
    }
    try (RandomAccessFile raw = new RandomAccessFile(file.toFile(), "rw")) {
      raw.seek(at);
      int value = raw.read();
      raw.seek(at);
      raw.write(value ^ 0x10);
    }
    return tensor;
  }

  private static long dataBytes(GgufFile file) {
    TensorInfo last = file.tensors().getLast();
    long end = last.offset() + last.bytes();
    return (end + file.alignment() - 1) / file.alignment() * file.alignment();
  }

  @Test
  void otherSettingsThanTheRunsAreRefusedByName() throws Exception {
    Path run = folder.resolve("run");
    new DistillationJob(request("out.gguf", run, false), new Recorder()).run();
    IOException e =
        assertThrows(
            IOException.class,
            () ->
                new DistillationJob(
                        request(
                            "other.gguf",
                            LossSchedule.of(Objective.JSD),
                            new Start.RoundToNearest(),
                            run,
                            true),
                        new Recorder())
                    .run());
    assertTrue(e.getMessage().contains("loss was forward-kl"), e.getMessage());
  }

  @Test
  void anotherFileCanBeTheStart() throws Exception {
    Path first = folder.resolve("first.gguf");
    new DistillationJob(request("first.gguf", null, false), new Recorder()).run();
    Recorder recorder = new Recorder();
    new DistillationJob(
            request(
                "second.gguf",
                LossSchedule.of(Objective.CAKLD),
                new Start.Model(first),
                null,
                false),
            recorder)
        .run();
    Recorder fresh = new Recorder();
    new DistillationJob(
            request(
                "third.gguf",
                LossSchedule.of(Objective.CAKLD),
                new Start.RoundToNearest(),
                null,
                false),
            fresh)
        .run();
    assertTrue(recorder.steps.getFirst().loss() < fresh.steps.getFirst().loss());
  }

  @Test
  void thePlanIsWhatHappens() throws Exception {
    DistillationRequest request = request("out.gguf", null, false);
    DistillationPlan plan = new DistillationJob(request, new Recorder()).plan();
    assertFalse(Files.exists(folder.resolve("out.gguf")));
    new DistillationJob(request, new Recorder()).run();
    assertEquals(Files.size(folder.resolve("out.gguf")), plan.outputBytes());
    assertTrue(plan.memory().fits());
    try (GgufFile file = GgufFile.open(folder.resolve("out.gguf"))) {
      for (QuantizationPlan.Assignment tensor : plan.types().tensors()) {
        assertEquals(tensor.type(), file.require(tensor.tensor().name()).type());
      }
    }
  }

  @Test
  void quantizedTypesComeFromTheMix() throws Exception {
    new DistillationJob(request("out.gguf", null, false), new Recorder()).run();
    try (GgufFile file = GgufFile.open(folder.resolve("out.gguf"))) {
      assertEquals(GgmlType.TQ2_0, file.require("blk.0.attn_q.weight").type());
      assertEquals(GgmlType.F32, file.require("blk.0.attn_norm.weight").type());
      assertEquals(FileType.TQ2_0.id(), file.metadata().requireInteger("general.file_type"));
    }
  }
}
