package dev.whittle.benchmark;

import dev.whittle.data.TokenizedCorpus;
import dev.whittle.data.TokenizedDocument;
import dev.whittle.distillation.Distillation;
import dev.whittle.distillation.DistillationSettings;
import dev.whittle.distillation.LossMix;
import dev.whittle.distillation.Objective;
import dev.whittle.distillation.StepReport;
import dev.whittle.ggml.Backend;
import dev.whittle.gguf.TensorInfo;
import dev.whittle.model.FrozenWeights;
import dev.whittle.model.ModelConfig;
import dev.whittle.model.ModelFile;
import dev.whittle.model.Trunk;
import dev.whittle.quantization.QuantizationPlan;
import dev.whittle.quantization.TypeSelection;
import dev.whittle.training.Forward;
import dev.whittle.training.ProcessMemory;
import dev.whittle.training.TrainedWeights;
import dev.whittle.training.Workers;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/// The speed of the full step of quantization-aware distillation: teacher, student, loss, backward
/// pass, optimizer and encoding, on rows full of random tokens.
///
/// @param model the teacher
/// @param types the student's types
/// @param forward what the student's products use
/// @param tokensPerStep tokens of a step
/// @param rowLength tokens of a row, each row one document
/// @param threads for all computing
/// @param repeats counted steps, after two that are not
public record TrainingBenchmark(
    Path model,
    TypeSelection types,
    Forward forward,
    int tokensPerStep,
    int rowLength,
    int threads,
    int repeats) {
  private static final int WARM_UP = 2;

  /// What was measured; rates are medians over the counted steps.
  ///
  /// @param parameters of the model
  /// @param tokensPerSecond through the full step
  /// @param operationsPerToken floating-point operations of the products that a step needs for a
  ///   token: those of the student three times over (forward, and two in the backward pass), those
  ///   of the teacher once. What is computed twice to save memory is not counted
  /// @param operationsPerSecond the product of the two
  /// @param peakOperationsPerSecond of a large BF16 product, measured between the steps
  /// @param share `operationsPerSecond` of the peak
  /// @param updateShare share of a step's time that the optimizer takes
  /// @param encodeShare share of a step's time that encoding the blocks takes
  /// @param peakBytes most memory resident, 0 if the system does not tell
  public record Result(
      long parameters,
      double tokensPerSecond,
      double operationsPerToken,
      double operationsPerSecond,
      double peakOperationsPerSecond,
      double share,
      double updateShare,
      double encodeShare,
      long peakBytes) {}

  /// Runs the benchmark.
  ///
  /// @param stepDone hears of each step, from 1 to `repeats + 2`
  public Result run(IntConsumer stepDone) {
    try (Backend backend = Backend.cpu(threads);
        Workers workers = new Workers(threads);
        ModelFile teacher = ModelFile.open(model);
        FrozenWeights frozen = new FrozenWeights(backend, teacher);
        ProductPeak peak = new ProductPeak(backend)) {
      QuantizationPlan plan = QuantizationPlan.of(types, teacher.file(), false);
      try (TrainedWeights weights =
          new TrainedWeights(
              backend,
              teacher,
              t -> plan.assignment(t.name()).orElseThrow().type(),
              t -> null,
              forward,
              workers)) {
        weights.encode();
        try (Distillation distillation =
            new Distillation(
                backend,
                settings(),
                teacher,
                frozen,
                weights,
                corpus(teacher.config().vocabulary()),
                0,
                Trunk.Activations.KEPT)) {
          return measure(distillation, peak, teacher, stepDone);
        }
      }
    }
  }

  private Result measure(
      Distillation distillation, ProductPeak peak, ModelFile teacher, IntConsumer stepDone) {
    double[] rates = new double[repeats];
    double[] peaks = new double[repeats];
    double[] updates = new double[repeats];
    double[] encodes = new double[repeats];
    for (int i = -WARM_UP; i < repeats; i++) {
      StepReport report = distillation.step();
      double best = peak.measure();
      if (i >= 0) {
        double perSecond = report.tokensPerSecond() / tokensPerStep;
        rates[i] = report.tokensPerSecond();
        updates[i] = report.updateSeconds() * perSecond;
        encodes[i] = report.encodeSeconds() * perSecond;
        peaks[i] = best;
      }
      stepDone.accept(i + WARM_UP + 1);
    }
    double operations = operationsPerToken(teacher.config());
    double tokens = Median.of(rates);
    double most = Median.of(peaks);
    return new Result(
        teacher.file().tensors().stream().mapToLong(TensorInfo::elements).sum(),
        tokens,
        operations,
        tokens * operations,
        most,
        tokens * operations / most,
        Median.of(updates),
        Median.of(encodes),
        ProcessMemory.peakBytes());
  }

  private DistillationSettings settings() {
    return new DistillationSettings(
        LossMix.of(Objective.FORWARD_KL),
        false,
        forward,
        repeats + WARM_UP,
        tokensPerStep,
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
    double forward = c.layers() * layer + 2.0 * c.width() * c.vocabulary();
    return 4 * forward;
  }
}
