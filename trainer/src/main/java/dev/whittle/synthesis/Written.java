package dev.whittle.synthesis;

import java.util.function.Function;

/// What the model wrote, as far as it is of use.
///
/// @param <T> what it is
sealed interface Written<T> {
  /// It can be used.
  record Usable<T>(T value) implements Written<T> {}

  /// It cannot.
  record Unusable<T>(Rejection reason) implements Written<T> {}

  /// What becomes of it, if it can be used.
  default <R> Written<R> then(Function<T, Written<R>> next) {
    return switch (this) {
      case Usable<T>(T value) -> next.apply(value);
      case Unusable<T>(Rejection reason) -> new Unusable<>(reason);
    };
  }
}
