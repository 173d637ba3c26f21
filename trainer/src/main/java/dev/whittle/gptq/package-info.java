/// GPTQ (Frantar et al. 2022, <https://arxiv.org/abs/2210.17323>): matrices are rounded column by
/// column, and what a column's rounding does to the outputs is made up for by the columns that are
/// still to come.
@NullMarked
package dev.whittle.gptq;

import org.jspecify.annotations.NullMarked;
