package dev.whittle.jinja;

import dev.whittle.jinja.Expression.Arguments;
import dev.whittle.jinja.Expression.Comparand;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Finds what expressions stand for.
final class Evaluator {
  private final Budget budget;

  Evaluator(Budget budget) {
    this.budget = budget;
  }

  Object evaluate(Expression expression, Scope scope) {
    budget.spend(1);
    return switch (expression) {
      case Expression.Constant constant -> constant.value();
      case Expression.Name name -> scope.get(name.name());
      case Expression.Sequence sequence -> all(sequence.items(), scope);
      case Expression.Dictionary dictionary -> dictionary(dictionary, scope);
      case Expression.Attribute attribute ->
          Values.attribute(evaluate(attribute.of(), scope), attribute.name());
      case Expression.Item item ->
          Values.item(evaluate(item.of(), scope), evaluate(item.key(), scope), budget);
      case Expression.Slice slice -> slice(slice, scope);
      case Expression.Call call -> call(call, scope, Map.of());
      case Expression.Filtered filtered ->
          Filters.apply(
              filtered.name(),
              scanned(evaluate(filtered.value(), scope)),
              arguments(filtered.arguments(), scope, Map.of()));
      case Expression.Tested tested ->
          Tests.test(
              tested.name(),
              scanned(evaluate(tested.value(), scope)),
              arguments(tested.arguments(), scope, Map.of()));
      case Expression.Not not -> !isTrue(not.value(), scope);
      case Expression.Signed signed ->
          Arithmetic.sign(signed.sign(), evaluate(signed.value(), scope));
      case Expression.And and -> {
        Object left = evaluate(and.left(), scope);
        yield Values.isTrue(left) ? evaluate(and.right(), scope) : left;
      }
      case Expression.Or or -> {
        Object left = evaluate(or.left(), scope);
        yield Values.isTrue(left) ? left : evaluate(or.right(), scope);
      }
      case Expression.Binary binary ->
          Arithmetic.apply(
              binary.operator(),
              evaluate(binary.left(), scope),
              evaluate(binary.right(), scope),
              budget);
      case Expression.Concatenation concatenation ->
          Methods.joined(all(concatenation.parts(), scope), "", budget);
      case Expression.Comparison comparison -> holds(comparison, scope);
      case Expression.Conditional conditional -> conditional(conditional, scope);
    };
  }

  /// Counts the text that a filter or test goes through.
  private Object scanned(Object value) {
    if (value instanceof String text) {
      budget.scan(text.length());
    }
    return value;
  }

  boolean isTrue(Expression expression, Scope scope) {
    return Values.isTrue(evaluate(expression, scope));
  }

  /// Calls a function.
  ///
  /// @param more arguments by name besides those of the expression
  Object call(Expression.Call call, Scope scope, Map<String, Object> more) {
    Object function = evaluate(call.function(), scope);
    Values.requireDefined(function);
    if (!(function instanceof TemplateFunction callable)) {
      throw new TemplateException(Values.kind(function) + " is called");
    }
    return callable.call(arguments(call.arguments(), scope, more));
  }

  private CallArguments arguments(Arguments arguments, Scope scope, Map<String, Object> more) {
    if (arguments.named().isEmpty() && more.isEmpty()) {
      return new CallArguments(all(arguments.positional(), scope), Map.of(), budget);
    }
    Map<String, Object> named = new LinkedHashMap<>(more);
    arguments.named().forEach((name, value) -> named.put(name, evaluate(value, scope)));
    return new CallArguments(all(arguments.positional(), scope), named, budget);
  }

  private List<Object> all(List<Expression> expressions, Scope scope) {
    if (expressions.isEmpty()) {
      return List.of();
    }
    List<Object> values = new ArrayList<>(expressions.size());
    for (Expression expression : expressions) {
      values.add(evaluate(expression, scope));
    }
    return values;
  }

  private Object dictionary(Expression.Dictionary dictionary, Scope scope) {
    Map<Object, Object> map = new LinkedHashMap<>();
    for (Expression.Entry entry : dictionary.entries()) {
      map.put(Values.key(evaluate(entry.key(), scope)), evaluate(entry.value(), scope));
    }
    return map;
  }

  private Object slice(Expression.Slice slice, Scope scope) {
    Object value = evaluate(slice.of(), scope);
    Integer step = bound(slice.step(), scope);
    return Values.slice(
        value,
        bound(slice.start(), scope),
        bound(slice.stop(), scope),
        step == null ? 1 : step,
        budget);
  }

  private @Nullable Integer bound(@Nullable Expression expression, Scope scope) {
    Object value = expression == null ? None.NONE : evaluate(expression, scope);
    if (value == None.NONE) {
      return null;
    }
    Values.requireDefined(value);
    return Values.integer(value)
        .orElseThrow(
            () -> new TemplateException("a slice begins or ends at " + Values.kind(value)));
  }

  private boolean holds(Expression.Comparison comparison, Scope scope) {
    Object left = evaluate(comparison.first(), scope);
    for (Comparand comparand : comparison.others()) {
      Object right = evaluate(comparand.value(), scope);
      boolean holds =
          switch (comparand.operator()) {
            case "==" -> Values.equal(left, right, budget);
            case "!=" -> !Values.equal(left, right, budget);
            case "<" -> Values.compare(left, right, budget) < 0;
            case "<=" -> Values.compare(left, right, budget) <= 0;
            case ">" -> Values.compare(left, right, budget) > 0;
            case ">=" -> Values.compare(left, right, budget) >= 0;
            case "in" -> Values.contains(right, left, budget);
            default -> !Values.contains(right, left, budget);
          };
      if (!holds) {
        return false;
      }
      left = right;
    }
    return true;
  }

  private Object conditional(Expression.Conditional conditional, Scope scope) {
    if (isTrue(conditional.condition(), scope)) {
      return evaluate(conditional.then(), scope);
    }
    Expression otherwise = conditional.otherwise();
    return otherwise == null
        ? new Undefined("a condition without 'else' does not hold")
        : evaluate(otherwise, scope);
  }
}
