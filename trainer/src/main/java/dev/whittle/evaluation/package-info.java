/// How good a model is: it answers questions, and is compared with the model that it came from. All
/// of it computed by llama.cpp, as it will be where the model is deployed.
@NullMarked
package dev.whittle.evaluation;

import org.jspecify.annotations.NullMarked;
