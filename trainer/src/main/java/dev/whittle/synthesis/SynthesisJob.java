package dev.whittle.synthesis;

import dev.whittle.chat.ChatMessage;
import dev.whittle.data.DataException;
import dev.whittle.data.Dataset;
import dev.whittle.data.Example;
import dev.whittle.evaluation.AnswerGrader;
import dev.whittle.evaluation.BatchedGenerator;
import dev.whittle.evaluation.BoxedAnswerGrader;
import dev.whittle.evaluation.GenerationOptions;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.SamplerOptions;
import dev.whittle.inference.ModelLoader;
import dev.whittle.training.Digests;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// Runs a [SynthesisRequest]: lets the teacher write, examines what it wrote, and writes the data
/// set.
///
/// What the model is asked for is numbered, and the number and the seed decide what it draws. It is
/// asked in rounds; after each the examples are on the disk. A run that was killed goes on with the
/// first round that is not, and ends with the same data set.
public final class SynthesisJob {
  /// Fewest examples of a round.
  private static final int FEWEST_OF_ROUND = 4096;

  /// Examples of a round for each that is written at once: so many that replies which end late,
  /// alone, take little of its time.
  private static final int TURNS_OF_ROUND = 16;

  /// One of so many is spare in a last round.
  private static final int SPARE_SHARE = 16;

  /// A model that hardly writes anything new any more is not asked for ever: of so many examples
  /// this share has to be kept.
  private static final int YIELD_EXAMPLES = 1024;

  private static final double LEAST_YIELD = 0.01;

  private final SynthesisRequest request;
  private final SynthesisListener listener;
  private final int askedRound;
  private final AnswerGrader grader = new BoxedAnswerGrader();

  /// Written by this process.
  private final AtomicLong tokens = new AtomicLong();

  private long began;
  private long nanoseconds;

  /// What the yield is measured by.
  private SynthesisCounts milestone = SynthesisCounts.NONE;

  /// How far the progress is, and how far it can get.
  private long done;

  private long total;

  public SynthesisJob(SynthesisRequest request, SynthesisListener listener) {
    this(request, listener, 0);
  }

  /// @param round examples of a round; 0 for as many as keep the processors busy
  SynthesisJob(SynthesisRequest request, SynthesisListener listener, int round) {
    this.request = request;
    this.listener = listener;
    askedRound = round;
  }

  /// Runs the job. Where nothing is kept, nothing is written.
  ///
  /// @throws IOException if a file cannot be read or written
  /// @throws SynthesisException if there is an unfinished run that this one cannot go on with
  /// @throws dev.whittle.data.DataException if the prompts are malformed or ask for nothing
  /// @throws dev.whittle.gguf.GgufException if the model's file is not sound
  /// @throws dev.whittle.chat.ChatTemplateException if the model has no chat template to begin with
  public SynthesisResult run() throws IOException {
    try (UnfinishedDataset dataset =
            UnfinishedDataset.open(
                request.output(), settings(), request.resume(), request.overwrite());
        LlamaModel model = ModelLoader.load(request.model(), request.modelOptions())) {
      int round = askedRound != 0 ? askedRound : sizeOfRound(model);
      Set<String> excluded = excluded();
      ExampleSource source = source(model, excluded);
      Duplicates duplicates = new Duplicates(request.similarity());
      dataset.forEach(example -> duplicates.add(words(example)));
      listener.stage("generating");
      total = request.limit() > 0 ? Math.min(request.limit(), source.size()) : source.size();
      began = System.nanoTime();
      milestone = dataset.counts();
      boolean fruitful = true;
      while (fruitful && dataset.next() < source.size() && !isFull(dataset.counts())) {
        write(dataset, source, round, duplicates);
        fruitful = request.prompts() != null || isFruitful(dataset.counts());
      }
      if (!fruitful) {
        listener.warning(
            "the model hardly writes anything new any more: %,d of %,d wanted examples were kept"
                .formatted(dataset.counts().kept(), request.limit()));
      }
      SynthesisCounts counts = dataset.counts();
      if (counts.kept() > 0) {
        dataset.finish();
      } else {
        dataset.discard();
      }
      return new SynthesisResult(counts, nanoseconds / 1e9, tokensPerSecond());
    }
  }

  private int sizeOfRound(LlamaModel model) {
    int parallel = new BatchedGenerator(model, request.replies()).parallel(Integer.MAX_VALUE);
    return Math.max(FEWEST_OF_ROUND, TURNS_OF_ROUND * parallel);
  }

  private ExampleSource source(LlamaModel model, Set<String> excluded) {
    GenerationOptions options = request.replies();
    SplittableRandom seeds = new SplittableRandom(request.seed());
    SeededGenerator replies =
        new SeededGenerator(model, options, options.sampling(), seeds.nextLong(), this::reply);
    if (request.prompts() != null) {
      Dataset dataset = new Dataset(request.prompts());
      return new PromptReplies(
          model, dataset, prompts(dataset, excluded), request.repliesPerPrompt(), replies);
    }
    SeededGenerator turns =
        new SeededGenerator(model, options, request.turns(), seeds.nextLong(), tokens::addAndGet);
    return new Conversations(
        model,
        request.beginnings(),
        turns,
        replies,
        text -> excluded.contains(Duplicates.normalized(text)));
  }

  /// The examples of the prompts that ask for a reply and are not to be left out.
  private List<Example> prompts(Dataset dataset, Set<String> excluded) {
    listener.stage("reading the prompts");
    List<Example> prompts = new ArrayList<>();
    try (Stream<Example> examples = dataset.examples()) {
      examples.forEach(example -> {
        dataset.requireQuestion(example);
        if (!excluded.contains(Duplicates.normalized(question(example)))) {
          prompts.add(example);
        }
      });
    }
    if (prompts.isEmpty()) {
      throw new DataException(
          "%s has no prompt that %s does not have too; name other prompts"
              .formatted(dataset.path(), request.exclude()));
    }
    return prompts;
  }

  private Set<String> excluded() {
    Path file = request.exclude();
    if (file == null) {
      return Set.of();
    }
    try (Stream<Example> examples = new Dataset(file).examples()) {
      return examples
          .map(example -> Duplicates.normalized(question(example)))
          .collect(Collectors.toSet());
    }
  }

  /// What an example asks.
  private static String question(Example example) {
    return switch (example) {
      case Example.Chat chat ->
          chat.question().stream()
              .filter(message -> message.role().equals(ChatMessage.USER))
              .map(ChatMessage::content)
              .collect(Collectors.joining("\n"));
      case Example.PromptCompletion pair -> pair.prompt();
      case Example.Text text -> text.text();
    };
  }

  /// All that is said in an example.
  private static String words(Example example) {
    return switch (example) {
      case Example.Chat chat ->
          chat.messages().stream().map(ChatMessage::content).collect(Collectors.joining("\n"));
      case Example.PromptCompletion pair -> pair.prompt() + pair.completion();
      case Example.Text text -> text.text();
    };
  }

  private void reply(int length) {
    long written = tokens.addAndGet(length);
    done = Math.min(total, done + 1);
    listener.generated(done, total, written / ((System.nanoTime() - began) / 1e9));
  }

  private static String reply(Example example) {
    return switch (example) {
      case Example.Chat chat -> chat.messages().getLast().content();
      case Example.PromptCompletion pair -> pair.completion();
      case Example.Text text -> text.text();
    };
  }

  private boolean isFruitful(SynthesisCounts counts) {
    long drawn = counts.drawn() - milestone.drawn();
    if (drawn < YIELD_EXAMPLES) {
      return true;
    }
    long kept = counts.kept() - milestone.kept();
    milestone = counts;
    return isFull(counts) || kept >= LEAST_YIELD * drawn;
  }

  /// Lets the model write a round of examples, and adds those that are of use.
  private void write(
      UnfinishedDataset dataset, ExampleSource source, int round, Duplicates duplicates)
      throws IOException {
    int count = missingOfRound(dataset, source, round);
    long tokensBefore = tokens.get();
    done = request.limit() > 0 ? dataset.counts().kept() : dataset.next();
    long start = System.nanoTime();
    List<Written<Example>> written = source.write(dataset.next(), count);
    nanoseconds += System.nanoTime() - start;
    SynthesisCounts counts = dataset.counts().withTokens(tokens.get() - tokensBefore);
    List<Example> kept = new ArrayList<>();
    for (Written<Example> one : written) {
      if (isFull(counts)) {
        break;
      }
      counts = counts.withDrawn(1);
      switch (one.then(example -> examined(example, duplicates))) {
        case Written.Usable<Example>(Example example) -> {
          kept.add(example);
          counts = counts.withKept();
        }
        case Written.Unusable<Example>(Rejection reason) -> counts = counts.with(reason);
      }
    }
    dataset.append(kept, dataset.next() + count, counts);
  }

  /// The last round is only as large as it takes, with some to spare for what is left out.
  private int missingOfRound(UnfinishedDataset dataset, ExampleSource source, int round) {
    long size = Math.min(round, source.size() - dataset.next());
    if (request.limit() > 0) {
      long missing = request.limit() - dataset.counts().kept();
      size = Math.min(size, missing + missing / SPARE_SHARE + 1);
    }
    return (int) size;
  }

  private Written<Example> examined(Example example, Duplicates duplicates) {
    String answer = example.answer();
    if (answer != null && !request.keepWrong() && !grader.isRight(reply(example), answer)) {
      return new Written.Unusable<>(Rejection.WRONG);
    }
    return duplicates
        .add(words(example))
        .<Written<Example>>map(Written.Unusable::new)
        .orElseGet(() -> new Written.Usable<>(example));
  }

  private double tokensPerSecond() {
    return nanoseconds == 0 ? 0 : tokens.get() / (nanoseconds / 1e9);
  }

  private boolean isFull(SynthesisCounts counts) {
    return request.limit() > 0 && counts.kept() >= request.limit();
  }

  /// What decides the examples, in order, by the names of the command line's options.
  private Map<String, String> settings() {
    Map<String, String> settings = new LinkedHashMap<>();
    settings.put("model", Digests.sha256(request.model()));
    settings.put("prompts", digest(request.prompts()));
    settings.put("begin", String.join("\n", request.beginnings()));
    settings.put("exclude", digest(request.exclude()));
    settings.put("samples", String.valueOf(request.repliesPerPrompt()));
    settings.put("turns", sampling(request.turns()));
    settings.put("replies", sampling(request.replies().sampling()));
    settings.put("predict", String.valueOf(request.replies().maxNewTokens()));
    settings.put("keep-wrong", String.valueOf(request.keepWrong()));
    settings.put("similarity", String.valueOf(request.similarity()));
    settings.put("seed", String.valueOf(request.seed()));
    return settings;
  }

  private static String digest(@Nullable Path file) {
    return file == null ? "none" : Digests.sha256(file);
  }

  private static String sampling(@Nullable SamplerOptions options) {
    return options == null
        ? "likeliest"
        : "temperature %s, top-k %d, top-p %s, min-p %s"
            .formatted(options.temperature(), options.topK(), options.topP(), options.minP());
  }
}
