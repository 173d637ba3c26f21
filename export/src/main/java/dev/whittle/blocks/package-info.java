/// Block formats: weights as small integers that share scales, in the bytes that ggml reads.
///
/// [dev.whittle.blocks.BlockEncoders] encodes whole matrices. [dev.whittle.blocks.BlockFormat] and
/// [dev.whittle.blocks.Grid] open a format up: which scales a block has, and what each code stands
/// for.
@NullMarked
package dev.whittle.blocks;

import org.jspecify.annotations.NullMarked;
