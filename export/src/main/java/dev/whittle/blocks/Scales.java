package dev.whittle.blocks;

/// The scales of some blocks: the numbers that the bytes hold, and what they come to.
///
/// Which of the encoded numbers are used is up to the format. Sub-block `s` of block `b` is at
/// index `b * subBlocks + s`.
final class Scales {
  /// float16, one a block.
  final short[] blockScale;

  /// float16, one a block.
  final short[] blockMinimum;

  /// One a sub-block.
  final byte[] scaleCode;

  /// One a sub-block.
  final byte[] minimumCode;

  /// What a level is multiplied with, one a sub-block.
  final float[] scale;

  /// What is added to that, one a sub-block; zero for formats without minima.
  final float[] offset;

  private int subBlocks;

  /// @param subBlocks of each block
  Scales(int blocks, int subBlocks) {
    this.subBlocks = subBlocks;
    blockScale = new short[blocks];
    blockMinimum = new short[blocks];
    scaleCode = new byte[blocks * subBlocks];
    minimumCode = new byte[blocks * subBlocks];
    scale = new float[blocks * subBlocks];
    offset = new float[blocks * subBlocks];
  }

  /// Goes over to another number of sub-blocks in each block.
  void arrange(int subBlocks) {
    this.subBlocks = subBlocks;
  }

  /// The first sub-block of a block.
  int first(int block) {
    return block * subBlocks;
  }

  /// The first sub-block after a block.
  int end(int block) {
    return (block + 1) * subBlocks;
  }

  /// Takes over one block of another set of scales of the same format.
  void copy(Scales from, int fromBlock, int toBlock) {
    blockScale[toBlock] = from.blockScale[fromBlock];
    blockMinimum[toBlock] = from.blockMinimum[fromBlock];
    copySubBlocks(from, from.first(fromBlock), first(toBlock), subBlocks);
  }

  /// Takes over some sub-blocks.
  void copySubBlocks(Scales from, int source, int target, int count) {
    System.arraycopy(from.scaleCode, source, scaleCode, target, count);
    System.arraycopy(from.minimumCode, source, minimumCode, target, count);
    System.arraycopy(from.scale, source, scale, target, count);
    System.arraycopy(from.offset, source, offset, target, count);
  }
}
