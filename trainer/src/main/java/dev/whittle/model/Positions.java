package dev.whittle.model;

import dev.whittle.autograd.AttentionMask;
import dev.whittle.ggml.Rope;
import dev.whittle.ggml.Tensor;

/// Where the tokens of a pass stand.
///
/// @param indices position of each token in its document, [tokens] I32
/// @param mask which tokens each one sees
/// @param rope the rotary embedding
public record Positions(Tensor indices, AttentionMask mask, Rope rope) {}
