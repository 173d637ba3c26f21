package dev.whittle.jinja;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// What writes, or changes what is written.
sealed interface Statement {
  /// The template's line that it begins in, from 1.
  int line();

  record Text(int line, String text) implements Statement {}

  record Output(int line, Expression value) implements Statement {}

  record If(int line, Expression condition, List<Statement> then, List<Statement> otherwise)
      implements Statement {}

  /// @param condition which items are gone through, if not all are
  /// @param otherwise runs if there are none
  record For(
      int line,
      Target target,
      Expression items,
      @Nullable Expression condition,
      List<Statement> body,
      List<Statement> otherwise)
      implements Statement {}

  record Set(int line, Target target, Expression value) implements Statement {}

  /// Sets to what its body writes, filtered if there is a filter, which [#WRITTEN] goes into.
  record SetWritten(int line, Target target, List<Statement> body, Expression value)
      implements Statement {}

  /// `{% filter %}`: writes what its body writes, filtered.
  record Filter(int line, List<Statement> body, Expression value) implements Statement {}

  record With(int line, List<Set> variables, List<Statement> body) implements Statement {}

  record Macro(int line, String name, List<Parameter> parameters, List<Statement> body)
      implements Statement {}

  /// `{% call(parameters) function(arguments) %}`: the body is given to the function as `caller`.
  record CallBlock(int line, Macro caller, Expression.Call call) implements Statement {}

  /// A body that is written as if nothing was around it.
  record Block(int line, List<Statement> body) implements Statement {}

  record Break(int line) implements Statement {}

  record Continue(int line) implements Statement {}

  record Parameter(String name, @Nullable Expression value) {}

  /// What is set.
  sealed interface Target {
    record Variable(String name) implements Target {}

    /// `of.attribute`, of a namespace.
    record Member(String of, String attribute) implements Target {}

    record Several(List<Target> targets) implements Target {}
  }

  /// What stands for what a body has written; no variable of a template has this name.
  Expression.Name WRITTEN = new Expression.Name("what is written");
}
