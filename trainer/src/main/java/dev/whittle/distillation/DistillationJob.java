package dev.whittle.distillation;

import dev.whittle.data.CorpusLimits;
import dev.whittle.data.DataException;
import dev.whittle.data.DataPosition;
import dev.whittle.data.Dataset;
import dev.whittle.data.DocumentTokenizer;
import dev.whittle.data.PackedBatches;
import dev.whittle.data.TokenizedCorpus;
import dev.whittle.evaluation.TaskEvaluation;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.LlamaModelOptions;
import dev.whittle.gguf.TensorInfo;
import dev.whittle.inference.ModelLoader;
import dev.whittle.io.AtomicFile;
import dev.whittle.model.ModelFile;
import dev.whittle.model.Trunk;
import dev.whittle.quantization.ImportanceMatrix;
import dev.whittle.quantization.QuantizationException;
import dev.whittle.quantization.QuantizationPlan;
import dev.whittle.training.AvailableMemory;
import dev.whittle.training.Digests;
import dev.whittle.training.RunDirectory;
import dev.whittle.training.RunLock;
import dev.whittle.training.ScaleMode;
import dev.whittle.training.TrainedModelFile;
import dev.whittle.training.TrainedWeights;
import dev.whittle.training.Workers;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Runs a [DistillationRequest]: reads teacher and data, prepares the student, trains it, writes
/// metrics and checkpoints on the way and the model at the end.
public final class DistillationJob {
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
  /// @throws TeacherCacheException if the teacher cache cannot be used
  /// @throws QuantizationException if the model cannot have the wanted types
  /// @throws MemoryException if there is not enough memory
  /// @throws ArithmeticException if training diverges
  public DistillationResult run() throws IOException {
    AtomicFile.checkWritable(request.output(), request.overwrite());
    try (Workers workers = new Workers(request.threads());
        ModelFile teacher = ModelFile.open(request.teacher());
        ReplicaGroup group = new ReplicaGroup(request.devices(), request.threads(), teacher)) {
      QuantizationPlan plan = types(teacher);
      AtomicFile.checkRoom(request.output(), fileBytes(teacher, plan));
      listener.stage("reading the data");
      TokenizedCorpus corpus = readCorpus(teacher);
      MemoryChoice memory = memory(group, teacher, plan, corpus, workers);
      memory.requireFit(request.teacher().toString());
      String teacherDigest = Digests.sha256(request.teacher());
      try (TeacherCache cache = openCache(teacher, teacherDigest, corpus);
          RunLock _ = RunLock.of(request.runDirectory())) {
        RunDirectory run = openRun(recipe(teacherDigest));
        int[] documents = documents(corpus);
        StudentStart start = new StudentStart(request, listener, corpus, documents, run);
        ImportanceMatrix matrix = start.importanceMatrix();
        requireImportance(plan, matrix);
        if (cache != null && !cache.isFull()) {
          listener.stage("filling " + request.teacherCache());
          cache.fill(group.backend(), teacher, group.teacher(), listener::teacherStates);
        }
        try (StudentReplicas students =
            new StudentReplicas(
                group,
                backend ->
                    new TrainedWeights(
                        backend,
                        teacher,
                        tensor -> type(plan, tensor),
                        tensor -> importance(matrix, tensor),
                        request.settings().weights(),
                        workers))) {
          start.encode(students, teacher);
          return train(
              group, teacher, students, corpus, documents, cache, memory.activations(), run);
        }
      }
    }
  }

  /// What [#run] would do and take. Nothing is written.
  ///
  /// @throws dev.whittle.gguf.GgufException if a model is damaged or does not fit
  /// @throws dev.whittle.data.DataException if the data is malformed
  /// @throws QuantizationException if the model cannot have the wanted types
  public DistillationPlan plan() {
    try (Workers workers = new Workers(request.threads());
        ModelFile teacher = ModelFile.open(request.teacher());
        ReplicaGroup group = new ReplicaGroup(request.devices(), request.threads(), teacher)) {
      QuantizationPlan types = types(teacher);
      listener.stage("reading the data");
      TokenizedCorpus corpus = readCorpus(teacher);
      return new DistillationPlan(
          types,
          corpus.size(),
          corpus.tokens(),
          request.settings().steps(),
          group.size(),
          request.settings().batches(corpus.longest(), group.size()),
          memory(group, teacher, types, corpus, workers),
          fileBytes(teacher, types));
    }
  }

  /// The size of the file that [#run] would write.
  ///
  /// @throws dev.whittle.gguf.GgufException if the teacher is damaged
  /// @throws QuantizationException if it cannot have the wanted types
  public long fileBytes() {
    try (ModelFile teacher = ModelFile.open(request.teacher())) {
      return fileBytes(teacher, types(teacher));
    }
  }

  private long fileBytes(ModelFile teacher, QuantizationPlan types) {
    return TrainedModelFile.bytes(
        teacher.file(), tensor -> type(types, tensor), request.types().fileType(), origin());
  }

  private QuantizationPlan types(ModelFile teacher) {
    boolean importance =
        request.start() instanceof Start.Importance
            || request.start() instanceof Start.Gptq
            || request.start() instanceof Start.Blockwise
            || request.importance() != null;
    QuantizationPlan plan = QuantizationPlan.of(request.types(), teacher.file(), importance);
    if (!importance) {
      requireImportance(plan, null);
    }
    requireScales(plan, request.settings().scales());
    return plan;
  }

  private MemoryChoice memory(
      ReplicaGroup group,
      ModelFile teacher,
      QuantizationPlan types,
      TokenizedCorpus corpus,
      Workers workers) {
    return MemoryChoice.of(
        new MemoryMeter(
            group.backend(),
            teacher,
            group.teacher(),
            types,
            request.teacherCache() != null,
            workers,
            AvailableMemory.javaBytes(group.backend()),
            group.size()),
        request.settings(),
        corpus.longest(),
        request.activations(),
        group.availableBytes());
  }

  private @Nullable TeacherCache openCache(
      ModelFile teacher, String teacherDigest, TokenizedCorpus corpus) throws IOException {
    Path file = request.teacherCache();
    return file == null ? null : TeacherCache.open(file, teacher, teacherDigest, corpus);
  }

  /// A student of a quantized teacher comes close to that one, whatever the original would say.
  private void warnOfQuantized(ModelFile teacher) {
    teacher.file().tensors().stream()
        .map(TensorInfo::type)
        .filter(GgmlType::isQuantized)
        .findFirst()
        .ifPresent(type ->
            listener.warning(
                request.teacher()
                    + " is quantized itself (tensors in "
                    + type
                    + "): the student learns from that, and not from the model in full precision"));
  }

  private TokenizedCorpus readCorpus(ModelFile teacher) {
    warnOfQuantized(teacher);
    try (LlamaModel vocabulary =
        ModelLoader.load(request.teacher(), LlamaModelOptions.vocabulary())) {
      DocumentTokenizer tokenizer = new DocumentTokenizer(vocabulary);
      requireQuestions(tokenizer, teacher.trainedContext());
      CorpusLimits limits =
          CorpusLimits.ofContext(request.settings().contextLength())
              .withOverlong(request.settings().overlong());
      TokenizedCorpus corpus = TokenizedCorpus.read(request.data(), tokenizer, limits);
      limits.notice(corpus).ifPresent(listener::warning);
      if (request.settings().completionOnly() && corpus.completionTokens() == 0) {
        throw new DataException(
            "the data has nothing that the model is to produce; give its messages the role"
                + " 'assistant', or leave out --completion-only");
      }
      HeldOut heldOut = heldOut();
      if (heldOut != null) {
        // Fails where there are too few documents.
        heldOut.of(corpus);
      }
      if (request.settings().onPolicy() != null) {
        // Likewise where there is nothing to reply to.
        Prompts.of(corpus, documents(corpus), request.settings().seed());
      }
      return corpus;
    }
  }

  /// Fails where the questions cannot be asked, before any training.
  private void requireQuestions(DocumentTokenizer tokenizer, int context) {
    EvaluationSettings evaluation = request.evaluation();
    if (evaluation != null && evaluation.questions() != null) {
      TaskEvaluation.requireQuestions(evaluation.questions().dataset(), tokenizer, context);
    }
  }

  /// The numbers of the documents to train on.
  private int[] documents(TokenizedCorpus corpus) {
    HeldOut heldOut = heldOut();
    return heldOut == null ? IntStream.range(0, corpus.size()).toArray() : heldOut.rest(corpus);
  }

  private @Nullable HeldOut heldOut() {
    EvaluationSettings evaluation = request.evaluation();
    return evaluation == null ? null : evaluation.heldOut();
  }

  private Map<String, Object> recipe(String teacherDigest) {
    Map<String, Object> recipe = new LinkedHashMap<>();
    recipe.put("teacher", request.teacher().toString());
    recipe.put("teacher_sha256", teacherDigest);
    // Not its name: it holds the same wherever it is.
    recipe.put("teacher_cache", request.teacherCache() != null);
    List<Path> data = request.data().stream().map(Dataset::path).toList();
    recipe.put("data", oneOrAll(data.stream().map(Path::toString).toList()));
    recipe.put("data_sha256", oneOrAll(data.stream().map(Digests::sha256).toList()));
    String domain = request.data().getFirst().domain();
    if (domain != null) {
      recipe.put("domain", domain);
    }
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
    if (request.evaluation() != null) {
      recipe.putAll(request.evaluation().toMap());
    }
    return recipe;
  }

  private static Object oneOrAll(List<String> values) {
    return values.size() == 1 ? values.getFirst() : values;
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

  private static void requireImportance(QuantizationPlan plan, @Nullable ImportanceMatrix matrix) {
    for (QuantizationPlan.Assignment assignment : plan.tensors()) {
      // Of every tensor: that fails where the matrix is another model's.
      float[] columns = importance(matrix, assignment.tensor());
      if (columns == null && assignment.type().requiresImportance()) {
        throw new QuantizationException(
            "tensor '"
                + assignment.tensor().name()
                + "' cannot become "
                + assignment.type()
                + " without an importance matrix; use --init imatrix or give one with --imatrix");
      }
    }
  }

  private static void requireScales(QuantizationPlan plan, ScaleMode mode) {
    for (QuantizationPlan.Assignment assignment : plan.tensors()) {
      if (!mode.fits(assignment.type())) {
        throw new QuantizationException(
            "tensor '"
                + assignment.tensor().name()
                + "' becomes "
                + assignment.type()
                + ", whose scales cannot be "
                + mode.name().toLowerCase(Locale.ROOT)
                + "; use --scales refit");
      }
    }
  }

  private static GgmlType type(QuantizationPlan plan, TensorInfo tensor) {
    return plan.assignment(tensor.name()).orElseThrow().type();
  }

  private static float @Nullable [] importance(
      @Nullable ImportanceMatrix matrix, TensorInfo tensor) {
    return matrix == null ? null : matrix.means(tensor).orElse(null);
  }

  private DistillationResult train(
      ReplicaGroup group,
      ModelFile teacher,
      StudentReplicas students,
      TokenizedCorpus corpus,
      int[] documents,
      @Nullable TeacherCache cache,
      Trunk.Activations activations,
      @Nullable RunDirectory run)
      throws IOException {
    DistillationSettings settings = request.settings();
    BatchPlan plan = settings.batches(corpus.longest(), group.size());
    Optional<Path> checkpoint =
        run != null && request.resume() ? run.newestCheckpoint() : Optional.empty();
    double confidence = 0;
    if (settings.widestLoss().needsConfidence()) {
      confidence =
          TeacherConfidence.measure(
              group.backend(),
              teacher,
              group.teacher(),
              cache,
              new PackedBatches(
                  corpus, documents, plan.shape(), settings.seed(), DataPosition.START),
              plan.shape(),
              settings.completionOnly());
    }
    try (Distillation distillation =
            new Distillation(
                settings, teacher, students, corpus, documents, cache, confidence, activations);
        StudentReplies replies = replies(group, teacher, corpus, documents, plan)) {
      if (checkpoint.isPresent()) {
        distillation.restore(checkpoint.get());
      }
      if (run != null) {
        run.truncateMetrics(distillation.progress().step());
      }
      listener.stage("training");
      BestModel.Writer writer = target -> write(target, true, teacher, students);
      try (Evaluations evaluations = evaluations(teacher, corpus, plan, run)) {
        DistillationResult result =
            new DistillationSteps(
                    request, listener, distillation, students, replies, evaluations, run, writer)
                .toTheEnd();
        listener.stage("writing " + request.output());
        if (evaluations == null) {
          write(request.output(), request.overwrite(), teacher, students);
        } else {
          evaluations.best().copyTo(request.output(), request.overwrite());
        }
        return result;
      }
    }
  }

  private @Nullable Evaluations evaluations(
      ModelFile teacher, TokenizedCorpus corpus, BatchPlan plan, @Nullable RunDirectory run)
      throws IOException {
    EvaluationSettings settings = request.evaluation();
    return settings == null
        ? null
        : new Evaluations(
            settings,
            corpus,
            plan.shape(),
            teacher.file(),
            request.types().fileType(),
            request.inference(),
            run);
  }

  private void write(Path target, boolean overwrite, ModelFile teacher, StudentReplicas students)
      throws IOException {
    TrainedModelFile.write(
        target, overwrite, teacher.file(), students.first(), request.types().fileType(), origin());
  }

  private @Nullable StudentReplies replies(
      ReplicaGroup group,
      ModelFile teacher,
      TokenizedCorpus corpus,
      int[] documents,
      BatchPlan plan)
      throws IOException {
    OnPolicy onPolicy = request.settings().onPolicy();
    return onPolicy == null
        ? null
        : new StudentReplies(
            request.settings(),
            onPolicy,
            corpus,
            documents,
            plan,
            group.size(),
            teacher.file(),
            request.types().fileType(),
            request.inference());
  }

  /// Short, because a trained file should be no larger than one that was only quantized; the whole
  /// story is in the run directory.
  private String origin() {
    DistillationSettings s = request.settings();
    return "%s %dx%d lr %s seed %d"
        .formatted(s.loss(), s.steps(), s.tokensPerStep(), s.learningRate(), s.seed());
  }
}
