/// A model in training, run by llama.cpp with its blocks as they are: what it will be where it is
/// deployed.
@NullMarked
package dev.whittle.rollout;

import org.jspecify.annotations.NullMarked;
