package dev.whittle.onednn;

import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Tensor;
import dev.whittle.onednn.ProductShape.Steps;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/// The probabilities of attention, block after block of queries: what lies after a block, and whole
/// blocks before the documents of its tokens, is never computed.
final class AttentionBlocks {
  /// Queries in a block. Fewer would compute less beyond the diagonal, in smaller products.
  private static final int QUERIES = 64;

  private static final int CACHE_LINE = 64;
  private static final int MATRICES = 2;

  private final Primitives primitives;
  private final AttentionShape shape;
  private final Tensor q;
  private final Tensor k;
  private final Tensor starts;
  private final MemorySegment unseen;
  private final Queue<Scratch> idle = new ConcurrentLinkedQueue<>();

  AttentionBlocks(Primitives primitives, AttentionShape shape, Tensor q, Tensor k, Tensor starts) {
    this.primitives = primitives;
    this.shape = shape;
    this.q = q;
    this.k = k;
    this.starts = starts;
    unseen = Arena.ofAuto().allocate(ValueLayout.JAVA_FLOAT, shape.length());
    for (long i = 0; i < shape.length(); i++) {
      unseen.setAtIndex(ValueLayout.JAVA_FLOAT, i, Float.NEGATIVE_INFINITY);
    }
  }

  AttentionShape shape() {
    return shape;
  }

  /// Some queries of a row, and the keys that any of them sees.
  ///
  /// @param first the first query's place in the row
  /// @param firstKey the first key's place
  /// @param starts the place of the first key that each query sees
  record Block(long first, long queries, long firstKey, long keys, int[] starts) {}

  /// Two matrices [queries × keys] that one thread works with: contiguous F32.
  record Scratch(MemorySegment probabilities, MemorySegment gradients) {}

  /// Work space that no thread is using.
  Scratch borrow() {
    Scratch scratch = idle.poll();
    if (scratch != null) {
      return scratch;
    }
    long bytes = QUERIES * shape.length() * Float.BYTES;
    MemorySegment memory = Arena.ofAuto().allocate(MATRICES * bytes, CACHE_LINE);
    return new Scratch(memory.asSlice(0, bytes), memory.asSlice(bytes, bytes));
  }

  void giveBack(Scratch scratch) {
    idle.add(scratch);
  }

  /// How many blocks a row has.
  long count() {
    return (shape.length() + QUERIES - 1) / QUERIES;
  }

  Block block(long row, long number) {
    long first = number * QUERIES;
    int queries = (int) Math.min(QUERIES, shape.length() - first);
    int[] begins = new int[queries];
    MemorySegment.copy(
        starts.host(),
        ValueLayout.JAVA_INT,
        (row * shape.length() + first) * Integer.BYTES,
        begins,
        0,
        queries);
    long least = first;
    for (int begin : begins) {
      least = Math.min(least, begin);
    }
    // Whole blocks, so that there are few shapes to compile for.
    long firstKey = least / QUERIES * QUERIES;
    return new Block(first, queries, firstKey, first + queries - firstKey, begins);
  }

  /// Computes softmax(scale · Q · Kᵀ) of a block.
  void probabilities(long row, long head, Block block, Scratch scratch) {
    long keyHead = head / shape.group();
    ProductShape product =
        new ProductShape(
            GgmlType.F32,
            block.queries(),
            block.keys(),
            shape.head(),
            new Steps(shape.queryStep(), 1),
            new Steps(1, shape.keyStep()),
            block.keys(),
            shape.scale(),
            false);
    MemorySegment scores = scratch.probabilities();
    primitives
        .product(product)
        .run(
            at(q, shape.queryOffset(row, head) + block.first() * shape.queryStep()),
            at(k, shape.keyOffset(row, keyHead) + block.firstKey() * shape.keyStep()),
            scores.address());
    for (int i = 0; i < block.queries(); i++) {
      long line = i * block.keys();
      hide(scores, line, block.starts()[i] - block.firstKey());
      long seen = block.first() + i + 1 - block.firstKey();
      hide(scores, line + seen, block.keys() - seen);
    }
    primitives.softmax(block.queries(), block.keys()).run(scores.address(), scores.address());
  }

  private void hide(MemorySegment scores, long from, long count) {
    if (count > 0) {
      MemorySegment.copy(unseen, 0, scores, from * Float.BYTES, count * Float.BYTES);
    }
  }

  /// The address of an element.
  static long at(Tensor tensor, long element) {
    return tensor.address() + element * Float.BYTES;
  }
}
