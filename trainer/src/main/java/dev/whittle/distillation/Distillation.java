package dev.whittle.distillation;

import dev.whittle.data.DataPosition;
import dev.whittle.data.PackedBatch;
import dev.whittle.data.PackedBatches;
import dev.whittle.data.TokenizedCorpus;
import dev.whittle.ggml.Graph;
import dev.whittle.model.ModelFile;
import dev.whittle.model.Trunk;
import dev.whittle.optimizer.AdamW;
import dev.whittle.optimizer.LearningRateSchedule;
import dev.whittle.training.Checkpoint;
import dev.whittle.training.Parameter;
import dev.whittle.training.ProcessMemory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Quantization-aware distillation, step by step: the student's blocks are trained to behave like
/// the teacher.
///
/// Each step encodes nothing anew before its passes: the blocks are what the last step left. After
/// the update of the masters the blocks are encoded again, so that between steps the blocks are
/// always what would be shipped.
///
/// Several devices share the micro-batches of a step; their gradients are summed, and every replica
/// of the student makes the same update.
public final class Distillation implements AutoCloseable {
  private static final AdamW ADAM = AdamW.DEFAULT;

  private final DistillationSettings settings;
  private final StudentReplicas students;
  private final TokenizedCorpus corpus;
  private final int[] documents;
  private final BatchPlan plan;
  private final LearningRateSchedule schedule;

  private final Function<LossMix, List<DistillationEngine>> makeEngines;

  /// One a replica; none before the first step.
  private List<DistillationEngine> engines = List.of();

  /// Whether [#engines] compare hidden states.
  private boolean compares;

  private PackedBatches batches;
  private Checkpoint.Progress progress;

  /// Prepares a run from its beginning.
  ///
  /// @param students the student, with its blocks encoded
  /// @param cache what the teacher makes of the corpus, full; null to run the teacher in each step
  /// @param confidence γ of the confidence-aware loss; any number if the loss has no such term
  public Distillation(
      DistillationSettings settings,
      ModelFile teacher,
      StudentReplicas students,
      TokenizedCorpus corpus,
      @Nullable TeacherCache cache,
      double confidence,
      Trunk.Activations activations) {
    this(
        settings,
        teacher,
        students,
        corpus,
        IntStream.range(0, corpus.size()).toArray(),
        cache,
        confidence,
        activations);
  }

  /// Prepares a run from its beginning.
  ///
  /// @param students the student, with its blocks encoded
  /// @param documents the numbers of those to train on
  /// @param cache what the teacher makes of the corpus, full; null to run the teacher in each step
  /// @param confidence γ of the confidence-aware loss; any number if the loss has no such term
  public Distillation(
      DistillationSettings settings,
      ModelFile teacher,
      StudentReplicas students,
      TokenizedCorpus corpus,
      int[] documents,
      @Nullable TeacherCache cache,
      double confidence,
      Trunk.Activations activations) {
    this.settings = settings;
    this.students = students;
    this.corpus = corpus;
    this.documents = documents.clone();
    plan = settings.batches(corpus.longest(), students.group().size());
    schedule =
        new LearningRateSchedule(
            settings.learningRate(),
            Math.min(settings.warmup(), settings.steps()),
            settings.steps(),
            settings.floor());
    progress = Checkpoint.Progress.start(confidence);
    batches = batchesFrom(progress.position());
    makeEngines = mix -> engines(mix, teacher, cache, confidence, activations);
  }

  private List<DistillationEngine> engines(
      LossMix mix,
      ModelFile teacher,
      @Nullable TeacherCache cache,
      double confidence,
      Trunk.Activations activations) {
    ReplicaGroup group = students.group();
    List<DistillationEngine> made = new ArrayList<>();
    for (int replica = 0; replica < group.size(); replica++) {
      made.add(
          new DistillationEngine(
              group.backends().get(replica),
              teacher,
              group.teacher(replica),
              cache,
              students.replica(replica),
              plan.shape(),
              mix,
              confidence,
              settings.completionOnly(),
              activations,
              settings.onPolicy() == null && plan.microBatches() == group.size()));
    }
    return made;
  }

  private PackedBatches batchesFrom(DataPosition position) {
    return new PackedBatches(corpus, documents, plan.shape(), settings.seed(), position);
  }

  /// Goes on where a checkpoint was written.
  ///
  /// @throws dev.whittle.gguf.GgufException if it is damaged or belongs to another run
  public void restore(Path checkpoint) {
    progress = students.restore(checkpoint);
    batches = batchesFrom(progress.position());
  }

  /// Where the run stands.
  public Checkpoint.Progress progress() {
    return progress;
  }

  public boolean isDone() {
    return progress.step() >= settings.steps();
  }

  /// Trains on one more step, with the next text of the corpus.
  ///
  /// @throws ArithmeticException if the loss or the gradient is not a number any more; the weights
  ///   are then as before the step. Also if a weight has become too large for its type.
  public StepReport step() {
    List<PackedBatch> step = new ArrayList<>();
    for (int i = 0; i < plan.microBatches(); i++) {
      step.add(batches.next());
    }
    return step(step, settings.loss(), false);
  }

  /// Trains on one more step, with replies of the student as [OnPolicy] wants them.
  ///
  /// @param replies micro-batches of [#plan]'s shape, as many for each device
  /// @throws ArithmeticException see [#step()]
  StepReport stepOn(List<PackedBatch> replies) {
    OnPolicy onPolicy = settings.onPolicy();
    if (onPolicy == null) {
      throw new IllegalStateException("this run has no steps with the student's own replies");
    }
    return step(replies, onPolicy.loss(), true);
  }

  private StepReport step(List<PackedBatch> step, LossSchedule terms, boolean onPolicy) {
    long start = System.nanoTime();
    long tokens = step.stream().mapToLong(PackedBatch::tokenCount).sum();
    int number = progress.step() + 1;
    Loss loss = runPasses(step, number, terms.at(number, settings.steps()));
    long passed = System.nanoTime();
    double norm = students.gradientNorm() / loss.meanWeight();
    if (!Double.isFinite(loss.value()) || !Double.isFinite(norm)) {
      throw new ArithmeticException(
          "step "
              + number
              + " diverged: loss "
              + loss.value()
              + ", gradient norm "
              + norm
              + "; use a lower learning rate");
    }
    double rate = schedule.at(number);
    double clip = settings.clip();
    double clipped = clip > 0 && norm > clip ? clip / norm : 1;
    float scale = (float) (clipped / loss.meanWeight());
    students.update(ADAM, group -> adamStep(group, number, rate, scale));
    long updated = System.nanoTime();
    try {
      students.encodeAgain();
    } catch (IllegalArgumentException e) {
      throw new ArithmeticException(
          "step " + number + " diverged: " + e.getMessage() + "; use a lower learning rate");
    }
    long encoded = System.nanoTime();
    progress =
        new Checkpoint.Progress(
            number, progress.tokens() + tokens, batches.position(), progress.confidence());
    return new StepReport(
        number,
        settings.steps(),
        onPolicy,
        progress.tokens(),
        loss.value(),
        loss.hidden(),
        rate,
        norm,
        tokens / ((encoded - start) / 1e9),
        (updated - passed) / 1e9,
        (encoded - updated) / 1e9,
        ProcessMemory.peakBytes());
  }

  /// The loss of a step: the mean over its targets, each counted by its weight.
  ///
  /// @param hidden the part of [Objective#HIDDEN], without its weight
  /// @param meanWeight of a target, by which the gradients are still to be divided
  private record Loss(double value, double hidden, double meanWeight) {}

  /// Computes the loss of a step and its gradients, which every replica has then.
  private Loss runPasses(List<PackedBatch> step, int number, LossMix mix) {
    prepare(number);
    engines.forEach(engine -> engine.use(mix));
    int share = step.size() / engines.size();
    long targets = engines.getFirst().targets(step);
    double[] losses = new double[engines.size()];
    students
        .group()
        .each(replica ->
            losses[replica] =
                engines
                    .get(replica)
                    .run(step.subList(replica * share, (replica + 1) * share), targets));
    students.sumGradients();
    double mean = mix.tokenWeights() == TokenWeights.UNIFORM ? 1 : totalWeight();
    double hidden = engines.stream().mapToDouble(DistillationEngine::hiddenLoss).sum();
    return new Loss(Arrays.stream(losses).sum() / mean, hidden / mean, mean);
  }

  private double totalWeight() {
    double weight = engines.stream().mapToDouble(DistillationEngine::totalWeight).sum();
    // Where no target counts at all, there is no gradient to divide either.
    return weight > 0 ? weight : 1;
  }

  /// Sees to it that there are engines for a step. They compare hidden states only as long as that
  /// still has a weight in this step or a later one.
  private void prepare(int number) {
    boolean wanted = settings.comparesStatesFrom(number);
    if (!engines.isEmpty() && wanted == compares) {
      return;
    }
    close();
    LossMix widest = settings.widestLoss();
    engines = makeEngines.apply(wanted ? widest : widest.withoutStates());
    compares = wanted;
  }

  private AdamW.Step adamStep(Parameter.Group group, int number, double rate, float scale) {
    boolean vector = group == Parameter.Group.VECTOR;
    return new AdamW.Step(
        number,
        (float) (vector ? rate * settings.vectorRate() : rate),
        vector ? 0f : (float) settings.weightDecay(),
        scale);
  }

  /// The loss of some micro-batches of [#plan]'s shape as the blocks are now, without that of
  /// hidden states and with the weights that its terms have at the end of the run: the mean over
  /// their targets, which all count the same.
  public double evaluate(List<PackedBatch> held) {
    prepare(Math.min(progress.step() + 1, settings.steps()));
    DistillationEngine engine = engines.getFirst();
    engine.use(settings.loss().at(settings.steps(), settings.steps()));
    return engine.evaluate(held);
  }

  /// How the tokens of a step are split.
  public BatchPlan plan() {
    return plan;
  }

  /// The graphs that a step computes on each device.
  public List<Graph> graphs() {
    prepare(progress.step() + 1);
    return engines.getFirst().graphs();
  }

  @Override
  public void close() {
    engines.forEach(DistillationEngine::close);
    engines = List.of();
  }
}
