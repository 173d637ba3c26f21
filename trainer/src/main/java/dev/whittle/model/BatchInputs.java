package dev.whittle.model;

import dev.whittle.ggml.Backend;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Tensor;
import dev.whittle.ggml.TensorContext;
import java.util.Arrays;

/// The tokens of a micro-batch and where they stand, as tensors that several models may read.
public final class BatchInputs implements AutoCloseable {
  private final BatchShape shape;
  private final TensorContext context;
  private final Tensor tokens;
  private final Tensor positions;
  private final Tensor mask;
  private final float[] maskValues;

  public BatchInputs(Backend backend, BatchShape shape) {
    this.shape = shape;
    context = new TensorContext(8);
    tokens = context.newTensor(GgmlType.I32, shape.tokens());
    positions = context.newTensor(GgmlType.I32, shape.tokens());
    mask = context.newTensor(GgmlType.F32, shape.rowLength(), shape.rowLength(), 1, shape.rows());
    context.allocate(backend);
    maskValues = new float[Math.multiplyExact(shape.tokens(), shape.rowLength())];
  }

  public BatchShape shape() {
    return shape;
  }

  /// Token ids [tokens] I32.
  Tensor tokens() {
    return tokens;
  }

  /// Positions in the documents [tokens] I32.
  Tensor positions() {
    return positions;
  }

  /// Attention mask [rowLength, rowLength, 1, rows] F32.
  Tensor mask() {
    return mask;
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
    Arrays.fill(maskValues, Float.NEGATIVE_INFINITY);
    int length = shape.rowLength();
    for (int row = 0; row < shape.rows(); row++) {
      int base = row * length;
      int first = 0;
      for (int i = 0; i < length; i++) {
        // A document's tokens see themselves and what is before them; padding sees itself only, so
        // that its softmax is defined.
        if (i == 0 || documents[base + i] < 0 || documents[base + i] != documents[base + i - 1]) {
          first = i;
        }
        int line = (base + i) * length;
        Arrays.fill(maskValues, line + first, line + i + 1, 0f);
      }
    }
    mask.write(maskValues);
  }

  @Override
  public void close() {
    context.close();
  }
}
