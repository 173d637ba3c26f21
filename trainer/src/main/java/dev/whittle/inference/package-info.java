/// Local inference with a finished file, by llama.cpp.
@NullMarked
package dev.whittle.inference;

import org.jspecify.annotations.NullMarked;
