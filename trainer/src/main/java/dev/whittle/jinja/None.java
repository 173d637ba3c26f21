package dev.whittle.jinja;

/// Python's `None`.
enum None {
  NONE
}
