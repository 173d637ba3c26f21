/// The part of the [Jinja](https://jinja.palletsprojects.com) template language that chat templates
/// are written in, with the meaning that it has in Python: strings have Python's methods, slices
/// may have steps, what is printed is what Python's `str` makes of it. Whitespace is treated as the
/// transformers library does (`trim_blocks` and `lstrip_blocks`).
///
/// A template comes with a model, from whoever published it. It sees the values that it is given
/// and nothing else: no Java object, class, file or setting can be reached from it, and a rendering
/// that grows out of bounds is ended ([Budget][dev.whittle.jinja.Budget]).
@NullMarked
package dev.whittle.jinja;

import org.jspecify.annotations.NullMarked;
