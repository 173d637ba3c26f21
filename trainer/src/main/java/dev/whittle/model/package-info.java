/// The model families that Whittle trains: their shapes from GGUF metadata, their layers over the
/// autograd, and the graphs of a pass over a batch.
@NullMarked
package dev.whittle.model;

import org.jspecify.annotations.NullMarked;
