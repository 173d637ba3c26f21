package dev.whittle.allocation;

import dev.whittle.data.TokenizedCorpus;
import dev.whittle.data.TokenizedDocument;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.LlamaModelOptions;
import dev.whittle.model.ModelFile;
import dev.whittle.quantization.ImportanceCollector;
import dev.whittle.quantization.ImportanceMatrix;
import dev.whittle.quantization.QuantizationException;
import dev.whittle.quantization.TypeSelection;
import dev.whittle.training.Digests;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SequencedMap;
import java.util.SortedMap;
import java.util.function.ToDoubleFunction;

/// Chooses the type of each tensor by what lowering it costs the model, measured, so that the whole
/// keeps to a size.
///
/// The sensitivities of all tensors to all candidates come from gradients ([SensitivityMeter]), and
/// the choice with the least sum is a knapsack problem. How much one tensor's errors cost depends
/// on what else is lowered. What is measured with everything lowered to a type that is far coarser
/// than the budget says little: nothing behind it is left that could suffer, so such a type looks
/// cheap. So choices are compared from all candidates, from all but the coarsest, and so on. From
/// the best one on, the sensitivities are measured again along the way to the choice itself, the
/// costs scaled by what that gives, and the choice made anew, a few times; the one with the least
/// divergence on held-out text is taken.
///
/// @param given types that are fixed by patterns
/// @param candidates for all other tensors
/// @param text documents to measure on
/// @param tokens of each of the two parts that are taken from the text, for gradients and held out
/// @param completionOnly whether the tokens that the model is to produce count alone
/// @param cache where sensitivities are kept
public record MixedPrecision(
    Path model,
    TypeSelection given,
    List<GgmlType> candidates,
    SizeBudget budget,
    TokenizedCorpus text,
    int tokens,
    boolean completionOnly,
    Path cache,
    int threads) {
  /// Most times that a choice is made anew.
  private static final int REFINEMENTS = 3;

  /// How far the cost of a tensor may be scaled in a round: gradients are noisy where little is
  /// lost.
  private static final double MOST_SCALING = 4;

  private static final int IMPORTANCE_CHUNK = 512;

  /// Hears how far the measurement has come.
  public interface Listener {
    /// A type's sensitivities are about to be measured.
    void measuring(GgmlType type, int done, int count);

    /// A choice has been made and compared.
    ///
    /// @param choice how many choices were made before
    /// @param divergence KL(model ‖ lowered model) on held-out text, in nats a token
    void chosen(int choice, double divergence);
  }

  /// What was chosen.
  ///
  /// @param selection gives every tensor its type
  /// @param divergence KL(model ‖ lowered model) on held-out text in nats a token, with weights
  ///   rounded to nearest, by importance
  public record Choice(TypeSelection selection, double divergence) {}

  private record Parts(TokenizedCorpus gradients, TokenizedCorpus heldOut) {}

  /// A choice to begin with.
  ///
  /// @param among the candidates that it was made from
  private record Start(
      List<GgmlType> among, SequencedMap<String, GgmlType> choice, double divergence) {}

  /// Makes the choice, or takes it from the cache.
  ///
  /// @throws QuantizationException if the budget is too small, the model quantized already, or the
  ///   cache holds something else
  /// @throws IOException if the cache cannot be written
  public Choice choose(Listener listener) throws IOException {
    Parts parts = split();
    try (ModelFile file = ModelFile.open(model)) {
      TypeAllocator allocator = new TypeAllocator(file.file(), given, candidates, budget);
      // Before the measurements, which take long.
      allocator.requireRoom();
      SensitivityFile kept = kept(parts);
      String request =
          "%s, %,d bytes for tensors, of %s, given %s"
              .formatted(budget, allocator.room(), candidates, given.tensorTypes());
      SensitivityFile.Choice choice = kept.choices().get(request);
      if (choice == null) {
        try (SensitivityMeter meter =
            new SensitivityMeter(
                file,
                importance(parts.gradients()),
                parts.gradients(),
                parts.heldOut(),
                completionOnly,
                threads)) {
          measure(kept, file, meter, listener);
          choice = refine(allocator, meter, kept.types(), listener);
          kept.choices().put(request, choice);
          kept.write(cache);
        }
      }
      return new Choice(allocator.select(choice.candidates()), choice.divergence());
    }
  }

  /// The cache, if it is about this model and text.
  private SensitivityFile kept(Parts parts) {
    SensitivityFile wanted =
        SensitivityFile.of(
            Digests.sha256(model), Digests.sha256(parts.gradients()::update), completionOnly);
    SensitivityFile kept = Files.exists(cache) ? SensitivityFile.read(cache) : wanted;
    return kept.isAbout(wanted) ? kept : wanted;
  }

  /// Measures the sensitivities that are not known yet.
  private void measure(
      SensitivityFile kept, ModelFile file, SensitivityMeter meter, Listener listener)
      throws IOException {
    // Of all tensors, also of those whose types are given this time.
    TypeAllocator all =
        new TypeAllocator(file.file(), TypeSelection.of(given.fileType()), candidates, budget);
    for (int i = 0; i < candidates.size(); i++) {
      GgmlType type = candidates.get(i);
      if (!kept.types().containsKey(type)) {
        listener.measuring(type, i, candidates.size());
        kept.types().put(type, meter.measure(all.lowered(type)).shares());
        kept.write(cache);
      }
    }
  }

  private SensitivityFile.Choice refine(
      TypeAllocator allocator,
      SensitivityMeter meter,
      Map<GgmlType, SortedMap<String, Double>> shares,
      Listener listener) {
    Map<String, Double> scales = new HashMap<>();
    TypeAllocator.Cost cost =
        (tensor, type) ->
            Math.max(0, shares.get(type).get(tensor)) * scales.getOrDefault(tensor, 1.0);
    Map<SequencedMap<String, GgmlType>, Double> divergences = new LinkedHashMap<>();
    ToDoubleFunction<SequencedMap<String, GgmlType>> compared =
        choice ->
            divergences.computeIfAbsent(
                choice,
                c -> {
                  double divergence = meter.divergence(allocator.types(c));
                  listener.chosen(divergences.size(), divergence);
                  return divergence;
                });
    List<Start> starts = new ArrayList<>();
    for (List<GgmlType> among : allocator.withoutCoarsest()) {
      SequencedMap<String, GgmlType> choice = allocator.choose(among, cost);
      starts.add(new Start(among, choice, compared.applyAsDouble(choice)));
    }
    Start start = Collections.min(starts, Comparator.comparingDouble(Start::divergence));
    SequencedMap<String, GgmlType> choice = start.choice();
    for (int i = 0; i < REFINEMENTS; i++) {
      SortedMap<String, Double> actual = meter.measure(allocator.types(choice)).shares();
      choice.forEach((tensor, type) -> {
        double expected = cost.of(tensor, type);
        double scale =
            expected > 0
                ? Math.clamp(actual.get(tensor) / expected, 1 / MOST_SCALING, MOST_SCALING)
                : 1;
        scales.merge(tensor, scale, (a, b) -> a * b);
      });
      choice = allocator.choose(start.among(), cost);
      if (divergences.containsKey(choice)) {
        break;
      }
      compared.applyAsDouble(choice);
    }
    return divergences.entrySet().stream()
        .min(Map.Entry.comparingByValue())
        .map(best -> new SensitivityFile.Choice(best.getValue(), best.getKey()))
        .orElseThrow();
  }

  /// Two parts of the text that share no document, drawn at random.
  private Parts split() {
    List<Integer> order = new ArrayList<>();
    for (int i = 0; i < text.size(); i++) {
      order.add(i);
    }
    Collections.shuffle(order, new Random(1));
    List<TokenizedDocument> gradients = new ArrayList<>();
    List<TokenizedDocument> heldOut = new ArrayList<>();
    long first = 0;
    long second = 0;
    for (int document : order) {
      if (first <= second && first < tokens) {
        gradients.add(text.document(document));
        first += text.length(document);
      } else if (second < tokens) {
        heldOut.add(text.document(document));
        second += text.length(document);
      }
    }
    if (heldOut.isEmpty()) {
      throw new QuantizationException(
          "one document is too little to measure sensitivities on; give two or more");
    }
    return new Parts(TokenizedCorpus.of(gradients), TokenizedCorpus.of(heldOut));
  }

  private ImportanceMatrix importance(TokenizedCorpus corpus) {
    List<int[]> documents = new ArrayList<>();
    for (int i = 0; i < corpus.size(); i++) {
      documents.add(corpus.document(i).tokens());
    }
    int chunk = Math.clamp(corpus.tokens(), 16, IMPORTANCE_CHUNK);
    try (LlamaModel loaded = LlamaModel.load(model, LlamaModelOptions.defaults())) {
      return new ImportanceCollector(chunk, false, threads)
          .collect(loaded, documents, model.toString(), done -> {});
    }
  }
}
