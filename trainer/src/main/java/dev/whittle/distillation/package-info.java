/// Knowledge distillation of a quantized student from a full-precision teacher.
@NullMarked
package dev.whittle.distillation;

import org.jspecify.annotations.NullMarked;
