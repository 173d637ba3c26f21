package dev.whittle.model;

import dev.whittle.autograd.AttentionMask;
import dev.whittle.ggml.Backend;
import dev.whittle.ggml.CudaOperations;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Tensor;
import dev.whittle.ggml.TensorContext;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// The tokens of a micro-batch and where they stand, as tensors that several models may read.
public final class BatchInputs implements AutoCloseable {
  /// Scores that are made at a time, or those of one token if they are more.
  private static final int PIECE = 1 << 22;

  private final BatchShape shape;
  private final TensorContext context;
  private final Tensor tokens;
  private final Tensor positions;
  private final @Nullable Tensor scores;
  private final Tensor starts;
  private final int[] startValues;

  /// Made when first needed: inputs that are only measured never are.
  private float @Nullable [] scoreValues;

  private final long bytes;

  public BatchInputs(Backend backend, BatchShape shape) {
    this.shape = shape;
    context = new TensorContext(8);
    tokens = context.newTensor(GgmlType.I32, shape.tokens());
    positions = context.newTensor(GgmlType.I32, shape.tokens());
    // Kernels of a GPU attend by the starts alone.
    scores =
        CudaOperations.on(backend).isPresent()
            ? null
            : context.newTensor(
                GgmlType.F32, shape.rowLength(), shape.rowLength(), 1, shape.rows());
    starts = context.newTensor(GgmlType.I32, shape.rowLength(), shape.rows());
    bytes = context.allocate(backend);
    startValues = new int[shape.tokens()];
  }

  public BatchShape shape() {
    return shape;
  }

  /// The bytes of the tensors, and of the array that the scores are made in.
  public long bytes() {
    return bytes + (scores == null ? 0 : (long) Float.BYTES * queriesAtATime() * shape.rowLength());
  }

  /// Token ids [tokens] I32.
  Tensor tokens() {
    return tokens;
  }

  /// Positions in the documents [tokens] I32.
  Tensor positions() {
    return positions;
  }

  /// Which tokens each one sees.
  AttentionMask mask() {
    return new AttentionMask(scores, starts);
  }

  /// Takes a micro-batch.
  ///
  /// @param ids token ids, row after row
  /// @param places position of each token in its document
  /// @param documents which document of its row each token belongs to, −1 for padding; the tokens
  ///   of a document are neighbours
  public void load(int[] ids, int[] places, int[] documents) {
    int n = shape.tokens();
    if (ids.length != n || places.length != n || documents.length != n) {
      throw new IllegalArgumentException("a micro-batch of this shape has " + n + " tokens");
    }
    tokens.write(ids);
    positions.write(places);
    int length = shape.rowLength();
    for (int i = 0; i < n; i++) {
      // A document's tokens see themselves and what is before them; padding sees itself only, so
      // that its softmax is defined.
      boolean begins = i % length == 0 || documents[i] < 0 || documents[i] != documents[i - 1];
      startValues[i] = begins ? i % length : startValues[i - 1];
    }
    starts.write(startValues);
    if (scores == null) {
      return;
    }
    if (scoreValues == null) {
      scoreValues = new float[queriesAtATime() * length];
    }
    for (int first = 0; first < n; first += queriesAtATime()) {
      int count = Math.min(queriesAtATime(), n - first);
      Arrays.fill(scoreValues, 0, count * length, Float.NEGATIVE_INFINITY);
      for (int i = 0; i < count; i++) {
        int query = first + i;
        int row = i * length;
        Arrays.fill(scoreValues, row + startValues[query], row + query % length + 1, 0f);
      }
      MemorySegment made =
          MemorySegment.ofArray(scoreValues).asSlice(0, (long) count * length * Float.BYTES);
      scores.write(made, (long) first * length * Float.BYTES);
    }
  }

  /// Of how many tokens the scores are made at a time: those of all may be more than an array
  /// holds.
  private int queriesAtATime() {
    return Math.clamp(PIECE / shape.rowLength(), 1, shape.tokens());
  }

  @Override
  public void close() {
    context.close();
  }
}
