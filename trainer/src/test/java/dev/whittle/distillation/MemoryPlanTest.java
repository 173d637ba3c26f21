package dev.whittle.distillation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.data.CorpusLimits;
import dev.whittle.data.Dataset;
import dev.whittle.data.DocumentTokenizer;
import dev.whittle.data.TokenizedCorpus;
import dev.whittle.ggml.Backend;
import dev.whittle.ggml.FileType;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Graph;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.Operations;
import dev.whittle.ggml.Tensor;
import dev.whittle.ggml.TensorContext;
import dev.whittle.model.BatchShape;
import dev.whittle.model.FrozenWeights;
import dev.whittle.model.ModelFile;
import dev.whittle.model.Trunk.Activations;
import dev.whittle.quantization.QuantizationPlan;
import dev.whittle.quantization.TypeSelection;
import dev.whittle.testing.DemoModel;
import dev.whittle.training.Forward;
import dev.whittle.training.MomentType;
import dev.whittle.training.TrainedWeights;
import dev.whittle.training.Workers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The bundled model at several settings: what is planned, and what is then allocated.
class MemoryPlanTest {
  private static final int LONGEST = 96;
  private static final long PLENTY = 1L << 40;
  private static final long JAVA = 1L << 28;

  private Backend backend;
  private Workers workers;
  private ModelFile model;
  private FrozenWeights teacher;
  private QuantizationPlan types;

  @BeforeEach
  void open() {
    backend = Backend.cpu(1);
    workers = new Workers(1);
    model = ModelFile.open(DemoModel.file());
    teacher = new FrozenWeights(backend, model);
    types = QuantizationPlan.of(TypeSelection.of(FileType.Q2_K), model.file(), false);
  }

  @AfterEach
  void close() {
    teacher.close();
    model.close();
    workers.close();
    backend.close();
  }

  private static DistillationSettings settings(String loss, Forward forward, MomentType moments) {
    return new DistillationSettings(
        LossSchedule.parse(loss, 1),
        false,
        forward,
        moments,
        9,
        2048,
        1024,
        LONGEST,
        1e-4,
        1,
        0,
        1,
        0,
        1,
        0);
  }

  private static DistillationSettings usual() {
    return settings("forward-kl", Forward.DECODED, MomentType.F32);
  }

  private MemoryMeter meter() {
    return new MemoryMeter(backend, model, teacher, types, false, workers, JAVA, 1);
  }

  private TrainedWeights weights(DistillationSettings settings) {
    return new TrainedWeights(
        backend,
        model,
        t -> types.assignment(t.name()).orElseThrow().type(),
        t -> null,
        settings.forward(),
        settings.moments(),
        workers);
  }

  @ParameterizedTest
  @CsvSource({
    "KEPT, DECODED, F32, 3, forward-kl",
    "RECOMPUTED, DEPLOYED, Q8, 2, 'cakld:0.5,ce:0.5'",
    "RECOMPUTED, DECODED, BF16, 1, ce",
    "KEPT, DECODED, F32, 2, 'forward-kl,hidden'"
  })
  void whatIsMeasuredIsWhatIsAllocated(
      Activations activations, Forward forward, MomentType moments, int rows, String loss) {
    DistillationSettings settings = settings(loss, forward, moments);
    BatchShape shape = new BatchShape(rows, LONGEST);
    MemoryPlan planned = meter().measure(settings, shape, activations);
    try (TrainedWeights weights = weights(settings);
        DistillationEngine engine =
            new DistillationEngine(
                backend,
                model,
                teacher,
                null,
                weights,
                shape,
                settings.loss().widest(),
                0.7,
                false,
                activations)) {
      long teacherWeights = settings.loss().needsTeacher() ? teacher.residentBytes() : 0;
      assertEquals(MemoryPlan.of(weights, engine, teacherWeights, JAVA), planned);
      // Only what aligns the tensors lies between them.
      long parameters =
          planned.masters()
              + planned.gradients()
              + planned.moments()
              + planned.blocks()
              + planned.copies();
      assertEquals(weights.bytes(), parameters, 0.001 * parameters);
    }
  }

  @Test
  void aCachedTeacherTakesItsHeadAndTheStates(@TempDir Path folder) throws Exception {
    Path data = folder.resolve("data.jsonl");
    Files.write(data, Files.readAllLines(DemoModel.CHATS).subList(0, 3));
    BatchShape shape = new BatchShape(2, LONGEST);
    try (LlamaModel vocabulary = DemoModel.loadVocabulary()) {
      TokenizedCorpus corpus =
          TokenizedCorpus.read(
              new Dataset(data), new DocumentTokenizer(vocabulary), CorpusLimits.ofContext(256));
      try (TeacherCache cache =
              TeacherCache.open(folder.resolve("cache"), model, "00".repeat(32), corpus);
          CachedStates states = new CachedStates(backend, shape, cache)) {
        MemoryMeter cached =
            new MemoryMeter(backend, model, teacher, types, true, workers, JAVA, 1);
        assertEquals(
            model.file().require(model.headName()).bytes() + states.bytes(),
            cached.measure(usual(), shape, Activations.RECOMPUTED).teacher());
      }
    }
  }

  @Test
  void activationsAreKeptWhereTheyFit() {
    MemoryChoice rich = MemoryChoice.of(meter(), usual(), LONGEST, null, PLENTY);
    assertEquals(Activations.KEPT, rich.activations());
    long tight = rich.memory().total() - 1;
    MemoryChoice poor = MemoryChoice.of(meter(), usual(), LONGEST, null, tight);
    assertEquals(Activations.RECOMPUTED, poor.activations());
    assertTrue(poor.fits());
    assertTrue(poor.memory().activations() < rich.memory().activations() / 2);
    MemoryChoice forced = MemoryChoice.of(meter(), usual(), LONGEST, Activations.KEPT, tight);
    MemoryException e = assertThrows(MemoryException.class, () -> forced.requireFit("model.gguf"));
    assertTrue(e.getMessage().contains("add --activations recomputed"), e.getMessage());
    assertTrue(e.getMessage().contains("model.gguf"), e.getMessage());
  }

  /// Each time one byte is missing, the mend is the next one, until there is none.
  @Test
  void theMendIsTheFirstThatIsEnough() {
    DistillationSettings settings = usual();
    assertMend("--ubatch-size 96", settings);
    settings = settings.withMicroBatchTokens(LONGEST);
    assertMend("--moments bf16", settings);
    assertMend("--moments q8", settings.withMoments(MomentType.BF16));
    assertMend("a machine with more memory", settings.withMoments(MomentType.Q8));
  }

  private void assertMend(String expected, DistillationSettings settings) {
    long enough =
        MemoryVariant.of(settings, LONGEST, Activations.RECOMPUTED).measure(meter()).total();
    MemoryChoice choice =
        MemoryChoice.of(meter(), settings, LONGEST, Activations.RECOMPUTED, enough - 1);
    assertFalse(choice.fits());
    assertTrue(String.valueOf(choice.mend()).contains(expected), choice.mend());
  }

  /// A context of a quarter, 8-bit moments and single rows: none of them is enough alone.
  @Test
  void changesAreTakenTogetherWhereNoneIsEnough() {
    DistillationSettings settings = usual();
    DistillationSettings changed =
        settings.withMoments(MomentType.Q8).withMicroBatchTokens(LONGEST);
    long enough =
        MemoryVariant.of(changed, LONGEST, Activations.RECOMPUTED).measure(meter()).total();
    MemoryChoice choice = MemoryChoice.of(meter(), settings, 4 * LONGEST, null, enough);
    String mend = String.valueOf(choice.mend());
    for (String option : List.of("--moments q8", "--ctx-size 96", "--ubatch-size 96")) {
      assertTrue(mend.contains(option), mend);
    }
  }

  @Test
  void whatWasMeasuredHoldsNothing() {
    try (Backend measuring = backend.measuring();
        TensorContext context = new TensorContext(8)) {
      Tensor a = context.newTensor(GgmlType.F32, 4, 4);
      Tensor sum = new Operations(context).add(a, a);
      assertEquals(2 * 64, context.allocate(measuring));
      a.write(new float[16]);
      a.clear();
      assertThrows(IllegalStateException.class, a::readFloats);
      assertThrows(IllegalStateException.class, a::host);
      Graph graph = new Graph(context, "a sum", 4).expand(sum);
      assertThrows(IllegalStateException.class, () -> measuring.compute(graph));
      assertThrows(IllegalStateException.class, () -> measuring.compute(List.of(graph, graph)));
    }
  }
}
