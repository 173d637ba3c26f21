package dev.whittle.data;

import dev.whittle.model.BatchShape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

/// An endless sequence of micro-batches over a corpus, epoch after epoch, each in a new random
/// order; a micro-batch may begin in one epoch and end in the next. Whole documents are packed into
/// rows.
///
/// The sequence depends on the corpus, the row length and the seed alone, so that it can be taken
/// up again at any [#position].
public final class PackedBatches {
  private final TokenizedCorpus corpus;
  private final long tokens;
  private final BatchShape shape;
  private final IntFunction<RowPlan> plans;
  private DataPosition position;
  private RowPlan plan;

  /// @param seed of the order
  /// @param start where to begin
  /// @throws IllegalArgumentException if a document is longer than a row, or the epoch has no such
  ///   row, which means that the position is another corpus's
  public PackedBatches(TokenizedCorpus corpus, BatchShape shape, long seed, DataPosition start) {
    this(corpus, all(corpus), shape, seed, start);
  }

  /// @param documents the numbers of those to go through, of which there is at least one
  /// @param seed of the order
  /// @param start where to begin
  /// @throws IllegalArgumentException if a document of the corpus is longer than a row, or the
  ///   epoch has no such row, which means that the position is another corpus's
  public PackedBatches(
      TokenizedCorpus corpus, int[] documents, BatchShape shape, long seed, DataPosition start) {
    this(
        corpus,
        documents,
        shape,
        epoch -> RowPlan.of(corpus, documents, shape.rowLength(), seed, epoch),
        start);
  }

  private static int[] all(TokenizedCorpus corpus) {
    return IntStream.range(0, corpus.size()).toArray();
  }

  /// The documents in the corpus's own order but for packing, in every epoch the same: for what is
  /// to be gone through once.
  ///
  /// @throws IllegalArgumentException if a document is longer than a row
  public static PackedBatches inOrder(TokenizedCorpus corpus, BatchShape shape) {
    return inOrder(corpus, all(corpus), shape);
  }

  /// The same for some documents, given by their numbers.
  public static PackedBatches inOrder(TokenizedCorpus corpus, int[] documents, BatchShape shape) {
    RowPlan plan = RowPlan.inOrder(corpus, documents, shape.rowLength());
    return new PackedBatches(corpus, documents, shape, epoch -> plan, DataPosition.START);
  }

  /// All documents, each once.
  ///
  /// @throws IllegalArgumentException if a document is longer than a row
  public static List<PackedBatch> once(TokenizedCorpus corpus, BatchShape shape) {
    return once(corpus, all(corpus), shape);
  }

  /// The same for some documents, given by their numbers.
  public static List<PackedBatch> once(TokenizedCorpus corpus, int[] documents, BatchShape shape) {
    PackedBatches packed = inOrder(corpus, documents, shape);
    int rows = packed.rowsInEpoch();
    List<PackedBatch> batches = new ArrayList<>();
    for (int row = 0; row < rows; row += shape.rows()) {
      batches.add(firstRows(packed.next(), Math.min(shape.rows(), rows - row)));
    }
    return batches;
  }

  /// The last micro-batch goes on with the first rows again, which become padding.
  private static PackedBatch firstRows(PackedBatch batch, int rows) {
    int end = rows * batch.shape().rowLength();
    int places = batch.shape().tokens();
    Arrays.fill(batch.tokens(), end, places, 0);
    Arrays.fill(batch.positions(), end, places, 0);
    Arrays.fill(batch.documents(), end, places, PackedBatch.NONE);
    Arrays.fill(batch.targets(), end, places, PackedBatch.NONE);
    batch.placements().removeIf(placement -> placement.place() >= end);
    return batch;
  }

  private PackedBatches(
      TokenizedCorpus corpus,
      int[] documents,
      BatchShape shape,
      IntFunction<RowPlan> plans,
      DataPosition start) {
    if (corpus.longest() > shape.rowLength()) {
      throw new IllegalArgumentException(
          "the longest document has %d tokens, a row only %d"
              .formatted(corpus.longest(), shape.rowLength()));
    }
    this.corpus = corpus;
    this.tokens = Arrays.stream(documents).mapToLong(corpus::length).sum();
    this.shape = shape;
    this.plans = plans;
    this.position = start;
    this.plan = plans.apply(start.epoch());
    if (start.row() >= plan.size()) {
      throw new IllegalArgumentException(
          "the data has no row %d: an epoch has %d; resume with the data that the run began with"
              .formatted(start.row(), plan.size()));
    }
  }

  /// Where the next micro-batch begins.
  public DataPosition position() {
    return position;
  }

  /// How many rows the current epoch has.
  private int rowsInEpoch() {
    return plan.size();
  }

  /// The share of places that hold a token, in the current epoch.
  public double fillRate() {
    return (double) tokens / ((long) plan.size() * shape.rowLength());
  }

  /// The next micro-batch.
  public PackedBatch next() {
    PackedBatch batch = PackedBatch.empty(shape);
    for (int row = 0; row < shape.rows(); row++) {
      fill(batch, row * shape.rowLength(), plan.row(position.row()));
      advance();
    }
    return batch;
  }

  private void advance() {
    if (position.row() + 1 < plan.size()) {
      position = new DataPosition(position.epoch(), position.row() + 1);
    } else {
      position = new DataPosition(position.epoch() + 1, 0);
      plan = plans.apply(position.epoch());
    }
  }

  private void fill(PackedBatch batch, int start, int[] documents) {
    int place = start;
    for (int d = 0; d < documents.length; d++) {
      int document = documents[d];
      int length = corpus.length(document);
      batch.placements().add(new PackedBatch.Placement(document, place));
      for (int i = 0; i < length; i++, place++) {
        batch.tokens()[place] = corpus.token(document, i);
        batch.positions()[place] = i;
        batch.documents()[place] = d;
        if (i + 1 < length) {
          batch.targets()[place] = corpus.token(document, i + 1);
          batch.targetIsCompletion()[place] = corpus.isCompletion(document, i + 1);
        }
      }
    }
  }
}
