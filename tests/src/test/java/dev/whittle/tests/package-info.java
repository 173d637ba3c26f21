/// What holds for the whole: the modules' layering, and the command line's contract.
@NullMarked
package dev.whittle.tests;

import org.jspecify.annotations.NullMarked;
