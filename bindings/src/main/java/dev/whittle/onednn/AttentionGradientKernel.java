package dev.whittle.onednn;

import static dev.whittle.onednn.AttentionBlocks.at;

import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Kernel;
import dev.whittle.ggml.Tensor;
import dev.whittle.onednn.AttentionBlocks.Block;
import dev.whittle.onednn.AttentionBlocks.Scratch;
import dev.whittle.onednn.ProductShape.Steps;
import java.lang.foreign.MemorySegment;

/// The gradients of attention, block after block of queries.
///
/// With O = P·V and P = softmax(scale · Q·Kᵀ): dV = Pᵀ·dO, dP = dO·Vᵀ, dS = softmax'(dP), dQ =
/// scale · dS·K, dK = scale · dSᵀ·Q.
final class AttentionGradientKernel implements Kernel {
  private final Primitives primitives;
  private final AttentionBlocks blocks;
  private final AttentionShape shape;
  private final Tensor q;
  private final Tensor k;
  private final Tensor v;
  private final Tensor gradient;

  AttentionGradientKernel(
      Primitives primitives,
      AttentionBlocks blocks,
      Tensor q,
      Tensor k,
      Tensor v,
      Tensor gradient) {
    this.primitives = primitives;
    this.blocks = blocks;
    this.shape = blocks.shape();
    this.q = q;
    this.k = k;
    this.v = v;
    this.gradient = gradient;
  }

  /// Keys and values gather from all queries of their group, so one thread has them all.
  @Override
  public void compute(Tensor result, int thread, int threads) {
    long jobs = shape.rows() * shape.keyValueHeads();
    Scratch scratch = blocks.borrow();
    try {
      for (long job = thread; job < jobs; job += threads) {
        long row = job / shape.keyValueHeads();
        long keyHead = job % shape.keyValueHeads();
        clear(result, q.elements() + shape.keyOffset(row, keyHead));
        clear(result, q.elements() + k.elements() + shape.keyOffset(row, keyHead));
        for (long number = 0; number < blocks.count(); number++) {
          Block block = blocks.block(row, number);
          for (long i = 0; i < shape.group(); i++) {
            compute(result, row, keyHead * shape.group() + i, block, scratch);
          }
        }
      }
    } finally {
      blocks.giveBack(scratch);
    }
  }

  private void clear(Tensor result, long first) {
    MemorySegment memory = result.host();
    for (long i = 0; i < shape.length(); i++) {
      memory
          .asSlice((first + i * shape.keyStep()) * Float.BYTES, shape.head() * Float.BYTES)
          .fill((byte) 0);
    }
  }

  private void compute(Tensor result, long row, long head, Block block, Scratch scratch) {
    blocks.probabilities(row, head, block, scratch);
    long query = shape.queryOffset(row, head) + block.first() * shape.queryStep();
    long key = shape.keyOffset(row, head / shape.group()) + block.firstKey() * shape.keyStep();
    long dQuery = at(result, query);
    long dKey = at(result, q.elements() + key);
    long dValue = at(result, q.elements() + k.elements() + key);
    long p = scratch.probabilities().address();
    long d = scratch.gradients().address();
    Steps inner = new Steps(1, block.keys());
    product(
            block.keys(),
            shape.head(),
            block.queries(),
            inner,
            new Steps(shape.queryStep(), 1),
            shape.keyStep(),
            1,
            true)
        .run(p, at(gradient, query), dValue);
    product(
            block.queries(),
            block.keys(),
            shape.head(),
            new Steps(shape.queryStep(), 1),
            new Steps(1, shape.keyStep()),
            block.keys(),
            1,
            false)
        .run(at(gradient, query), at(v, key), d);
    primitives.softmaxGradient(block.queries(), block.keys()).run(p, d, d);
    product(
            block.queries(),
            shape.head(),
            block.keys(),
            new Steps(block.keys(), 1),
            new Steps(shape.keyStep(), 1),
            shape.queryStep(),
            shape.scale(),
            false)
        .run(d, at(k, key), dQuery);
    product(
            block.keys(),
            shape.head(),
            block.queries(),
            inner,
            new Steps(shape.queryStep(), 1),
            shape.keyStep(),
            shape.scale(),
            true)
        .run(d, at(q, query), dKey);
  }

  private Primitive product(
      long rows,
      long columns,
      long inner,
      Steps a,
      Steps b,
      long cRow,
      float scale,
      boolean accumulate) {
    return primitives.product(
        new ProductShape(GgmlType.F32, rows, columns, inner, a, b, cRow, scale, accumulate));
  }
}
