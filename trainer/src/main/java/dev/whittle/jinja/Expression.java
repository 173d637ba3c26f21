package dev.whittle.jinja;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What has a value.
sealed interface Expression {
  record Constant(Object value) implements Expression {}

  record Name(String name) implements Expression {}

  /// `[a, b]` or `(a, b)`: Python's tuples are lists here, and are written like them.
  record Sequence(List<Expression> items) implements Expression {}

  record Dictionary(List<Entry> entries) implements Expression {}

  record Entry(Expression key, Expression value) {}

  /// `of.name`
  record Attribute(Expression of, String name) implements Expression {}

  /// `of[key]`
  record Item(Expression of, Expression key) implements Expression {}

  /// `of[start:stop:step]`
  record Slice(
      Expression of,
      @Nullable Expression start,
      @Nullable Expression stop,
      @Nullable Expression step)
      implements Expression {}

  record Call(Expression function, Arguments arguments) implements Expression {}

  /// `value|name(arguments)`
  record Filtered(Expression value, String name, Arguments arguments) implements Expression {}

  /// `value is name(arguments)`
  record Tested(Expression value, String name, Arguments arguments) implements Expression {}

  record Arguments(List<Expression> positional, Map<String, Expression> named) {
    static final Arguments NONE = new Arguments(List.of(), Map.of());
  }

  record Not(Expression value) implements Expression {}

  /// `-value` or `+value`
  record Signed(char sign, Expression value) implements Expression {}

  record And(Expression left, Expression right) implements Expression {}

  record Or(Expression left, Expression right) implements Expression {}

  /// Arithmetic, by `+`, `-`, `*`, `/`, `//`, `%` or `**`.
  record Binary(String operator, Expression left, Expression right) implements Expression {}

  /// `a ~ b ~ c`
  record Concatenation(List<Expression> parts) implements Expression {}

  /// `first < second <= third`: each with the next.
  record Comparison(Expression first, List<Comparand> others) implements Expression {}

  /// @param operator `==`, `!=`, `<`, `<=`, `>`, `>=`, `in` or `not in`
  record Comparand(String operator, Expression value) {}

  /// `then if condition else otherwise`
  record Conditional(Expression condition, Expression then, @Nullable Expression otherwise)
      implements Expression {}
}
