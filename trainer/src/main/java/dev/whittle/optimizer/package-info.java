/// Gradient descent: AdamW, gradient clipping, learning-rate schedules.
@NullMarked
package dev.whittle.optimizer;

import org.jspecify.annotations.NullMarked;
