package dev.whittle.benchmark;

import dev.whittle.autograd.Kernels;
import dev.whittle.data.TokenizedCorpus;
import dev.whittle.data.TokenizedDocument;
import dev.whittle.distillation.BatchPlan;
import dev.whittle.distillation.Distillation;
import dev.whittle.distillation.DistillationSettings;
import dev.whittle.distillation.LossSchedule;
import dev.whittle.distillation.MemoryChoice;
import dev.whittle.distillation.MemoryMeter;
import dev.whittle.distillation.Objective;
import dev.whittle.distillation.ReplicaGroup;
import dev.whittle.distillation.StepReport;
import dev.whittle.distillation.StudentReplicas;
import dev.whittle.distillation.TeacherCache;
import dev.whittle.ggml.Device;
import dev.whittle.gguf.TensorInfo;
import dev.whittle.model.ModelConfig;
import dev.whittle.model.ModelFile;
import dev.whittle.model.Trunk.Activations;
import dev.whittle.quantization.QuantizationPlan;
import dev.whittle.quantization.TypeSelection;
import dev.whittle.training.AvailableMemory;
import dev.whittle.training.Digests;
import dev.whittle.training.Forward;
import dev.whittle.training.MomentType;
import dev.whittle.training.ProcessMemory;
import dev.whittle.training.TrainedWeights;
import dev.whittle.training.Workers;
import java.io.IOException;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.List;
import java.util.SortedSet;
import java.util.SplittableRandom;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// The speed of the full step of quantization-aware distillation: teacher, student, loss, backward
/// pass, optimizer and encoding, on rows full of random tokens.
///
/// @param model the teacher
/// @param types the student's types
/// @param forward what the student's products use
/// @param moments how the optimizer's moments are stored
/// @param tokensPerStep tokens of a step
/// @param rowLength tokens of a row, each row one document
/// @param teacherCache a file to be made for what the teacher makes of the rows, before any step;
///   null to run the teacher in each step
/// @param devices what computes; several share each step
/// @param threads for all computing on the CPU
/// @param activations what is kept for the backward pass; null to decide by the memory there is
/// @param repeats counted steps, after [#WARM_UP] that are not
public record TrainingBenchmark(
    Path model,
    TypeSelection types,
    Forward forward,
    MomentType moments,
    int tokensPerStep,
    int rowLength,
    @Nullable Path teacherCache,
    List<Device> devices,
    int threads,
    @Nullable Activations activations,
    int repeats) {
  /// Steps before the counted ones, in which Java compiles what runs often.
  public static final int WARM_UP = 2;

  /// What was measured over the counted steps.
  ///
  /// @param cachedTeacher whether the teacher's states came from a cache, and only its head ran
  /// @param parameters of the model
  /// @param tokensPerSecond through the full step
  /// @param operationsPerToken floating-point operations of the products that a step needs for a
  ///   token: those of the student three times over (forward, and two in the backward pass), those
  ///   of the teacher, or those of its head if its states are cached, once. What is computed twice
  ///   to save memory is not counted
  /// @param operationsPerSecond the product of the two, with the median rate
  /// @param devices that shared a step
  /// @param peakOperationsPerSecond of one of them in a large BF16 product by the kernels that
  ///   training uses, measured between the steps
  /// @param ggmlOperationsPerSecond of the same product by ggml's own kernels, likewise
  /// @param share `operationsPerSecond` of the greatest peak of all devices: other programs can
  ///   only lower a peak
  /// @param updateShare share of a step's time that the optimizer takes
  /// @param encodeShare share of a step's time that encoding the blocks takes
  /// @param activations what was kept for the backward pass
  /// @param plannedBytes what memory was expected to be taken on each device
  /// @param peakBytes most memory resident, 0 if the system does not tell
  /// @param unsupportedOperations those of a step that the backend cannot run itself, with the
  ///   types that they compute from
  public record Result(
      boolean cachedTeacher,
      long parameters,
      Measurement tokensPerSecond,
      double operationsPerToken,
      double operationsPerSecond,
      int devices,
      Measurement peakOperationsPerSecond,
      Measurement ggmlOperationsPerSecond,
      double share,
      Measurement updateShare,
      Measurement encodeShare,
      Activations activations,
      long plannedBytes,
      long peakBytes,
      SortedSet<String> unsupportedOperations) {}

  /// Runs the benchmark.
  ///
  /// @param stepDone hears of each step, from 1 to `WARM_UP + repeats`
  /// @throws IOException if the teacher cache cannot be made
  /// @throws dev.whittle.distillation.MemoryException if there is not enough memory
  public Result run(IntConsumer stepDone) throws IOException {
    try (Workers workers = new Workers(threads);
        ModelFile teacher = ModelFile.open(model);
        ReplicaGroup group = new ReplicaGroup(devices, threads, teacher);
        ProductPeak peak = new ProductPeak(group.backend(), Kernels.of(group.backend()));
        ProductPeak ggmlPeak = new ProductPeak(group.backend(), Kernels.ggml())) {
      QuantizationPlan plan = QuantizationPlan.of(types, teacher.file(), false);
      TokenizedCorpus corpus = corpus(teacher.config().vocabulary());
      MemoryChoice memory =
          MemoryChoice.of(
              new MemoryMeter(
                  group.backend(),
                  teacher,
                  group.teacher(),
                  plan,
                  teacherCache != null,
                  workers,
                  AvailableMemory.javaBytes(group.backend()),
                  group.size()),
              settings(),
              corpus.longest(),
              activations,
              group.availableBytes());
      memory.requireFit(model.toString());
      try (TeacherCache cache = cache(group, teacher, corpus);
          StudentReplicas students =
              new StudentReplicas(
                  group,
                  backend ->
                      new TrainedWeights(
                          backend,
                          teacher,
                          t -> plan.assignment(t.name()).orElseThrow().type(),
                          t -> null,
                          forward,
                          moments,
                          workers))) {
        students.encode();
        try (Distillation distillation =
            new Distillation(
                settings(), teacher, students, corpus, cache, 0, memory.activations())) {
          return measure(group, distillation, peak, ggmlPeak, teacher, memory, stepDone);
        }
      }
    }
  }

  private @Nullable TeacherCache cache(
      ReplicaGroup group, ModelFile teacher, TokenizedCorpus corpus) throws IOException {
    if (teacherCache == null) {
      return null;
    }
    TeacherCache cache = TeacherCache.open(teacherCache, teacher, Digests.sha256(model), corpus);
    cache.fill(group.backend(), teacher, group.teacher(), (documents, total) -> {});
    return cache;
  }

  private Result measure(
      ReplicaGroup group,
      Distillation distillation,
      ProductPeak peak,
      ProductPeak ggmlPeak,
      ModelFile teacher,
      MemoryChoice memory,
      IntConsumer stepDone) {
    BatchPlan plan = distillation.plan();
    int tokensOfStep = plan.microBatches() * plan.shape().rows() * rowLength;
    double[] rates = new double[repeats];
    double[] peaks = new double[repeats];
    double[] ggmlPeaks = new double[repeats];
    double[] updates = new double[repeats];
    double[] encodes = new double[repeats];
    for (int i = -WARM_UP; i < repeats; i++) {
      StepReport report = distillation.step();
      double best = peak.measure();
      double ggmlBest = ggmlPeak.measure();
      if (i >= 0) {
        double perSecond = report.tokensPerSecond() / tokensOfStep;
        rates[i] = report.tokensPerSecond();
        updates[i] = report.updateSeconds() * perSecond;
        encodes[i] = report.encodeSeconds() * perSecond;
        peaks[i] = best;
        ggmlPeaks[i] = ggmlBest;
      }
      stepDone.accept(i + WARM_UP + 1);
    }
    double operations = operationsPerToken(teacher.config());
    Measurement tokens = Measurement.of(rates);
    Measurement most = Measurement.of(peaks);
    return new Result(
        teacherCache != null,
        teacher.file().tensors().stream().mapToLong(TensorInfo::elements).sum(),
        tokens,
        operations,
        tokens.median() * operations,
        devices.size(),
        most,
        Measurement.of(ggmlPeaks),
        tokens.median() * operations / (devices.size() * most.max()),
        Measurement.of(updates),
        Measurement.of(encodes),
        memory.activations(),
        memory.memory().total(),
        ProcessMemory.peakBytes(),
        group.backend().unsupportedOperations(distillation.graphs()));
  }

  private DistillationSettings settings() {
    return new DistillationSettings(
        LossSchedule.of(Objective.FORWARD_KL),
        false,
        forward,
        moments,
        repeats + WARM_UP,
        tokensPerStep,
        BatchPlan.microBatchTokens(devices.getFirst()),
        rowLength,
        1e-5,
        1,
        0,
        1,
        0,
        1,
        0);
  }

  /// Enough full rows for one step.
  private TokenizedCorpus corpus(int vocabulary) {
    SplittableRandom random = new SplittableRandom(1);
    List<TokenizedDocument> documents =
        IntStream.range(0, Math.max(1, tokensPerStep / rowLength))
            .mapToObj(i ->
                new TokenizedDocument(
                    random.ints(rowLength, 0, vocabulary).toArray(), new BitSet()))
            .toList();
    return TokenizedCorpus.of(documents);
  }

  private double operationsPerToken(ModelConfig c) {
    double attention = 4.0 * rowLength * c.heads() * c.headSize();
    double queries = (double) c.heads() * c.headSize();
    double keys = (double) c.keyValueHeads() * c.headSize();
    double layer = 2 * c.width() * (2 * queries + 2 * keys + 3.0 * c.feedForward()) + attention;
    double head = 2.0 * c.width() * c.vocabulary();
    double forward = c.layers() * layer + head;
    return 3 * forward + (teacherCache == null ? forward : head);
  }
}
