/// How fast Whittle is on this machine, beside what the machine can do.
@NullMarked
package dev.whittle.benchmark;

import org.jspecify.annotations.NullMarked;
