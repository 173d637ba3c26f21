package dev.whittle.jinja;

import dev.whittle.jinja.Expression.Arguments;
import dev.whittle.jinja.Expression.Comparand;
import dev.whittle.jinja.Expression.Entry;
import dev.whittle.jinja.Token.Type;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// Reads expressions, by Jinja's grammar: filters and tests bind closest, then `**`, `-`, products,
/// `~`, sums, comparisons, `not`, `and`, `or` and `if`.
final class ExpressionParser {
  private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", "<=", ">", ">=");

  /// Words that go on with the expression behind a test, and are not its argument.
  private static final Set<String> NO_ARGUMENT =
      Set.of("else", "or", "and", "if", "is", "in", "not");

  private final TokenStream tokens;

  ExpressionParser(TokenStream tokens) {
    this.tokens = tokens;
  }

  Expression expression() {
    Expression value = or();
    while (tokens.skipName("if")) {
      Expression condition = or();
      Expression otherwise = tokens.skipName("else") ? expression() : null;
      value = new Expression.Conditional(condition, value, otherwise);
    }
    return value;
  }

  /// An expression, or several with commas between, which are a sequence then.
  Expression expressions() {
    return several(this::expression);
  }

  /// What a loop goes through: an `if` behind it belongs to the loop.
  Expression items() {
    return several(this::or);
  }

  private Expression several(Supplier<Expression> element) {
    Expression first = element.get();
    if (!tokens.isOperator(",")) {
      return first;
    }
    List<Expression> items = new ArrayList<>(List.of(first));
    while (tokens.skipOperator(",")) {
      Token token = tokens.current();
      if (token.type() == Type.BLOCK_END
          || token.type() == Type.OUTPUT_END
          || token.is(Type.OPERATOR, ")")) {
        break;
      }
      items.add(element.get());
    }
    return new Expression.Sequence(items);
  }

  private Expression or() {
    Expression left = and();
    while (tokens.skipName("or")) {
      left = new Expression.Or(left, and());
    }
    return left;
  }

  private Expression and() {
    Expression left = not();
    while (tokens.skipName("and")) {
      left = new Expression.And(left, not());
    }
    return left;
  }

  private Expression not() {
    return tokens.skipName("not") ? new Expression.Not(not()) : comparison();
  }

  private Expression comparison() {
    Expression first = sum();
    List<Comparand> others = new ArrayList<>();
    while (true) {
      Token token = tokens.current();
      if (token.type() == Type.OPERATOR && COMPARISONS.contains(token.text())) {
        tokens.next();
        others.add(new Comparand(token.text(), sum()));
      } else if (tokens.skipName("in")) {
        others.add(new Comparand("in", sum()));
      } else if (tokens.isName("not") && tokens.following().is(Type.NAME, "in")) {
        tokens.next();
        tokens.next();
        others.add(new Comparand("not in", sum()));
      } else {
        return others.isEmpty() ? first : new Expression.Comparison(first, others);
      }
    }
  }

  private Expression sum() {
    return binary(this::concatenation, "+", "-");
  }

  private Expression concatenation() {
    Expression first = product();
    if (!tokens.isOperator("~")) {
      return first;
    }
    List<Expression> parts = new ArrayList<>(List.of(first));
    while (tokens.skipOperator("~")) {
      parts.add(product());
    }
    return new Expression.Concatenation(parts);
  }

  private Expression product() {
    return binary(this::power, "*", "/", "//", "%");
  }

  private Expression power() {
    return binary(() -> signed(true), "**");
  }

  private Expression binary(Supplier<Expression> operand, String... operators) {
    Expression left = operand.get();
    while (tokens.current().type() == Type.OPERATOR
        && List.of(operators).contains(tokens.current().text())) {
      String operator = tokens.next().text();
      left = new Expression.Binary(operator, left, operand.get());
    }
    return left;
  }

  private Expression signed(boolean filters) {
    Expression value;
    if (tokens.isOperator("-") || tokens.isOperator("+")) {
      char sign = tokens.next().text().charAt(0);
      value = new Expression.Signed(sign, signed(false));
    } else {
      value = suffixed(primary());
    }
    return filters ? filtered(value) : value;
  }

  private Expression primary() {
    Token token = tokens.current();
    switch (token.type()) {
      case NAME -> {
        tokens.next();
        return switch (token.text()) {
          case "true", "True" -> new Expression.Constant(true);
          case "false", "False" -> new Expression.Constant(false);
          case "none", "None" -> new Expression.Constant(None.NONE);
          default -> new Expression.Name(token.text());
        };
      }
      case STRING -> {
        StringBuilder text = new StringBuilder();
        while (tokens.current().type() == Type.STRING) {
          text.append(tokens.next().text());
        }
        return new Expression.Constant(text.toString());
      }
      case INTEGER -> {
        return new Expression.Constant(integer(tokens.next()));
      }
      case FLOAT -> {
        return new Expression.Constant(Double.parseDouble(tokens.next().text()));
      }
      default -> {
        if (tokens.skipOperator("(")) {
          return parenthesized();
        }
        if (tokens.skipOperator("[")) {
          return new Expression.Sequence(elements("]", this::expression));
        }
        if (tokens.skipOperator("{")) {
          return new Expression.Dictionary(elements("}", this::entry));
        }
        throw tokens.unexpected("a value");
      }
    }
  }

  private static long integer(Token token) {
    try {
      return Long.parseLong(token.text());
    } catch (NumberFormatException e) {
      throw TemplateException.at(token.line(), "the number " + token.text() + " is too large");
    }
  }

  private Expression parenthesized() {
    if (tokens.skipOperator(")")) {
      return new Expression.Sequence(List.of());
    }
    Expression value = expressions();
    tokens.expectOperator(")");
    return value;
  }

  /// What stands up to a closing bracket, with commas between.
  private <T> List<T> elements(String end, Supplier<T> element) {
    List<T> elements = new ArrayList<>();
    while (!tokens.skipOperator(end)) {
      if (!elements.isEmpty()) {
        tokens.expectOperator(",");
        if (tokens.skipOperator(end)) {
          break;
        }
      }
      elements.add(element.get());
    }
    return elements;
  }

  private Entry entry() {
    Expression key = expression();
    tokens.expectOperator(":");
    return new Entry(key, expression());
  }

  /// A value with the attributes, items and calls behind it.
  private Expression suffixed(Expression value) {
    Expression suffixed = value;
    while (true) {
      if (tokens.skipOperator(".")) {
        suffixed = attribute(suffixed);
      } else if (tokens.skipOperator("[")) {
        suffixed = item(suffixed);
      } else if (tokens.isOperator("(")) {
        suffixed = new Expression.Call(suffixed, arguments());
      } else {
        return suffixed;
      }
    }
  }

  private Expression attribute(Expression of) {
    if (tokens.current().type() == Type.INTEGER) {
      return new Expression.Item(of, new Expression.Constant(integer(tokens.next())));
    }
    return new Expression.Attribute(of, tokens.expect(Type.NAME).text());
  }

  private Expression item(Expression of) {
    Expression start = bound();
    if (!tokens.skipOperator(":")) {
      tokens.expectOperator("]");
      if (start == null) {
        throw tokens.unexpected("a place or a name in brackets");
      }
      return new Expression.Item(of, start);
    }
    Expression stop = bound();
    Expression step = tokens.skipOperator(":") ? bound() : null;
    tokens.expectOperator("]");
    return new Expression.Slice(of, start, stop, step);
  }

  private @Nullable Expression bound() {
    return tokens.isOperator(":") || tokens.isOperator("]") ? null : expression();
  }

  /// A value with the filters and tests behind it.
  private Expression filtered(Expression value) {
    Expression filtered = value;
    while (true) {
      if (tokens.isOperator("|")) {
        filtered = filters(filtered);
      } else if (tokens.skipName("is")) {
        filtered = test(filtered);
      } else if (tokens.isOperator("(")) {
        filtered = new Expression.Call(filtered, arguments());
      } else {
        return filtered;
      }
    }
  }

  /// A value with the filters behind it, each with its `|`.
  Expression filters(Expression value) {
    Expression filtered = value;
    while (tokens.skipOperator("|")) {
      filtered = filter(filtered);
    }
    return filtered;
  }

  /// A value with the filter whose name comes next.
  Expression filter(Expression value) {
    String name = tokens.expect(Type.NAME).text();
    Arguments arguments = tokens.isOperator("(") ? arguments() : Arguments.NONE;
    return new Expression.Filtered(value, name, arguments);
  }

  private Expression test(Expression value) {
    boolean negated = tokens.skipName("not");
    String name = tokens.expect(Type.NAME).text();
    Arguments arguments = Arguments.NONE;
    if (tokens.isOperator("(")) {
      arguments = arguments();
    } else if (beginsArgument(tokens.current())) {
      arguments = new Arguments(List.of(suffixed(primary())), Map.of());
    }
    Expression tested = new Expression.Tested(value, name, arguments);
    return negated ? new Expression.Not(tested) : tested;
  }

  private static boolean beginsArgument(Token token) {
    return switch (token.type()) {
      case STRING, INTEGER, FLOAT -> true;
      case NAME -> !NO_ARGUMENT.contains(token.text());
      case OPERATOR -> token.text().equals("[") || token.text().equals("{");
      default -> false;
    };
  }

  Arguments arguments() {
    tokens.expectOperator("(");
    List<Expression> positional = new ArrayList<>();
    Map<String, Expression> named = new LinkedHashMap<>();
    elements(
        ")",
        () -> {
          if (tokens.current().type() == Type.NAME && tokens.following().is(Type.OPERATOR, "=")) {
            String name = tokens.next().text();
            tokens.next();
            named.put(name, expression());
          } else {
            positional.add(expression());
          }
          return named;
        });
    return new Arguments(positional, named);
  }
}
