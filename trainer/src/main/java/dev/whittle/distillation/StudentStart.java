package dev.whittle.distillation;

import dev.whittle.blockwise.BlockwiseListener;
import dev.whittle.blockwise.BlockwiseQuantizer;
import dev.whittle.blockwise.BlockwiseSettings;
import dev.whittle.blockwise.Reconstruction;
import dev.whittle.data.TokenizedCorpus;
import dev.whittle.data.TokenizedDocument;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.gptq.GptqQuantizer;
import dev.whittle.gptq.GptqSettings;
import dev.whittle.io.AtomicFile;
import dev.whittle.io.TemporaryFolder;
import dev.whittle.model.ModelFile;
import dev.whittle.quantization.ImportanceCollector;
import dev.whittle.quantization.ImportanceMatrix;
import dev.whittle.quantization.PostTrainingQuantizer;
import dev.whittle.quantization.QuantizationException;
import dev.whittle.quantization.QuantizationMethod;
import dev.whittle.training.RunDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// Where the student of a [DistillationJob] begins.
final class StudentStart {
  /// Documents that an importance matrix is collected from, spread over the data.
  private static final int IMPORTANCE_DOCUMENTS = 2048;

  private static final int IMPORTANCE_CHUNK = 512;

  /// Documents that GPTQ is calibrated with, spread over the data.
  private static final int CALIBRATION_DOCUMENTS = 1024;

  /// Documents that layers are reconstructed with, spread over the data.
  private static final int RECONSTRUCTION_DOCUMENTS = 4096;

  private final DistillationRequest request;
  private final DistillationListener listener;
  private final TokenizedCorpus corpus;
  private final int[] documents;
  private final @Nullable RunDirectory run;

  /// @param documents the numbers of those of the corpus that are collected or calibrated on, where
  ///   the start needs that: those that are trained on
  /// @param run where what was made for the start is kept; null for nowhere
  StudentStart(
      DistillationRequest request,
      DistillationListener listener,
      TokenizedCorpus corpus,
      int[] documents,
      @Nullable RunDirectory run) {
    this.request = request;
    this.listener = listener;
    this.corpus = corpus;
    this.documents = documents;
    this.run = run;
  }

  /// The importance matrix that was given, or the run's own, or a new one where the start wants
  /// one.
  ///
  /// @throws IOException if it cannot be read or written
  @Nullable ImportanceMatrix importanceMatrix() throws IOException {
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
    ImportanceMatrix matrix = collectImportance();
    if (kept != null) {
      matrix.write(kept, true);
    }
    return matrix;
  }

  private ImportanceMatrix collectImportance() {
    int count = Math.min(IMPORTANCE_DOCUMENTS, documents.length);
    List<int[]> text = new ArrayList<>();
    long tokens = 0;
    for (TokenizedDocument document : spread(count)) {
      text.add(document.tokens());
      tokens += document.length();
    }
    long chunks = Math.max(1, tokens / IMPORTANCE_CHUNK);
    int chunkSize = (int) Math.max(16, Math.min(IMPORTANCE_CHUNK, tokens));
    try (LlamaModel model = LlamaModel.load(request.teacher(), request.inference().model())) {
      return new ImportanceCollector(chunkSize, false, request.threads())
          .collect(
              model,
              text,
              request.data().stream()
                  .map(dataset -> dataset.path().getFileName().toString())
                  .collect(Collectors.joining(", ")),
              done -> listener.importance(Math.min(count, done * count / chunks), count));
    }
  }

  /// So many documents, at equal distances.
  private List<TokenizedDocument> spread(int count) {
    List<TokenizedDocument> some = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      some.add(corpus.document(documents[(int) ((long) i * documents.length / count)]));
    }
    return some;
  }

  /// Gives the blocks their first values.
  ///
  /// @throws IOException if a file cannot be read or written
  void encode(StudentReplicas students, ModelFile teacher) throws IOException {
    switch (request.start()) {
      case Start.Model(Path file) -> {
        listener.stage("encoding the blocks");
        startFrom(file, students, teacher);
      }
      case Start.Gptq _, Start.Blockwise _ -> {
        String name = request.start() + ".gguf";
        if (run != null) {
          Path kept = run.root().resolve(name);
          if (!request.resume() || !Files.exists(kept)) {
            quantize(teacher, kept);
          }
          startFrom(kept, students, teacher);
        } else {
          try (TemporaryFolder folder = TemporaryFolder.create()) {
            Path file = folder.resolve(name);
            quantize(teacher, file);
            startFrom(file, students, teacher);
          }
        }
      }
      case Start.RoundToNearest _, Start.Importance _ -> {
        listener.stage("encoding the blocks");
        students.encode();
      }
    }
  }

  private static void startFrom(Path file, StudentReplicas students, ModelFile teacher) {
    try (ModelFile model = ModelFile.open(file)) {
      if (!model.config().equals(teacher.config())) {
        throw new QuantizationException(
            file + " has another shape than the teacher; start from a file of the same model");
      }
      students.startFrom(model);
    }
  }

  private void quantize(ModelFile teacher, Path target) throws IOException {
    boolean blockwise = request.start() instanceof Start.Blockwise;
    listener.stage(blockwise ? "quantizing block by block" : "quantizing by GPTQ");
    int most = blockwise ? RECONSTRUCTION_DOCUMENTS : CALIBRATION_DOCUMENTS;
    TokenizedCorpus text = TokenizedCorpus.of(spread(Math.min(most, documents.length)));
    PostTrainingQuantizer types =
        new PostTrainingQuantizer(
            request.types(),
            blockwise ? QuantizationMethod.BLOCKWISE : QuantizationMethod.GPTQ,
            null,
            false,
            request.threads());
    AtomicFile.checkRoom(target, types.plan(teacher.file()).bytes());
    if (blockwise) {
      new BlockwiseQuantizer(types, BlockwiseSettings.defaults())
          .quantize(teacher, text, null, target, true, layers());
    } else {
      new GptqQuantizer(types, GptqSettings.defaults())
          .quantize(teacher, text, null, target, true, layers());
    }
  }

  private BlockwiseListener layers() {
    return new BlockwiseListener() {
      @Override
      public void layer(int done, int layers) {
        listener.gptq(done, layers);
      }

      @Override
      public void warning(String sentence) {
        listener.warning(sentence);
      }

      @Override
      public void reconstructed(Reconstruction result) {}
    };
  }
}
