package dev.whittle.onednn;

import static dev.whittle.onednn.AttentionBlocks.at;

import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Kernel;
import dev.whittle.ggml.Tensor;
import dev.whittle.onednn.AttentionBlocks.Block;
import dev.whittle.onednn.AttentionBlocks.Scratch;
import dev.whittle.onednn.ProductShape.Steps;

/// Attention without its matrix of probabilities: that of a block of queries stays in the cache, as
/// in FlashAttention (Dao et al. 2022).
final class AttentionKernel implements Kernel {
  private final Primitives primitives;
  private final AttentionBlocks blocks;
  private final Tensor v;

  AttentionKernel(Primitives primitives, AttentionBlocks blocks, Tensor v) {
    this.primitives = primitives;
    this.blocks = blocks;
    this.v = v;
  }

  @Override
  public void compute(Tensor result, int thread, int threads) {
    AttentionShape shape = blocks.shape();
    long jobs = shape.rows() * shape.heads() * blocks.count();
    Scratch scratch = blocks.borrow();
    try {
      for (long job = thread; job < jobs; job += threads) {
        long rest = job / blocks.count();
        long row = rest / shape.heads();
        long head = rest % shape.heads();
        // Later blocks take longer, so every other head has them in the opposite order.
        long place = job % blocks.count();
        long number = head % 2 == 0 ? place : blocks.count() - 1 - place;
        compute(result, row, head, blocks.block(row, number), scratch);
      }
    } finally {
      blocks.giveBack(scratch);
    }
  }

  private void compute(Tensor result, long row, long head, Block block, Scratch scratch) {
    AttentionShape shape = blocks.shape();
    blocks.probabilities(row, head, block, scratch);
    ProductShape product =
        new ProductShape(
            GgmlType.F32,
            block.queries(),
            shape.head(),
            block.keys(),
            new Steps(block.keys(), 1),
            new Steps(shape.keyStep(), 1),
            shape.queryStep(),
            1,
            false);
    primitives
        .product(product)
        .run(
            scratch.probabilities().address(),
            at(v, shape.keyOffset(row, head / shape.group()) + block.firstKey() * shape.keyStep()),
            at(result, shape.queryOffset(row, head) + block.first() * shape.queryStep()));
  }
}
