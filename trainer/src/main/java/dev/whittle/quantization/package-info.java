/// Post-training quantization: which tensor of a model gets which block type, how rows are encoded
/// into blocks, and which columns of a matrix matter most.
@NullMarked
package dev.whittle.quantization;

import org.jspecify.annotations.NullMarked;
