/// Number formats that GGUF does not have, simulated by rounding what is stored and computed in
/// float32: for comparison with papers, not for deployment.
@NullMarked
package dev.whittle.simulation;

import org.jspecify.annotations.NullMarked;
