package dev.whittle.gptq;

import dev.whittle.ggml.GgmlType;
import java.lang.foreign.MemorySegment;

/// What GPTQ makes of a matrix.
///
/// @param type of the blocks
/// @param blocks what is shipped
/// @param masters float32, [rows, columns]: what each weight was when it was rounded, that is with
///   the errors of the columns before it made up for
public record SolvedMatrix(GgmlType type, MemorySegment blocks, MemorySegment masters) {}
