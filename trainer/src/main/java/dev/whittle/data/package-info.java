/// Data sets: read from JSONL, tokenized, packed into micro-batches.
@NullMarked
package dev.whittle.data;

import org.jspecify.annotations.NullMarked;
