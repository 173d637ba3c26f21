/// Reinforcement learning with a verifiable reward on a quantized model: it answers questions by
/// llama.cpp with the blocks as they are, and its masters are moved towards the answers that were
/// better than the others.
@NullMarked
package dev.whittle.reinforcement;

import org.jspecify.annotations.NullMarked;
