package dev.whittle.training;

import dev.whittle.ggml.Tensor;
import dev.whittle.optimizer.AdamW;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SequencedMap;

/// AdamW's two moments of a parameter. The formula runs in float32; what differs is what is kept
/// between steps.
public abstract sealed class Moments permits PairMoments, BlockwiseMoments {
  /// A part that is updated on its own begins at a multiple of so many elements.
  static final int BLOCK = 256;

  /// Elements that are updated at a time: their arrays stay in the first-level cache.
  private static final int PIECE = 4 * BLOCK;

  private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT;

  /// What is stored, by the ending of its name in a checkpoint.
  abstract SequencedMap<String, Tensor> tensors();

  /// The bytes of what is stored.
  public final long bytes() {
    return tensors().values().stream().mapToLong(Tensor::bytes).sum();
  }

  /// How they are stored.
  abstract MomentType type();

  /// The moments from an element on, for one thread.
  abstract Part from(long element);

  /// Some of the moments as float32.
  interface Part {
    /// Reads the moments of `n` elements from the one numbered `at` of this part.
    void read(long at, float[] first, float[] second, int n);

    /// Stores them; the arrays may be overwritten.
    void write(long at, float[] first, float[] second, int n);
  }

  /// Updates some elements of a parameter, and their moments.
  ///
  /// @param weights F32, changed in place
  /// @param gradients F32, of the same elements
  /// @param element the number of the first one in the parameter, a multiple of [#BLOCK]
  final void update(
      AdamW.Update update, MemorySegment weights, MemorySegment gradients, long element) {
    if (element % BLOCK != 0) {
      throw new IllegalArgumentException("element " + element + " is inside a block");
    }
    Part part = from(element);
    float[] w = new float[PIECE];
    float[] g = new float[PIECE];
    float[] m = new float[PIECE];
    float[] v = new float[PIECE];
    long count = weights.byteSize() / Float.BYTES;
    for (long at = 0; at < count; at += PIECE) {
      int n = (int) Math.min(PIECE, count - at);
      MemorySegment.copy(weights, F32, at * Float.BYTES, w, 0, n);
      MemorySegment.copy(gradients, F32, at * Float.BYTES, g, 0, n);
      part.read(at, m, v, n);
      update.apply(w, g, m, v, n);
      MemorySegment.copy(w, 0, weights, F32, at * Float.BYTES, n);
      part.write(at, m, v, n);
    }
  }
}
