/// Transforms of a model's weights that make them easier to quantize and fold into the weights
/// themselves: at full precision the model computes what it did before, in other bases, and its
/// file stays a plain model of its family.
@NullMarked
package dev.whittle.transform;

import org.jspecify.annotations.NullMarked;
