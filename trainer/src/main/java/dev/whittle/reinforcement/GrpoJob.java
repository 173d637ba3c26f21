package dev.whittle.reinforcement;

import dev.whittle.data.DocumentTokenizer;
import dev.whittle.distillation.BatchPlan;
import dev.whittle.distillation.MemoryChoice;
import dev.whittle.distillation.MemoryException;
import dev.whittle.ggml.Backend;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.LlamaModelOptions;
import dev.whittle.gguf.GgufFile;
import dev.whittle.inference.ModelLoader;
import dev.whittle.io.AtomicFile;
import dev.whittle.io.TemporaryFolder;
import dev.whittle.model.BatchShape;
import dev.whittle.model.FrozenWeights;
import dev.whittle.model.ModelFile;
import dev.whittle.model.Trunk.Activations;
import dev.whittle.quantization.ImportanceMatrix;
import dev.whittle.quantization.QuantizationException;
import dev.whittle.rollout.RolloutGenerator;
import dev.whittle.training.AvailableMemory;
import dev.whittle.training.Checkpoint;
import dev.whittle.training.DecodedModelFile;
import dev.whittle.training.Digests;
import dev.whittle.training.RunDirectory;
import dev.whittle.training.RunLock;
import dev.whittle.training.TrainedModelFile;
import dev.whittle.training.TrainedWeights;
import dev.whittle.training.Workers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/// Runs a [GrpoRequest]: lets the policy answer, trains it, writes metrics and checkpoints on the
/// way and the model at the end.
public final class GrpoJob {
  private final GrpoRequest request;
  private final GrpoListener listener;

  public GrpoJob(GrpoRequest request, GrpoListener listener) {
    this.request = request;
    this.listener = listener;
  }

  /// Runs the job.
  ///
  /// @throws UnviableException if the start is hopeless, or the policy collapses; a run directory
  ///   then holds the last checkpoint
  /// @throws IOException if a file cannot be read or written, or a run cannot be begun or resumed
  /// @throws dev.whittle.gguf.GgufException if a model or checkpoint is damaged or does not fit
  /// @throws dev.whittle.data.DataException if the data is malformed
  /// @throws QuantizationException if the model cannot have the wanted types
  /// @throws MemoryException if there is not enough memory
  /// @throws ArithmeticException if training diverges
  public GrpoResult run() throws IOException {
    AtomicFile.checkWritable(request.output(), request.overwrite());
    ModelLoader.requireSound(request.model());
    AtomicFile.checkRoom(request.output(), Files.size(request.model()));
    try (TemporaryFolder folder = TemporaryFolder.create();
        Workers workers = new Workers(request.threads());
        ModelFile model = ModelFile.open(request.model());
        LlamaModel tokenizer = LlamaModel.load(request.model(), LlamaModelOptions.vocabulary())) {
      listener.stage("reading the questions");
      Questions questions =
          Questions.read(
              request.data(),
              new DocumentTokenizer(tokenizer),
              longestQuestion(model),
              request.settings().seed(),
              listener::warning);
      Path decoded = folder.resolve("reference.gguf");
      try (ModelFile reference = ModelFile.open(referenceFile(model, decoded));
          Backend backend = Backend.on(request.device(), request.threads());
          FrozenWeights held = new FrozenWeights(backend, reference)) {
        requireSameShape(model, reference);
        return train(new Parts(model, reference, held, backend, workers, tokenizer, questions));
      }
    }
  }

  /// Leaves room for a reply in the context that the model was trained with.
  private int longestQuestion(ModelFile model) {
    return Math.max(1, model.trainedContext() - request.settings().maxNewTokens());
  }

  /// What a run is made of.
  private record Parts(
      ModelFile model,
      ModelFile reference,
      FrozenWeights held,
      Backend backend,
      Workers workers,
      LlamaModel tokenizer,
      Questions questions) {}

  /// The given reference, or what the start's blocks decode to: so that the divergence begins with
  /// 0, whatever the kernels of its types make of their inputs. The start itself where the
  /// divergence has no weight: nothing is then computed with the reference.
  Path referenceFile(ModelFile model, Path decoded) throws IOException {
    if (request.reference() != null) {
      return request.reference();
    }
    if (request.settings().klWeight() == 0) {
      return request.model();
    }
    DecodedModelFile.write(decoded, model.file());
    return decoded;
  }

  private void requireSameShape(ModelFile model, ModelFile reference) {
    if (!model.config().equals(reference.config())) {
      throw new QuantizationException(
          request.reference()
              + " has another shape than "
              + request.model()
              + "; name a reference of the same model");
    }
  }

  private GrpoResult train(Parts parts) throws IOException {
    ImportanceMatrix matrix = importance();
    PolicyTypes types = PolicyTypes.of(parts.model().file(), request.types(), matrix != null);
    BatchShape shape = shape(parts.questions());
    Activations activations = activations(parts, types, shape);
    try (RunLock _ = RunLock.of(request.runDirectory())) {
      return train(parts, types, matrix, shape, activations, openRun(recipe()));
    }
  }

  private GrpoResult train(
      Parts parts,
      PolicyTypes types,
      @Nullable ImportanceMatrix matrix,
      BatchShape shape,
      Activations activations,
      @Nullable RunDirectory run)
      throws IOException {
    GrpoSettings settings = request.settings();
    try (TrainedWeights weights = weights(parts.backend(), parts, types, matrix);
        PolicyEngine engine = engine(parts.backend(), parts, weights, shape, activations);
        RolloutGenerator generator =
            new RolloutGenerator(
                parts.model().file(),
                types.fileType(),
                request.rolloutModel(),
                request.rollouts(),
                settings.temperature())) {
      begin(weights, parts.model());
      Grpo grpo =
          new Grpo(
              settings,
              weights,
              parts.tokenizer().vocabulary(),
              parts.questions(),
              generator,
              engine,
              shape);
      restore(grpo, run);
      listener.stage("training");
      GrpoResult result = steps(grpo, weights, run);
      listener.stage("writing " + request.output());
      TrainedModelFile.write(
          request.output(),
          request.overwrite(),
          parts.model().file(),
          weights,
          types.fileType(),
          origin());
      return result;
    }
  }

  private TrainedWeights weights(
      Backend backend, Parts parts, PolicyTypes types, @Nullable ImportanceMatrix matrix) {
    return new TrainedWeights(
        backend,
        parts.model(),
        types.types(),
        tensor -> matrix == null ? null : matrix.means(tensor).orElse(null),
        request.settings().forward(),
        request.settings().moments(),
        parts.workers());
  }

  private PolicyEngine engine(
      Backend backend,
      Parts parts,
      TrainedWeights weights,
      BatchShape shape,
      Activations activations) {
    return new PolicyEngine(
        backend,
        parts.model(),
        parts.reference(),
        parts.held(),
        request.settings().klWeight() > 0,
        weights,
        shape,
        request.settings().temperature(),
        activations);
  }

  /// Rows with room for any question and reply.
  private BatchShape shape(Questions questions) {
    int longest = questions.longest() + request.settings().maxNewTokens();
    int length = BatchPlan.rowLength(longest);
    return new BatchShape(Math.max(1, request.settings().microBatchTokens() / length), length);
  }

  /// Keeps activations where there is memory for them.
  private Activations activations(Parts parts, PolicyTypes types, BatchShape shape) {
    Activations wanted = request.activations();
    Backend backend = parts.backend();
    long available = AvailableMemory.on(backend);
    long kept = bytes(parts, types, shape, Activations.KEPT);
    if (wanted == null) {
      wanted = MemoryChoice.canKeep(kept, available) ? Activations.KEPT : Activations.RECOMPUTED;
    }
    long bytes = wanted == Activations.KEPT ? kept : bytes(parts, types, shape, wanted);
    if (bytes > available) {
      throw MemoryException.of(
          request.model().toString(),
          bytes,
          available,
          wanted == Activations.KEPT
              ? "use --activations recomputed"
              : "use --moments q8, a smaller --ubatch-size or a smaller model");
    }
    return wanted;
  }

  /// What training takes, built on a backend that only measures.
  private long bytes(Parts parts, PolicyTypes types, BatchShape shape, Activations activations) {
    try (Backend measuring = parts.backend().measuring();
        TrainedWeights weights = weights(measuring, parts, types, null);
        PolicyEngine engine = engine(measuring, parts, weights, shape, activations)) {
      return weights.bytes()
          + engine.bytes()
          + parts.held().residentBytes()
          + AvailableMemory.javaBytes(parts.backend());
    }
  }

  private @Nullable ImportanceMatrix importance() {
    Path file = importanceFile();
    return file == null ? null : ImportanceMatrix.read(file);
  }

  /// What was given, or what the run of the masters kept.
  private @Nullable Path importanceFile() {
    if (request.importance() != null) {
      return request.importance();
    }
    Path masters = request.masters();
    Path kept = masters == null ? null : masters.resolve("imatrix.gguf");
    return kept != null && Files.isRegularFile(kept) ? kept : null;
  }

  /// Gives masters and blocks their first values.
  private void begin(TrainedWeights weights, ModelFile model) throws IOException {
    listener.stage("encoding the blocks");
    weights.startFrom(model);
    Path masters = request.masters();
    if (masters == null) {
      return;
    }
    Path checkpoint =
        Files.isDirectory(masters)
            ? RunDirectory.open(masters)
                .newestCheckpoint()
                .orElseThrow(() ->
                    new QuantizationException(
                        masters + " holds no checkpoint; name a run that has one"))
            : masters;
    try (GgufFile file = GgufFile.open(checkpoint)) {
      TrainedModelFile.requireSameBlocks(model.file(), file);
      Checkpoint.readMasters(file, weights);
    }
  }

  Map<String, Object> recipe() {
    Map<String, Object> recipe = new LinkedHashMap<>();
    recipe.put("model", request.model().toString());
    recipe.put("model_sha256", Digests.sha256(request.model()));
    if (request.masters() != null) {
      recipe.put("masters", request.masters().toString());
    }
    String domain = request.data().domain();
    recipe.put("data", request.data().path().toString());
    recipe.put("data_sha256", Digests.sha256(request.data().path()));
    recipe.put("domain", domain == null ? "all" : domain);
    recipe.put("type", request.types() == null ? "same" : request.types().fileType().name());
    recipe.put("reference", request.reference() == null ? "start" : request.reference().toString());
    Path importance = importanceFile();
    if (importance != null) {
      recipe.put("imatrix_sha256", Digests.sha256(importance));
    }
    recipe.putAll(request.settings().toMap());
    return recipe;
  }

  private @Nullable RunDirectory openRun(Map<String, Object> recipe) throws IOException {
    Path directory = request.runDirectory();
    if (directory == null) {
      return null;
    }
    return request.resume()
        ? RunDirectory.resume(directory, recipe)
        : RunDirectory.create(directory, recipe, request.overwrite());
  }

  private void restore(Grpo grpo, @Nullable RunDirectory run) throws IOException {
    if (run == null) {
      return;
    }
    Optional<Path> checkpoint = request.resume() ? run.newestCheckpoint() : Optional.empty();
    if (checkpoint.isPresent()) {
      grpo.restore(checkpoint.get());
    }
    run.truncateMetrics(grpo.progress().step());
    SequencedMap<Integer, Double> accuracy = run.metric("accuracy");
    SequencedMap<Integer, Double> entropy = run.metric("entropy");
    SequencedMap<Integer, Double> truncated = run.metric("truncated_rate");
    for (int step : accuracy.keySet()) {
      grpo.recall(step, accuracy.get(step), entropy.get(step), truncated.get(step));
    }
  }

  private GrpoResult steps(Grpo grpo, TrainedWeights weights, @Nullable RunDirectory run)
      throws IOException {
    GrpoStepReport first = null;
    GrpoStepReport last = null;
    long start = System.nanoTime();
    while (!grpo.isDone()) {
      last = grpo.step();
      first = first == null ? last : first;
      if (run != null) {
        run.appendMetrics(last.toMetrics());
        if (last.step() % request.checkpointSteps() == 0 || grpo.isDone()) {
          run.writeCheckpoint(weights, grpo.progress());
        }
      }
      listener.step(last);
    }
    return new GrpoResult(
        grpo.progress().step(),
        grpo.progress().tokens(),
        first,
        last,
        (System.nanoTime() - start) / 1e9);
  }

  /// Short, because a trained file should be no larger than one that was only quantized.
  private String origin() {
    GrpoSettings s = request.settings();
    return "grpo %dx%dx%d lr %s kl %s seed %d"
        .formatted(
            s.steps(), s.promptsPerStep(), s.groupSize(), s.learningRate(), s.klWeight(), s.seed());
  }
}
