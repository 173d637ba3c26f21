package dev.whittle.model;

import dev.whittle.ggml.Rope;
import dev.whittle.ggml.Tensor;

/// Where the tokens of a pass stand.
///
/// @param indices position of each token in its document, [tokens] I32
/// @param mask 0 where a token may attend to another one of its row, −∞ elsewhere: [rowLength,
///   rowLength, 1, rows] F32
/// @param rope the rotary embedding
public record Positions(Tensor indices, Tensor mask, Rope rope) {}
