package dev.whittle.distillation;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.data.DataPosition;
import dev.whittle.data.PackedBatch;
import dev.whittle.data.PackedBatches;
import dev.whittle.data.TokenizedCorpus;
import dev.whittle.data.TokenizedDocument;
import dev.whittle.ggml.Backend;
import dev.whittle.ggml.GgmlType;
import dev.whittle.huggingface.HuggingFaceCheckpoint;
import dev.whittle.huggingface.TinyCheckpoint;
import dev.whittle.model.BatchShape;
import dev.whittle.model.FrozenWeights;
import dev.whittle.model.ModelFile;
import dev.whittle.model.Trunk;
import dev.whittle.training.Digests;
import dev.whittle.training.Forward;
import dev.whittle.training.MomentType;
import dev.whittle.training.TrainedWeights;
import dev.whittle.training.Workers;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class TeacherCacheTest {
  /// Fills two micro-batches.
  private static final int DOCUMENTS = 200;

  @TempDir Path folder;
  private Path file;
  private Backend backend;
  private final TokenizedCorpus corpus = corpus(DOCUMENTS, 1);

  @BeforeEach
  void begin() {
    file = folder.resolve("cache");
    backend = Backend.cpu(1);
  }

  @AfterEach
  void end() {
    backend.close();
  }

  private static TokenizedCorpus corpus(int documents, long seed) {
    Random random = new Random(seed);
    List<TokenizedDocument> list = new ArrayList<>();
    for (int i = 0; i < documents; i++) {
      int[] tokens = random.ints(2 + random.nextInt(30), 0, TinyCheckpoint.VOCABULARY).toArray();
      list.add(new TokenizedDocument(tokens, new BitSet()));
    }
    return TokenizedCorpus.of(list);
  }

  /// A model, and what is needed to fill a cache with it.
  private final class Teacher implements AutoCloseable {
    final String digest;
    final ModelFile model;
    final FrozenWeights weights;

    Teacher(long seed, GgmlType type) throws IOException {
      Path path = folder.resolve(type + "-" + seed + ".gguf");
      try (HuggingFaceCheckpoint checkpoint =
          HuggingFaceCheckpoint.open(
              TinyCheckpoint.qwen3(seed).write(folder.resolve(type + "-" + seed)))) {
        checkpoint.writeGguf(path, type, true);
      }
      digest = Digests.sha256(path);
      model = ModelFile.open(path);
      weights = new FrozenWeights(backend, model);
    }

    TeacherCache open() throws IOException {
      return open(corpus);
    }

    TeacherCache open(TokenizedCorpus documents) throws IOException {
      return TeacherCache.open(file, model, digest, documents);
    }

    TeacherCache filled() throws IOException {
      TeacherCache cache = open();
      cache.fill(backend, model, weights, (documents, total) -> {});
      return cache;
    }

    @Override
    public void close() {
      weights.close();
      model.close();
    }
  }

  private Teacher teacher() throws IOException {
    return new Teacher(1, GgmlType.BF16);
  }

  /// Documents that lie in their rows as they do while the cache is filled.
  private List<PackedBatch> batches(BatchShape shape) {
    PackedBatches batches = PackedBatches.inOrder(corpus, shape);
    return List.of(batches.next(), batches.next());
  }

  private BatchShape shape() {
    return BatchPlan.of(2048, corpus.longest(), 2048, 1).shape();
  }

  /// The loss and then the gradients of all parameters.
  private List<float[]> lossAndGradients(
      Teacher teacher, TeacherCache cache, List<PackedBatch> batches) {
    try (Workers workers = new Workers(1);
        TrainedWeights weights =
            new TrainedWeights(
                backend,
                teacher.model,
                tensor ->
                    tensor.rowLength() % 32 == 0 && tensor.rows() > 1
                        ? GgmlType.Q4_0
                        : GgmlType.F32,
                tensor -> null,
                Forward.DEPLOYED,
                MomentType.F32,
                workers);
        DistillationEngine engine =
            new DistillationEngine(
                backend,
                teacher.model,
                teacher.weights,
                cache,
                weights,
                batches.getFirst().shape(),
                LossMix.of(Objective.FORWARD_KL),
                0,
                false,
                Trunk.Activations.KEPT)) {
      weights.encode();
      List<float[]> result = new ArrayList<>();
      double loss = engine.run(batches, engine.targets(batches));
      result.add(new float[] {(float) loss, (float) (loss - (float) loss)});
      weights.parameters().forEach(p -> result.add(p.gradient().readFloats()));
      return result;
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"BF16", "F16", "F32"})
  void cachedStatesGiveTheSameLossAndGradientsToTheBit(GgmlType type) throws Exception {
    try (Teacher teacher = new Teacher(1, type);
        TeacherCache cache = teacher.filled()) {
      assertEquals(type, cache.layout().type());
      List<PackedBatch> batches = batches(shape());
      List<float[]> computed = lossAndGradients(teacher, null, batches);
      List<float[]> cached = lossAndGradients(teacher, cache, batches);
      assertTrue(computed.getFirst()[0] > 0);
      for (int i = 0; i < computed.size(); i++) {
        assertArrayEquals(computed.get(i), cached.get(i));
      }
    }
  }

  /// In another order, documents lie elsewhere in their rows, which changes the order of sums: the
  /// states are off by about a rounding to BF16, 2⁻⁹, and the loss by less.
  @Test
  void anotherOrderOfTheDocumentsChangesTheLossByRoundingOnly() throws Exception {
    try (Teacher teacher = teacher();
        TeacherCache cache = teacher.filled()) {
      PackedBatches shuffled = new PackedBatches(corpus, shape(), 7, DataPosition.START);
      List<PackedBatch> batches = List.of(shuffled.next());
      float computed = lossAndGradients(teacher, null, batches).getFirst()[0];
      float cached = lossAndGradients(teacher, cache, batches).getFirst()[0];
      assertEquals(computed, cached, 2e-3 * computed);
    }
  }

  /// What a kill looks like from inside: nothing more is stored.
  private static final class Killed extends RuntimeException {
    private static final long serialVersionUID = 1;
  }

  private static void killAfterOneBatch(int documents, int total) {
    throw new Killed();
  }

  @Test
  void fillingGoesOnWhereItWasKilledAndGivesTheSameFile() throws Exception {
    try (Teacher teacher = teacher()) {
      teacher.filled().close();
      byte[] whole = Files.readAllBytes(file);
      Files.delete(file);
      try (TeacherCache cache = teacher.open()) {
        assertThrows(
            Killed.class,
            () ->
                cache.fill(
                    backend, teacher.model, teacher.weights, TeacherCacheTest::killAfterOneBatch));
      }
      List<Integer> filled = new ArrayList<>();
      try (TeacherCache cache = teacher.open()) {
        assertFalse(cache.isFull());
        cache.fill(
            backend, teacher.model, teacher.weights, (documents, total) -> filled.add(documents));
        assertTrue(cache.isFull());
      }
      assertEquals(List.of(DOCUMENTS), filled);
      assertArrayEquals(whole, Files.readAllBytes(file));
    }
  }

  /// A document counts from its entry on, which is written after its states.
  @Test
  void aDocumentWithoutItsEntryIsStoredAgain() throws Exception {
    try (Teacher teacher = teacher()) {
      teacher.filled().close();
      byte[] whole = Files.readAllBytes(file);
      TeacherCacheLayout layout = TeacherCacheLayout.of(teacher.model, teacher.digest, corpus);
      overwrite(layout.entry(17), new byte[Long.BYTES]);
      overwrite(layout.states(17), new byte[2]);
      teacher.filled().close();
      assertArrayEquals(whole, Files.readAllBytes(file));
    }
  }

  private void overwrite(long position, byte... bytes) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.wrap(bytes), position);
    }
  }

  private String refusal(Teacher teacher, TokenizedCorpus documents) {
    String message =
        assertThrows(TeacherCacheException.class, () -> teacher.open(documents).close())
            .getMessage();
    assertTrue(message.startsWith(file.toString()) && message.contains("; "), message);
    return message;
  }

  @Test
  void anotherTeachersOrCorpussCacheIsRefused() throws Exception {
    try (Teacher teacher = teacher();
        Teacher other = new Teacher(2, GgmlType.BF16)) {
      teacher.filled().close();
      assertTrue(refusal(other, corpus).contains("another teacher"));
      assertTrue(refusal(teacher, corpus(DOCUMENTS, 2)).contains("other data"));
      assertTrue(refusal(teacher, regrouped(corpus)).contains("another context length"));
    }
  }

  /// The same tokens, with the first two documents made one.
  private static TokenizedCorpus regrouped(TokenizedCorpus corpus) {
    List<TokenizedDocument> documents = new ArrayList<>();
    for (int i = 0; i < corpus.size(); i++) {
      documents.add(corpus.document(i));
    }
    int[] second = documents.remove(1).tokens();
    int[] first = documents.removeFirst().tokens();
    int[] both = java.util.Arrays.copyOf(first, first.length + second.length);
    System.arraycopy(second, 0, both, first.length, second.length);
    documents.addFirst(new TokenizedDocument(both, new BitSet()));
    return TokenizedCorpus.of(documents);
  }

  @Test
  void aFileOfAnotherKindIsRefusedAndLeftAlone() throws Exception {
    try (Teacher teacher = teacher()) {
      for (String content : List.of("", "precious", "precious".repeat(1000))) {
        Files.writeString(file, content);
        assertTrue(refusal(teacher, corpus).contains("is not a teacher cache"));
        assertEquals(content, Files.readString(file));
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "16, is a teacher cache of another version",
    "30, is damaged in its header",
    "100, is damaged in its header"
  })
  void aDamagedHeaderIsRefused(long position, String reason) throws Exception {
    try (Teacher teacher = teacher()) {
      teacher.filled().close();
      overwrite(position, (byte) 0x55);
      assertTrue(refusal(teacher, corpus).contains(reason));
    }
  }

  @Test
  void aFileThatIsCutShortIsRefused() throws Exception {
    try (Teacher teacher = teacher()) {
      teacher.filled().close();
      long size = Files.size(file);
      TeacherCacheLayout layout = TeacherCacheLayout.of(teacher.model, teacher.digest, corpus);
      assertEquals(layout.fileBytes(), size);
      for (long length : new long[] {size - 1, layout.states(0), layout.entry(3)}) {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
          channel.truncate(length);
        }
        assertTrue(refusal(teacher, corpus).contains("is cut short"));
      }
    }
  }

  @Test
  void damagedStatesAreFoundWhenTheyAreRead() throws Exception {
    try (Teacher teacher = teacher()) {
      teacher.filled().close();
      TeacherCacheLayout layout = TeacherCacheLayout.of(teacher.model, teacher.digest, corpus);
      byte[] bytes = Files.readAllBytes(file);
      int at = Math.toIntExact(layout.states(60) - 1);
      overwrite(at, (byte) (bytes[at] ^ 1));
      try (TeacherCache cache = teacher.open()) {
        List<PackedBatch> batches = batches(shape());
        String message =
            assertThrows(
                    TeacherCacheException.class, () -> lossAndGradients(teacher, cache, batches))
                .getMessage();
        assertTrue(message.contains("is damaged"), message);
      }
    }
  }

  @Test
  void oneRunFillsWhileOthersAreToldSoAndThenAnyNumberReads() throws Exception {
    try (Teacher teacher = teacher()) {
      try (TeacherCache cache = teacher.open()) {
        assertTrue(refusal(teacher, corpus).contains("being filled by another run"));
        cache.fill(backend, teacher.model, teacher.weights, (documents, total) -> {});
        try (TeacherCache second = teacher.open();
            TeacherCache third = teacher.open()) {
          assertTrue(second.isFull() && third.isFull());
        }
      }
    }
  }

  /// Locks are the process's, so that another one sees them is a case of its own.
  @Test
  void anotherProcessThatFillsIsSeen() throws Exception {
    try (Teacher teacher = teacher()) {
      teacher.open().close();
      Process other =
          new ProcessBuilder(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "-cp",
                  System.getProperty("java.class.path"),
                  LockHolder.class.getName(),
                  file.toString())
              .redirectError(ProcessBuilder.Redirect.INHERIT)
              .start();
      try {
        assertEquals('L', other.getInputStream().read());
        assertTrue(refusal(teacher, corpus).contains("being filled by another run"));
      } finally {
        other.getOutputStream().close();
        assertEquals(0, other.waitFor());
      }
      teacher.filled().close();
    }
  }

  @Test
  void tooLittleRoomIsToldBeforeAnythingIsWritten() throws Exception {
    TeacherCacheLayout layout =
        new TeacherCacheLayout(corpus, "00", "00", GgmlType.F32, Integer.MAX_VALUE);
    String message =
        assertThrows(TeacherCacheException.class, () -> TeacherCache.open(file, layout))
            .getMessage();
    assertTrue(message.contains("MiB free; make room"), message);
    assertFalse(Files.exists(file));
  }

  @Test
  void aFolderThatDoesNotExistIsNamed() throws Exception {
    file = folder.resolve("nowhere/cache");
    try (Teacher teacher = teacher()) {
      IOException e = assertThrows(IOException.class, () -> teacher.open().close());
      assertTrue(e.getMessage().contains("nowhere does not exist"), e.getMessage());
    }
  }

  /// The teacher's probabilities of the next tokens hardly change with rounding.
  @Test
  void theConfidenceIsThatOfTheTeacher() throws Exception {
    try (Teacher teacher = teacher();
        TeacherCache cache = teacher.filled()) {
      assertEquals(confidence(teacher, null), confidence(teacher, cache), 1e-5);
    }
  }

  private double confidence(Teacher teacher, TeacherCache cache) {
    return TeacherConfidence.measure(
        backend,
        teacher.model,
        teacher.weights,
        cache,
        new PackedBatches(corpus, shape(), 3, DataPosition.START),
        shape(),
        false);
  }
}
