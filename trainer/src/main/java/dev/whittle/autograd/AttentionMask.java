package dev.whittle.autograd;

import dev.whittle.ggml.Tensor;
import org.jspecify.annotations.Nullable;

/// Which tokens of a row each token sees: those of its document up to itself. The same in two
/// forms.
///
/// @param scores what is added to the scores: 0 or −∞, [rowLength, rowLength, 1, rows] F32; null
///   where [Kernels#cuda] attends by `starts` alone
/// @param starts the place in its row of the first token that each token sees, [rowLength, rows]
///   I32
public record AttentionMask(@Nullable Tensor scores, Tensor starts) {}
