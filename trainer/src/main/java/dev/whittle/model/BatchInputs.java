package dev.whittle.model;

import dev.whittle.autograd.AttentionMask;
import dev.whittle.ggml.Backend;
import dev.whittle.ggml.CudaOperations;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Tensor;
import dev.whittle.ggml.TensorContext;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// The tokens of a micro-batch and where they stand, as tensors that several models may read.
public final class BatchInputs implements AutoCloseable {
  private final BatchShape shape;
  private final TensorContext context;
  private final Tensor tokens;
  private final Tensor positions;
  private final @Nullable Tensor scores;
  private final Tensor starts;
  private final int[] startValues;
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
    return bytes + (scores == null ? 0 : Float.BYTES * scores.elements());
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
    float[] values = scoreValues(scores);
    Arrays.fill(values, Float.NEGATIVE_INFINITY);
    for (int i = 0; i < n; i++) {
      Arrays.fill(values, i * length + startValues[i], i * length + i % length + 1, 0f);
    }
    scores.write(values);
  }

  /// Made when first needed: inputs that are only measured never are.
  private float[] scoreValues(Tensor scores) {
    if (scoreValues == null) {
      scoreValues = new float[Math.toIntExact(scores.elements())];
    }
    return scoreValues;
  }

  @Override
  public void close() {
    context.close();
  }
}
