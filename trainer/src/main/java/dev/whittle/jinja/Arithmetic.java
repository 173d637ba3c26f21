package dev.whittle.jinja;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/// Python's arithmetic. Whole numbers have 64 bits; what does not fit is an error.
final class Arithmetic {
  private Arithmetic() {}

  static boolean isNumber(Object value) {
    return value instanceof Long || value instanceof Double || value instanceof Boolean;
  }

  static int compare(Object left, Object right) {
    return left instanceof Double || right instanceof Double
        ? Double.compare(real(left), real(right))
        : Long.compare(whole(left), whole(right));
  }

  static double real(Object number) {
    return number instanceof Double real ? real : whole(number);
  }

  private static long whole(Object number) {
    return number instanceof Boolean bool ? (bool ? 1 : 0) : (Long) number;
  }

  static Object sign(char sign, Object value) {
    Values.requireDefined(value);
    if (!isNumber(value)) {
      throw new TemplateException(Values.kind(value) + " has no sign");
    }
    if (value instanceof Double real) {
      return sign == '-' ? -real : real;
    }
    if (sign == '-' && whole(value) == Long.MIN_VALUE) {
      throw new TemplateException("a number is too large");
    }
    return sign == '-' ? -whole(value) : whole(value);
  }

  static Object apply(String operator, Object left, Object right, Budget budget) {
    Values.requireDefined(left);
    Values.requireDefined(right);
    try {
      if (isNumber(left) && isNumber(right)) {
        return left instanceof Double || right instanceof Double || operator.equals("/")
            ? real(operator, real(left), real(right))
            : whole(operator, whole(left), whole(right));
      }
    } catch (ArithmeticException e) {
      throw new TemplateException("a number is divided by zero, or too large");
    }
    if (operator.equals("+") && left instanceof String a && right instanceof String b) {
      budget.spend((long) a.length() + b.length());
      return a + b;
    }
    if (operator.equals("+") && left instanceof List<?> a && right instanceof List<?> b) {
      budget.spend((long) a.size() + b.size());
      List<Object> both = new ArrayList<>(a);
      both.addAll(b);
      return both;
    }
    if (operator.equals("*") && (right instanceof Long || right instanceof Boolean)) {
      return repeated(left, Math.max(0, whole(right)), budget);
    }
    if (operator.equals("*") && (left instanceof Long || left instanceof Boolean)) {
      return repeated(right, Math.max(0, whole(left)), budget);
    }
    throw new TemplateException(
        "'" + operator + "' stands between " + Values.kind(left) + " and " + Values.kind(right));
  }

  private static Object repeated(Object value, long times, Budget budget) {
    if (!(value instanceof String || value instanceof List<?>)) {
      throw new TemplateException(Values.kind(value) + " cannot be repeated");
    }
    budget.spend(saturated(times, Values.length(value)));
    if (value instanceof String text) {
      return text.isEmpty() ? text : text.repeat((int) times);
    }
    List<Object> list = new ArrayList<>();
    Collections.nCopies(((List<?>) value).isEmpty() ? 0 : (int) times, (List<?>) value)
        .forEach(list::addAll);
    return list;
  }

  /// The product of two numbers that are not negative, or as much of it as there is room for.
  private static long saturated(long a, long b) {
    return b != 0 && a > Long.MAX_VALUE / b ? Long.MAX_VALUE : a * b;
  }

  private static Object real(String operator, double left, double right) {
    if (right == 0 && (operator.contains("/") || operator.equals("%"))) {
      throw new ArithmeticException();
    }
    return switch (operator) {
      case "+" -> left + right;
      case "-" -> left - right;
      case "*" -> left * right;
      case "/" -> left / right;
      case "//" -> Math.floor(left / right);
      case "%" -> left - right * Math.floor(left / right);
      default -> Math.pow(left, right);
    };
  }

  private static Object whole(String operator, long left, long right) {
    if (operator.equals("**") && right < 0) {
      return Math.pow(left, right);
    }
    return switch (operator) {
      case "+" -> Math.addExact(left, right);
      case "-" -> Math.subtractExact(left, right);
      case "*" -> Math.multiplyExact(left, right);
      case "//" -> Math.floorDiv(left, right);
      case "%" -> Math.floorMod(left, right);
      default -> Math.powExact(left, Math.toIntExact(right));
    };
  }
}
