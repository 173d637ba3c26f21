/// What training keeps for each weight, and what of it goes to disk.
@NullMarked
package dev.whittle.training;

import org.jspecify.annotations.NullMarked;
