package dev.whittle.distillation;

import dev.whittle.data.CorpusLimits;
import dev.whittle.data.DataPosition;
import dev.whittle.data.DocumentTokenizer;
import dev.whittle.data.JsonlDataset;
import dev.whittle.data.PackedBatches;
import dev.whittle.data.TokenizedCorpus;
import dev.whittle.ggml.Backend;
import dev.whittle.ggml.Device;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.LlamaModelOptions;
import dev.whittle.gguf.TensorInfo;
import dev.whittle.io.AtomicFile;
import dev.whittle.model.BatchShape;
import dev.whittle.model.FrozenWeights;
import dev.whittle.model.ModelConfig;
import dev.whittle.model.ModelFile;
import dev.whittle.model.Trunk;
import dev.whittle.quantization.ImportanceCollector;
import dev.whittle.quantization.ImportanceMatrix;
import dev.whittle.quantization.QuantizationException;
import dev.whittle.quantization.QuantizationPlan;
import dev.whittle.training.Digests;
import dev.whittle.training.RunDirectory;
import dev.whittle.training.TrainedModelFile;
import dev.whittle.training.TrainedWeights;
import dev.whittle.training.Workers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Runs a [DistillationRequest]: reads teacher and data, prepares the student, trains it, writes
/// metrics and checkpoints on the way and the model at the end.
public final class DistillationJob {
  /// Documents that an importance matrix is collected from, spread over the data.
  private static final int IMPORTANCE_DOCUMENTS = 2048;

  private static final int IMPORTANCE_CHUNK = 512;

  /// Kept activations may take this share of the memory that is free.
  private static final double ACTIVATION_SHARE = 0.25;

  private final DistillationRequest request;
  private final DistillationListener listener;

  public DistillationJob(DistillationRequest request, DistillationListener listener) {
    this.request = request;
    this.listener = listener;
  }

  /// Runs the job.
  ///
  /// @throws IOException if a file cannot be read or written, or a run cannot be begun or resumed
  /// @throws dev.whittle.gguf.GgufException if a model or checkpoint is damaged or does not fit
  /// @throws dev.whittle.data.DataException if the data is malformed
  /// @throws QuantizationException if the model cannot have the wanted types
  /// @throws ArithmeticException if training diverges
  public DistillationResult run() throws IOException {
    AtomicFile.checkWritable(request.output(), request.overwrite());
    try (Backend backend = Backend.cpu(request.threads());
        Workers workers = new Workers(request.threads());
        ModelFile teacher = ModelFile.open(request.teacher());
        FrozenWeights teacherWeights = new FrozenWeights(backend, teacher)) {
      boolean importance = request.start() instanceof Start.Importance;
      QuantizationPlan plan =
          QuantizationPlan.of(
              request.types(), teacher.file(), importance || request.importance() != null);
      listener.stage("reading the data");
      TokenizedCorpus corpus = readCorpus();
      RunDirectory run = openRun(recipe());
      ImportanceMatrix matrix = importanceMatrix(corpus, run);
      requireImportance(plan, matrix);
      try (TrainedWeights weights =
          new TrainedWeights(
              backend,
              teacher,
              tensor -> type(plan, tensor),
              tensor -> importance(matrix, tensor),
              request.settings().forward(),
              workers)) {
        begin(weights, teacher);
        return train(backend, teacher, teacherWeights, weights, corpus, run);
      }
    }
  }

  private TokenizedCorpus readCorpus() {
    try (LlamaModel tokenizer =
        LlamaModel.load(request.teacher(), LlamaModelOptions.vocabulary())) {
      return TokenizedCorpus.read(
          new JsonlDataset(request.data()),
          new DocumentTokenizer(tokenizer),
          CorpusLimits.ofContext(request.settings().contextLength()));
    }
  }

  private Map<String, Object> recipe() {
    Map<String, Object> recipe = new LinkedHashMap<>();
    recipe.put("teacher", request.teacher().toString());
    recipe.put("teacher_sha256", Digests.sha256(request.teacher()));
    recipe.put("data", request.data().toString());
    recipe.put("data_sha256", Digests.sha256(request.data()));
    recipe.put("type", request.types().fileType().name());
    recipe.put("pure", request.types().pure());
    Map<String, String> tensorTypes = new LinkedHashMap<>();
    request.types().tensorTypes().forEach((k, v) -> tensorTypes.put(k.pattern(), v.name()));
    recipe.put("tensor_types", tensorTypes);
    recipe.put("init", request.start().toString());
    if (request.importance() != null) {
      recipe.put("imatrix_sha256", Digests.sha256(request.importance()));
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

  /// The importance matrix that was given, or the run's own, or a new one where the start wants
  /// one.
  private @Nullable ImportanceMatrix importanceMatrix(
      TokenizedCorpus corpus, @Nullable RunDirectory run) throws IOException {
    if (request.importance() != null) {
      return ImportanceMatrix.read(request.importance());
    }
    if (!(request.start() instanceof Start.Importance)) {
      return null;
    }
    Path kept = run == null ? null : run.root().resolve("imatrix.gguf");
    if (kept != null && request.resume() && Files.exists(kept)) {
      return ImportanceMatrix.read(kept);
    }
    listener.stage("collecting the importance matrix");
    ImportanceMatrix matrix = collectImportance(corpus);
    if (kept != null) {
      matrix.write(kept, true);
    }
    return matrix;
  }

  private ImportanceMatrix collectImportance(TokenizedCorpus corpus) {
    int count = Math.min(IMPORTANCE_DOCUMENTS, corpus.size());
    List<int[]> documents = new ArrayList<>();
    long tokens = 0;
    for (int i = 0; i < count; i++) {
      int[] document = corpus.document((int) ((long) i * corpus.size() / count)).tokens();
      documents.add(document);
      tokens += document.length;
    }
    long chunks = Math.max(1, tokens / IMPORTANCE_CHUNK);
    int chunkSize = (int) Math.max(16, Math.min(IMPORTANCE_CHUNK, tokens));
    try (LlamaModel model = LlamaModel.load(request.teacher(), LlamaModelOptions.defaults())) {
      return new ImportanceCollector(chunkSize, false, request.threads())
          .collect(
              model,
              documents,
              request.data().getFileName().toString(),
              done -> listener.importance(Math.min(count, done * count / chunks), count));
    }
  }

  private static void requireImportance(QuantizationPlan plan, @Nullable ImportanceMatrix matrix) {
    for (QuantizationPlan.Assignment assignment : plan.tensors()) {
      if (assignment.type().requiresImportance()
          && importance(matrix, assignment.tensor()) == null) {
        throw new QuantizationException(
            "tensor '"
                + assignment.tensor().name()
                + "' cannot become "
                + assignment.type()
                + " without an importance matrix; use --init imatrix or give one with --imatrix");
      }
    }
  }

  private static GgmlType type(QuantizationPlan plan, TensorInfo tensor) {
    return plan.assignment(tensor.name()).orElseThrow().type();
  }

  private static float @Nullable [] importance(
      @Nullable ImportanceMatrix matrix, TensorInfo tensor) {
    return matrix == null ? null : matrix.means(tensor.name()).orElse(null);
  }

  /// Gives the blocks their first values.
  private void begin(TrainedWeights weights, ModelFile teacher) {
    listener.stage("encoding the blocks");
    if (request.start() instanceof Start.Model(Path file)) {
      try (ModelFile model = ModelFile.open(file)) {
        if (!model.config().equals(teacher.config())) {
          throw new QuantizationException(
              file + " has another shape than the teacher; start from a file of the same model");
        }
        weights.startFrom(model);
      }
    } else {
      weights.encode();
    }
  }

  private DistillationResult train(
      Backend backend,
      ModelFile teacher,
      FrozenWeights teacherWeights,
      TrainedWeights weights,
      TokenizedCorpus corpus,
      @Nullable RunDirectory run)
      throws IOException {
    DistillationSettings settings = request.settings();
    BatchPlan plan = BatchPlan.of(settings.tokensPerStep(), corpus.longest());
    Optional<Path> checkpoint =
        run != null && request.resume() ? run.newestCheckpoint() : Optional.empty();
    double confidence = 0;
    if (settings.loss().needsConfidence()) {
      confidence =
          TeacherConfidence.measure(
              backend,
              teacher,
              teacherWeights,
              new PackedBatches(corpus, plan.shape(), settings.seed(), DataPosition.START),
              plan.shape(),
              settings.completionOnly());
    }
    try (Distillation distillation =
        new Distillation(
            backend,
            settings,
            teacher,
            teacherWeights,
            weights,
            corpus,
            confidence,
            activations(teacher.config(), plan.shape()))) {
      if (checkpoint.isPresent()) {
        distillation.restore(checkpoint.get());
      }
      if (run != null) {
        run.truncateMetrics(distillation.progress().step());
      }
      listener.stage("training");
      DistillationResult result = steps(distillation, weights, run);
      listener.stage("writing " + request.output());
      TrainedModelFile.write(
          request.output(),
          request.overwrite(),
          teacher.file(),
          weights,
          request.types().fileType(),
          origin());
      return result;
    }
  }

  private DistillationResult steps(
      Distillation distillation, TrainedWeights weights, @Nullable RunDirectory run)
      throws IOException {
    StepReport first = null;
    StepReport last = null;
    long start = System.nanoTime();
    while (!distillation.isDone()) {
      last = distillation.step();
      first = first == null ? last : first;
      if (run != null) {
        run.appendMetrics(metrics(last));
        if (last.step() % request.checkpointSteps() == 0 || distillation.isDone()) {
          run.writeCheckpoint(weights, distillation.progress());
        }
      }
      listener.step(last);
    }
    return new DistillationResult(
        distillation.progress().step(),
        distillation.progress().tokens(),
        first,
        last,
        (System.nanoTime() - start) / 1e9);
  }

  private static Map<String, Object> metrics(StepReport r) {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("step", r.step());
    line.put("tokens", r.tokens());
    line.put("loss", r.loss());
    line.put("lr", r.learningRate());
    line.put("grad_norm", r.gradientNorm());
    line.put("tokens_per_second", r.tokensPerSecond());
    line.put("peak_bytes", r.peakBytes());
    return line;
  }

  private Trunk.Activations activations(ModelConfig c, BatchShape shape) {
    if (request.activations() != null) {
      return request.activations();
    }
    // What a layer keeps for each token: normed and projected states, gates, and the attention
    // probabilities of each head.
    double floats =
        6.0 * c.width()
            + 6.0 * c.headSize() * c.heads()
            + 4.0 * c.feedForward()
            + 2.0 * c.heads() * shape.rowLength();
    double bytes = Float.BYTES * floats * shape.tokens() * c.layers();
    return bytes < ACTIVATION_SHARE * Device.cpu().memory().free()
        ? Trunk.Activations.KEPT
        : Trunk.Activations.RECOMPUTED;
  }

  /// Short, because a trained file should be no larger than one that was only quantized; the whole
  /// story is in the run directory.
  private String origin() {
    DistillationSettings s = request.settings();
    return "%s %dx%d lr %s seed %d"
        .formatted(s.loss(), s.steps(), s.tokensPerStep(), s.learningRate(), s.seed());
  }
}
