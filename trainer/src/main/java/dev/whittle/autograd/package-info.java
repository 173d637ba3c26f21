/// Reverse-mode differentiation over ggml operations.
///
/// Each operation adds its forward node to a graph and registers the rule that builds its backward
/// nodes. ggml's own `ggml_build_backward_expand` cannot serve here: it takes F32 and F16
/// parameters only, so there could be no forward through the quantized weights.
@NullMarked
package dev.whittle.autograd;

import org.jspecify.annotations.NullMarked;
