/// Training text that a model writes itself: replies to given prompts, and whole conversations from
/// nothing but the beginning of its chat template.
@NullMarked
package dev.whittle.synthesis;

import org.jspecify.annotations.NullMarked;
