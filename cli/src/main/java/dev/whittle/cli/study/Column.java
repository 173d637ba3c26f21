package dev.whittle.cli.study;

import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// A column of a study's table: a figure, or how much it differs from another one.
///
/// @param subtrahend null where it is the figure itself
public record Column(String heading, Figure figure, @Nullable Figure subtrahend) {
  /// Reads `stage.path`, or `stage.path - stage.path`.
  ///
  /// @param stages those that evaluate
  /// @throws IllegalArgumentException if it is none; the message continues a sentence that begins
  ///   with the text
  static Column parse(String heading, String text, Collection<String> stages) {
    String[] sides = text.split(" - ", 2);
    return new Column(
        heading,
        Figure.parse(sides[0].strip(), stages),
        sides.length == 1 ? null : Figure.parse(sides[1].strip(), stages));
  }

  boolean isDifference() {
    return subtrahend != null;
  }

  /// What it is made of.
  List<Figure> figures() {
    return Stream.of(figure, subtrahend).filter(side -> side != null).toList();
  }

  /// Its value by those of its figures, if they are known.
  Optional<Double> of(Function<Figure, Optional<Double>> known) {
    Optional<Double> value = known.apply(figure);
    return subtrahend == null
        ? value
        : value.flatMap(v -> known.apply(subtrahend).map(other -> v - other));
  }

  int decimals() {
    return figure.decimals();
  }
}
