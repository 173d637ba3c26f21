/// Matrix products by oneDNN, which uses a processor's units for BF16 to the full, as nodes of
/// ggml's graphs.
@NullMarked
package dev.whittle.onednn;

import org.jspecify.annotations.NullMarked;
