package dev.whittle.reinforcement;

import dev.whittle.data.PackedBatch;
import dev.whittle.data.TokenizedDocument;
import dev.whittle.evaluation.Generation;
import dev.whittle.ggml.Vocabulary;
import dev.whittle.model.BatchShape;
import dev.whittle.optimizer.AdamW;
import dev.whittle.optimizer.LearningRateSchedule;
import dev.whittle.rollout.RolloutGenerator;
import dev.whittle.training.Checkpoint;
import dev.whittle.training.Parameter;
import dev.whittle.training.ProcessMemory;
import dev.whittle.training.TrainedWeights;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/// Group-relative policy optimization, step by step: the policy answers questions several times
/// each, and its masters are moved towards the answers that were better than the others to the same
/// question. After each update the blocks are encoded again, so that it is always the policy that
/// would be shipped that answers.
final class Grpo {
  private static final AdamW ADAM = AdamW.DEFAULT;

  private final GrpoSettings settings;
  private final TrainedWeights weights;
  private final Vocabulary vocabulary;
  private final Questions questions;
  private final RolloutGenerator generator;
  private final PolicyEngine engine;
  private final BatchShape shape;
  private final LearningRateSchedule schedule;
  private final Viability viability = new Viability();
  private final long firstSeed;
  private Checkpoint.Progress progress = Checkpoint.Progress.start(0);

  /// Prepares a run from its beginning.
  ///
  /// @param weights of the policy, with its blocks encoded
  /// @param shape of micro-batches; a row must have room for any question and reply
  Grpo(
      GrpoSettings settings,
      TrainedWeights weights,
      Vocabulary vocabulary,
      Questions questions,
      RolloutGenerator generator,
      PolicyEngine engine,
      BatchShape shape) {
    this.settings = settings;
    this.weights = weights;
    this.vocabulary = vocabulary;
    this.questions = questions;
    this.generator = generator;
    this.engine = engine;
    this.shape = shape;
    schedule =
        new LearningRateSchedule(
            settings.learningRate(),
            Math.min(settings.warmup(), settings.updates()),
            settings.updates(),
            settings.floor());
    firstSeed = new SplittableRandom(settings.seed()).nextLong(1L << 32);
  }

  /// Goes on where a checkpoint was written.
  ///
  /// @throws dev.whittle.gguf.GgufException if it is damaged or belongs to another run
  void restore(Path checkpoint) {
    progress = Checkpoint.read(checkpoint, weights);
    weights.decode();
    questions.seek(progress.position());
  }

  /// Takes note of the metrics of an earlier step.
  void recall(int step, double accuracy, double entropy, double truncatedRate) {
    viability.recall(step, accuracy, entropy, truncatedRate);
  }

  /// Where the run stands.
  Checkpoint.Progress progress() {
    return progress;
  }

  boolean isDone() {
    return progress.step() >= settings.steps();
  }

  /// Asks and updates once more.
  ///
  /// @throws UnviableException if nothing is to be expected from going on; the weights are then as
  ///   before the step, or as it left them
  /// @throws ArithmeticException if the gradient is not a number any more
  /// @throws IOException if the blocks cannot be handed to llama.cpp
  GrpoStepReport step() throws IOException {
    int number = progress.step() + 1;
    List<Questions.Question> asked = questions.next(settings.promptsPerStep());
    List<int[]> prompts = new ArrayList<>();
    for (Questions.Question question : asked) {
      for (int i = 0; i < settings.groupSize(); i++) {
        prompts.add(question.prompt());
      }
    }
    RolloutGenerator.Rollouts replies =
        generator.generate(weights, prompts, firstSeed + (long) progress.step() * prompts.size());
    List<Rollout> rollouts = new ArrayList<>();
    for (int group = 0; group < asked.size(); group++) {
      int from = group * settings.groupSize();
      rollouts.addAll(
          rewarded(asked.get(group), replies.replies().subList(from, from + settings.groupSize())));
    }
    int right = (int) rollouts.stream().filter(Rollout::right).count();
    double truncated = mean(rollouts, r -> r.truncated() ? 1 : 0);
    viability.replied(rollouts.size(), right, truncated);
    long start = System.nanoTime();
    Totals totals = learn(rollouts, number);
    double trainSeconds = (System.nanoTime() - start) / 1e9;
    progress =
        new Checkpoint.Progress(
            number, progress.tokens() + replies.tokens(), questions.position(), 0);
    GrpoStepReport report =
        new GrpoStepReport(
            number,
            settings.steps(),
            progress.tokens(),
            totals.loss / settings.updatesPerStep(),
            mean(rollouts, Rollout::reward),
            (double) right / rollouts.size(),
            informative(rollouts),
            totals.entropy / totals.tokens,
            totals.divergence / totals.tokens,
            mean(rollouts, Rollout::length),
            truncated,
            (double) totals.clipped / totals.tokens,
            schedule.at(number * settings.updatesPerStep()),
            totals.norm / settings.updatesPerStep(),
            replies.tokens() / replies.seconds(),
            replies.loadSeconds(),
            replies.seconds(),
            trainSeconds,
            ProcessMemory.peakBytes());
    viability.learned(report);
    return report;
  }

  private static double mean(List<Rollout> rollouts, ToDoubleFunction<Rollout> value) {
    return rollouts.stream().mapToDouble(value).average().orElseThrow();
  }

  /// The share of groups in which any reply has an advantage.
  private double informative(List<Rollout> rollouts) {
    int groups = 0;
    for (int from = 0; from < rollouts.size(); from += settings.groupSize()) {
      boolean any =
          rollouts.subList(from, from + settings.groupSize()).stream()
              .anyMatch(rollout -> rollout.advantage() != 0);
      groups += any ? 1 : 0;
    }
    return (double) groups / settings.promptsPerStep();
  }

  /// The replies of a group with their rewards and advantages.
  private List<Rollout> rewarded(Questions.Question question, List<Generation> replies) {
    List<Rollout> plain = replies.stream().map(reply -> rollout(question, reply)).toList();
    double[] advantages =
        settings.advantage().of(plain.stream().mapToDouble(Rollout::reward).toArray());
    List<Rollout> group = new ArrayList<>();
    for (int i = 0; i < advantages.length; i++) {
      group.add(plain.get(i).withAdvantage(advantages[i]));
    }
    return group;
  }

  private Rollout rollout(Questions.Question question, Generation reply) {
    String text = vocabulary.detokenize(reply.tokens(), false);
    boolean right = settings.reward().isRight(text, question.answer());
    double share = (double) reply.tokens().length / settings.maxNewTokens();
    return new Rollout(
        TokenizedDocument.replied(question.prompt(), reply.tokens()),
        reply.tokens().length,
        reply.truncated(),
        right,
        settings.reward().of(text, right, reply.truncated(), share),
        0);
  }

  /// Sums over the tokens of a step's replies.
  private static final class Totals {
    private long tokens;
    private long clipped;
    private double loss;
    private double entropy;
    private double divergence;
    private double norm;

    void add(PackedBatch batch, PolicyHead.Statistics statistics) {
      for (int place = 0; place < batch.tokens().length; place++) {
        if (batch.isTarget(place, true)) {
          tokens++;
          entropy += statistics.entropies()[place];
          divergence += statistics.divergences()[place];
        }
      }
    }
  }

  /// The replies of an update: those that it learns from, and how many there are in all, over which
  /// its loss is the mean.
  private record Part(RolloutBatches learned, int replies, long tokens) {}

  /// Makes the updates of a step.
  private Totals learn(List<Rollout> rollouts, int step) {
    List<Part> parts = new ArrayList<>();
    int count = settings.updatesPerStep();
    for (int part = 0; part < count; part++) {
      int from = settings.promptsPerStep() * part / count * settings.groupSize();
      int to = settings.promptsPerStep() * (part + 1) / count * settings.groupSize();
      parts.add(part(rollouts.subList(from, to)));
    }
    Totals totals = new Totals();
    List<Rollout> others = rollouts.stream().filter(rollout -> !hasGradient(rollout)).toList();
    for (PackedBatch batch : RolloutBatches.of(others, shape).batches()) {
      totals.add(batch, engine.evaluate(batch));
    }
    List<List<float[]>> before = probabilitiesBefore(parts);
    for (int part = 0; part < count; part++) {
      weights.clearGradients();
      for (int batch = 0; batch < parts.get(part).learned().batches().size(); batch++) {
        train(parts.get(part), batch, before.get(part).get(batch), totals);
      }
      totals.norm += update((step - 1) * count + part + 1);
    }
    return totals;
  }

  private Part part(List<Rollout> rollouts) {
    List<Rollout> learned = rollouts.stream().filter(this::hasGradient).toList();
    long tokens = rollouts.stream().mapToLong(Rollout::length).sum();
    return new Part(RolloutBatches.of(learned, shape), rollouts.size(), tokens);
  }

  /// Whether the loss of a reply has a gradient at all: most groups are all right or all wrong, and
  /// their backward passes would be in vain.
  private boolean hasGradient(Rollout rollout) {
    return rollout.advantage() != 0 || settings.klWeight() > 0;
  }

  /// The log-probabilities of all replies' tokens before the first update, which is made with the
  /// policy that they were drawn from: it needs none.
  private List<List<@Nullable float[]>> probabilitiesBefore(List<Part> parts) {
    List<List<@Nullable float[]>> before = new ArrayList<>();
    for (Part part : parts) {
      List<@Nullable float[]> ofPart = new ArrayList<>();
      for (PackedBatch batch : part.learned().batches()) {
        ofPart.add(before.isEmpty() ? null : engine.evaluate(batch).logProbabilities());
      }
      before.add(ofPart);
    }
    return before;
  }

  private void train(Part part, int number, float @Nullable [] before, Totals totals) {
    PackedBatch batch = part.learned().batches().get(number);
    Objective objective = new Objective(part, batch, before);
    PolicyHead.Statistics statistics = engine.train(batch, objective);
    totals.add(batch, statistics);
    for (int place = 0; place < batch.tokens().length; place++) {
      if (batch.isTarget(place, true)) {
        totals.loss += objective.loss(place, statistics);
        totals.clipped += objective.isClipped(place, statistics.logProbabilities()[place]) ? 1 : 0;
      }
    }
  }

  /// The loss of a batch, and its derivatives: −min(rA, clip(r)A) for a token, with the ratio r of
  /// its probability to the one before and its reply's advantage A, and the weighted divergence.
  private final class Objective implements PolicyHead.Weights {
    private final Part part;
    private final float @Nullable [] before;
    private final int[] owners;

    Objective(Part part, PackedBatch batch, float @Nullable [] before) {
      this.part = part;
      this.before = before;
      this.owners = RolloutBatches.owners(batch, part.learned().rollouts());
    }

    @Override
    public float policy(int place, float logProbability) {
      return isClipped(place, logProbability)
          ? 0f
          : (float) (weight(place) * advantage(place) * ratio(place, logProbability));
    }

    @Override
    public float divergence(int place) {
      return (float) (settings.klWeight() * weight(place));
    }

    double loss(int place, PolicyHead.Statistics statistics) {
      float logProbability = statistics.logProbabilities()[place];
      double advantage = advantage(place);
      double ratio =
          isClipped(place, logProbability)
              ? advantage > 0 ? 1 + settings.clipHigh() : 1 - settings.clipLow()
              : ratio(place, logProbability);
      double divergence = settings.klWeight() * statistics.divergences()[place];
      return weight(place) * (divergence - ratio * advantage);
    }

    boolean isClipped(int place, float logProbability) {
      double advantage = advantage(place);
      double ratio = ratio(place, logProbability);
      return advantage > 0
          ? ratio > 1 + settings.clipHigh()
          : advantage < 0 && ratio < 1 - settings.clipLow();
    }

    private double ratio(int place, float logProbability) {
      return before == null ? 1 : Math.exp(logProbability - before[place]);
    }

    private double advantage(int place) {
      return part.learned().rollouts().get(owners[place]).advantage();
    }

    private double weight(int place) {
      int length = part.learned().rollouts().get(owners[place]).length();
      return settings
          .aggregation()
          .weight(length, part.replies(), part.tokens(), settings.maxNewTokens());
    }
  }

  /// @return the norm of the gradients
  private double update(int number) {
    double norm = weights.gradientNorm();
    if (!Double.isFinite(norm)) {
      throw new ArithmeticException(
          "update " + number + " diverged: gradient norm " + norm + "; use a lower learning rate");
    }
    double clip = settings.clip();
    float scale = clip > 0 && norm > clip ? (float) (clip / norm) : 1f;
    AdamW.Step step = new AdamW.Step(number, (float) schedule.at(number), 0, scale);
    weights.update(adam(norm * scale), group -> step);
    try {
      weights.encode();
    } catch (IllegalArgumentException e) {
      throw new ArithmeticException(
          "update " + number + " diverged: " + e.getMessage() + "; use a lower learning rate");
    }
    return norm;
  }

  /// AdamW whose ε is a share of the gradient's root mean square.
  private AdamW adam(double norm) {
    double count = weights.parameters().stream().mapToLong(Parameter::elements).sum();
    double epsilon = settings.damping() * norm / Math.sqrt(count);
    return new AdamW(ADAM.beta1(), ADAM.beta2(), Math.max(ADAM.epsilon(), (float) epsilon));
  }
}
