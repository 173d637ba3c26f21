package dev.whittle.allocation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.data.Dataset;
import dev.whittle.data.DocumentTokenizer;
import dev.whittle.data.Example;
import dev.whittle.data.RandomText;
import dev.whittle.data.TokenizedCorpus;
import dev.whittle.ggml.FileType;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.LlamaModelOptions;
import dev.whittle.gguf.GgufFile;
import dev.whittle.huggingface.HuggingFaceCheckpoint;
import dev.whittle.huggingface.TinyCheckpoint;
import dev.whittle.model.ModelFile;
import dev.whittle.quantization.ImportanceCollector;
import dev.whittle.quantization.ImportanceMatrix;
import dev.whittle.quantization.PostTrainingQuantizer;
import dev.whittle.quantization.QuantizationException;
import dev.whittle.quantization.QuantizationListener;
import dev.whittle.quantization.QuantizationPlan;
import dev.whittle.quantization.TypeSelection;
import dev.whittle.testing.DemoModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MixedPrecisionTest {
  private static final TinyCheckpoint.Sizes SIZES = new TinyCheckpoint.Sizes(2, 64, 96, 4, 2, 16);

  /// Rows of 96 are no whole number of Q2_0's blocks of 64.
  private static final List<GgmlType> CANDIDATES =
      List.of(GgmlType.Q2_0, GgmlType.Q4_0, GgmlType.Q8_0);

  @TempDir Path folder;
  private Path file;
  private final List<GgmlType> measured = new ArrayList<>();

  private final MixedPrecision.Listener listener =
      new MixedPrecision.Listener() {
        @Override
        public void measuring(GgmlType type, int done, int count) {
          measured.add(type);
        }

        @Override
        public void chosen(int choice, double divergence) {}
      };

  @BeforeEach
  void importModel() throws IOException {
    file = folder.resolve("model.gguf");
    try (HuggingFaceCheckpoint checkpoint =
        HuggingFaceCheckpoint.open(
            TinyCheckpoint.qwen3(SIZES, 5).write(folder.resolve("checkpoint")))) {
      checkpoint.writeGguf(file, GgmlType.BF16, false);
    }
  }

  @Test
  void sharesAddUpToTheDivergence() {
    TokenizedCorpus text = RandomText.corpus(30, 100, 9);
    Map<String, GgmlType> all = new LinkedHashMap<>();
    try (ModelFile model = ModelFile.open(file);
        SensitivityMeter meter =
            new SensitivityMeter(model, importance(file, text), text, text, false, 1)) {
      model.file().tensors().stream()
          .filter(tensor -> tensor.rows() > 1)
          .forEach(tensor -> all.put(tensor.name(), GgmlType.Q4_0));
      Sensitivity sensitivity = meter.measure(all);
      double divergence = meter.divergence(all);
      assertTrue(divergence > 1e-4, "divergence " + divergence);
      // The rest is of the quadrature, and of weights and sums in bfloat16.
      assertEquals(divergence, sensitivity.total(), 0.05 * divergence);
      assertEquals(0, meter.divergence(Map.of()), 1e-6);
      assertTrue(meter.divergence(Map.of("blk.0.ffn_up.weight", GgmlType.Q4_0)) < divergence);
    }
  }

  @Test
  void typesThatNeedAnImportanceAreMeasuredWhereThereIsNone() {
    TokenizedCorpus text = RandomText.corpus(6, 100, 9);
    try (ModelFile model = ModelFile.open(DemoModel.file());
        SensitivityMeter meter =
            new SensitivityMeter(model, importance(model.path(), text), text, text, false, 1)) {
      double coarse = meter.divergence(Map.of(ModelFile.EMBEDDING, GgmlType.IQ2_XXS));
      double fine = meter.divergence(Map.of(ModelFile.EMBEDDING, GgmlType.Q4_K));
      assertTrue(coarse > fine && fine > 0, coarse + " and " + fine);
    }
  }

  @Test
  void theFileIsNeverLargerThanAskedForAndUsesTheRoom() throws IOException {
    try (GgufFile model = GgufFile.open(file)) {
      long smallest = size(model, GgmlType.Q4_0);
      long largest = size(model, GgmlType.Q8_0);
      for (long bytes = smallest; bytes < largest; bytes += (largest - smallest) / 3) {
        SizeBudget budget =
            new SizeBudget.FileBytes(bytes, types -> quantizer(types).fileBytes(model));
        MixedPrecision.Choice choice = mixed(TypeSelection.of(FileType.Q2_K), budget);
        Path out = folder.resolve("out.gguf");
        quantizer(choice.selection()).quantize(model, out, true, QuantizationListener.NONE);
        assertTrue(Files.size(out) <= bytes, Files.size(out) + " of " + bytes);
        assertTrue(Files.size(out) > bytes - 4000, Files.size(out) + " of " + bytes);
        try (LlamaModel loaded = LlamaModel.load(out, LlamaModelOptions.defaults())) {
          assertTrue(loaded.tensorBytes() > 0);
        }
      }
    }
    assertEquals(CANDIDATES, measured, "each is measured once, and then read");
  }

  @Test
  void bitsAWeightAreThoseOfTheWholeFileAndPatternsHold() throws IOException {
    TypeSelection given =
        TypeSelection.of(FileType.Q2_K).withTensorType(Pattern.compile("ffn_up"), GgmlType.Q5_0);
    MixedPrecision.Choice choice = mixed(given, new SizeBudget.BitsPerWeight(6));
    try (GgufFile model = GgufFile.open(file)) {
      QuantizationPlan plan = QuantizationPlan.of(choice.selection(), model, true);
      assertTrue(plan.bitsPerWeight() <= 6 && plan.bitsPerWeight() > 5.5);
      assertEquals(GgmlType.Q5_0, plan.assignment("blk.1.ffn_up.weight").orElseThrow().type());
    }
  }

  @Test
  void theImpossibleIsRefused() {
    QuantizationException e =
        assertThrows(
            QuantizationException.class,
            () -> mixed(TypeSelection.of(FileType.Q2_K), new SizeBudget.BitsPerWeight(1)));
    assertTrue(e.getMessage().contains("1.0 bits a weight"), e.getMessage());
    assertEquals(List.of(), measured, "nothing is measured for it");
  }

  /// With all tensors ternary, the last layer's seem to cost nothing.
  @Test
  void aTypeThatIsFarTooCoarseIsNoTrap() throws IOException {
    SizeBudget budget = new SizeBudget.BitsPerWeight(4.6);
    List<GgmlType> fine = List.of(GgmlType.IQ4_NL, GgmlType.Q5_K);
    List<GgmlType> all = new ArrayList<>(fine);
    all.add(GgmlType.TQ2_0);
    TokenizedCorpus text = chats(8);
    TypeSelection given = TypeSelection.of(FileType.Q4_0);
    double best = mixed(DemoModel.file(), given, fine, budget, text, 200).divergence();
    double found = mixed(DemoModel.file(), given, all, budget, text, 200).divergence();
    assertTrue(found <= best, found + " with TQ2_0, " + best + " without");
  }

  private static TokenizedCorpus chats(int count) {
    try (LlamaModel vocabulary = DemoModel.loadVocabulary();
        Stream<Example> chats = new Dataset(DemoModel.CHATS).examples()) {
      DocumentTokenizer tokenizer = new DocumentTokenizer(vocabulary);
      return TokenizedCorpus.of(chats.limit(count).map(tokenizer::tokenize).toList());
    }
  }

  private MixedPrecision.Choice mixed(TypeSelection given, SizeBudget budget) throws IOException {
    return mixed(file, given, CANDIDATES, budget, RandomText.corpus(40, 100, 9), 400);
  }

  private MixedPrecision.Choice mixed(
      Path model,
      TypeSelection given,
      List<GgmlType> candidates,
      SizeBudget budget,
      TokenizedCorpus text,
      int tokens)
      throws IOException {
    return new MixedPrecision(
            model, given, candidates, budget, text, tokens, false, folder.resolve("cache.json"), 1)
        .choose(listener);
  }

  private static long size(GgufFile model, GgmlType type) {
    TypeSelection selection =
        TypeSelection.of(FileType.Q4_0).withTensorType(Pattern.compile(""), type);
    return quantizer(selection).fileBytes(model);
  }

  private static PostTrainingQuantizer quantizer(TypeSelection types) {
    return PostTrainingQuantizer.of(types).withThreads(1);
  }

  private static ImportanceMatrix importance(Path file, TokenizedCorpus text) {
    List<int[]> documents = new ArrayList<>();
    for (int i = 0; i < text.size(); i++) {
      documents.add(text.document(i).tokens());
    }
    try (LlamaModel model = LlamaModel.load(file, LlamaModelOptions.defaults())) {
      return new ImportanceCollector(64, false, 1).collect(model, documents, "random", done -> {});
    }
  }
}
