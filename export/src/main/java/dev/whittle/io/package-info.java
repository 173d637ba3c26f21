/// Writing files so that a reader never meets half of one.
@NullMarked
package dev.whittle.io;

import org.jspecify.annotations.NullMarked;
