/// Mixed precision: which tensor gets how many bits, by what it costs the model, so that a file has
/// a given size.
@NullMarked
package dev.whittle.allocation;

import org.jspecify.annotations.NullMarked;
