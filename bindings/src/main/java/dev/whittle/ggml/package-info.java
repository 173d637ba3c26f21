/// A small, safe layer over ggml and llama.cpp: everything native has an owner that closes it, and
/// what ggml would abort the process for is refused with an exception first.
@NullMarked
package dev.whittle.ggml;

import org.jspecify.annotations.NullMarked;
