package dev.whittle.data;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import java.util.function.LongPredicate;
import java.util.stream.Stream;

/// The documents of a data set, tokenized, in one array: four bytes and a bit for each token.
public final class TokenizedCorpus {
  /// Documents of one token have nothing that follows from something.
  private static final int SHORTEST = 2;

  private int[] tokens = new int[1 << 16];
  private final BitSet completion = new BitSet();
  private int[] starts = new int[1 << 10];
  private int size;
  private long overlong;

  private TokenizedCorpus() {}

  /// Reads and tokenizes a data set.
  ///
  /// @throws DataException if an example is malformed or too long for the context, or if no
  ///   document is left
  public static TokenizedCorpus read(
      Dataset dataset, DocumentTokenizer tokenizer, CorpusLimits limits) {
    return read(List.of(dataset), tokenizer, limits);
  }

  /// Reads and tokenizes several data sets as if they were one, in their order.
  ///
  /// @throws DataException if an example is malformed or too long for the context, or if no
  ///   document is left
  public static TokenizedCorpus read(
      List<Dataset> datasets, DocumentTokenizer tokenizer, CorpusLimits limits) {
    TokenizedCorpus corpus = new TokenizedCorpus();
    LongPredicate selection = selection(datasets, limits);
    for (Dataset dataset : datasets) {
      try (Stream<Example> examples = dataset.examples(selection)) {
        examples.forEach(example -> {
          TokenizedDocument document = tokenizer.tokenize(dataset, example);
          if (example instanceof Example.Text) {
            corpus.addParts(document, limits.contextLength());
          } else {
            corpus.addWhole(dataset, example, document, limits);
          }
        });
      }
    }
    if (corpus.size == 0) {
      throw new DataException(
          "%s has no document of two tokens or more that is not too long; name a data set that has some"
              .formatted(datasets.getFirst().path()));
    }
    return corpus;
  }

  /// A corpus of these documents.
  public static TokenizedCorpus of(Iterable<TokenizedDocument> documents) {
    TokenizedCorpus corpus = new TokenizedCorpus();
    documents.forEach(corpus::add);
    return corpus;
  }

  /// Draws `maxDocuments` of the lines without replacement, each subset being as likely as any
  /// other, in one pass over them (selection sampling, Knuth's algorithm S).
  private static LongPredicate selection(List<Dataset> datasets, CorpusLimits limits) {
    long total = limits.maxDocuments() == 0 ? 0 : datasets.stream().mapToLong(Dataset::count).sum();
    if (total <= limits.maxDocuments()) {
      return index -> true;
    }
    Random random = new Random(limits.seed());
    long[] missing = {limits.maxDocuments()};
    long[] left = {total};
    return index -> {
      boolean take = random.nextDouble() * left[0]-- < missing[0];
      missing[0] -= take ? 1 : 0;
      return take;
    };
  }

  private void addWhole(
      Dataset dataset, Example example, TokenizedDocument document, CorpusLimits limits) {
    int longest = limits.contextLength();
    if (document.length() <= longest) {
      add(document);
      return;
    }
    overlong++;
    switch (limits.overlong()) {
      case REFUSE ->
          throw new DataException(
              ("%s has %d tokens, but the context has %d: raise the context length (-c),"
                      + " shorten the line, or have such lines left out (--overlong skip)")
                  .formatted(dataset.where(example), document.length(), longest));
      case SKIP -> {}
      case CUT -> add(document.part(0, longest));
    }
  }

  /// Splits a document that is too long. Its parts overlap by one token, so that every token but
  /// the first is once to be predicted.
  private void addParts(TokenizedDocument document, int contextLength) {
    int from = 0;
    while (document.length() - from > contextLength) {
      add(document.part(from, from + contextLength));
      from += contextLength - 1;
    }
    add(document.part(from, document.length()));
  }

  private void add(TokenizedDocument document) {
    int length = document.length();
    if (length < SHORTEST) {
      return;
    }
    int start = starts[size];
    int end = Math.addExact(start, length);
    tokens = grown(tokens, end);
    System.arraycopy(document.tokens(), 0, tokens, start, length);
    document.completion().stream().forEach(i -> completion.set(start + i));
    size++;
    starts = grown(starts, size + 1);
    starts[size] = end;
  }

  private static int[] grown(int[] array, int needed) {
    return needed <= array.length
        ? array
        : Arrays.copyOf(
            array, (int) Math.min(Integer.MAX_VALUE - 8, Math.max(needed, 2L * array.length)));
  }

  /// How many chats and completions were longer than the limit, and so were left out or cut.
  public long overlong() {
    return overlong;
  }

  /// How many documents there are.
  public int size() {
    return size;
  }

  /// How many tokens all documents have.
  public int tokens() {
    return starts[size];
  }

  /// How many of the tokens are to be produced by the model.
  public int completionTokens() {
    return completion.cardinality();
  }

  /// How many tokens a document has, at least 2.
  public int length(int document) {
    return starts[document + 1] - starts[document];
  }

  /// How many tokens the documents before this one have.
  ///
  /// @param document a document's number, or [#size]
  public int start(int document) {
    return starts[document];
  }

  /// Feeds the documents to a digest: the length of each and its tokens, little-endian.
  public void update(MessageDigest digest) {
    for (int i = 0; i < size; i++) {
      ByteBuffer bytes =
          ByteBuffer.allocate(Integer.BYTES * (1 + length(i))).order(ByteOrder.LITTLE_ENDIAN);
      bytes.asIntBuffer().put(length(i)).put(tokens, starts[i], length(i));
      digest.update(bytes);
    }
  }

  /// The longest document's tokens.
  public int longest() {
    int longest = 0;
    for (int i = 0; i < size; i++) {
      longest = Math.max(longest, length(i));
    }
    return longest;
  }

  /// A token of a document.
  public int token(int document, int index) {
    return tokens[starts[document] + index];
  }

  /// Whether the model is to produce this token of a document.
  public boolean isCompletion(int document, int index) {
    return completion.get(starts[document] + index);
  }

  /// A copy of a document.
  public TokenizedDocument document(int document) {
    int from = starts[document];
    int to = starts[document + 1];
    return new TokenizedDocument(Arrays.copyOfRange(tokens, from, to), completion.get(from, to));
  }
}
