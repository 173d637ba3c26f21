package dev.whittle.jinja;

import java.util.List;
import java.util.Locale;
import java.util.Map;

/// Jinja's tests, which stand behind `is`.
final class Tests {
  private Tests() {}

  static boolean test(String name, Object value, CallArguments arguments) {
    Budget budget = arguments.budget();
    return switch (name) {
      case "defined" -> !(value instanceof Undefined);
      case "undefined" -> value instanceof Undefined;
      case "none" -> value == None.NONE;
      case "true" -> value.equals(true);
      case "false" -> value.equals(false);
      case "boolean" -> value instanceof Boolean;
      case "string" -> value instanceof String;
      case "number" -> Arithmetic.isNumber(value);
      case "integer" -> value instanceof Long;
      case "float" -> value instanceof Double;
      case "mapping" -> value instanceof Map<?, ?>;
      case "sequence", "iterable" ->
          value instanceof String
              || value instanceof List<?>
              || value instanceof Map<?, ?>
              || value instanceof Undefined;
      case "callable" -> value instanceof TemplateFunction;
      case "lower" -> Printer.text(value, budget).equals(lower(value, budget));
      case "upper" -> Printer.text(value, budget).toUpperCase(Locale.ROOT).equals(value);
      case "even" -> remainder(value, 2L, budget) == 0;
      case "odd" -> remainder(value, 2L, budget) != 0;
      case "divisibleby" -> remainder(value, arguments.get(0, "num"), budget) == 0;
      case "in" -> Values.contains(arguments.get(0, "seq"), value, budget);
      case "eq", "equalto", "sameas" -> Values.equal(value, arguments.get(0, "other"), budget);
      case "ne" -> !Values.equal(value, arguments.get(0, "other"), budget);
      case "lt", "lessthan" -> compare(value, arguments) < 0;
      case "le" -> compare(value, arguments) <= 0;
      case "gt", "greaterthan" -> compare(value, arguments) > 0;
      case "ge" -> compare(value, arguments) >= 0;
      default -> throw new TemplateException("there is no test '" + name + "'");
    };
  }

  private static String lower(Object value, Budget budget) {
    return Printer.text(value, budget).toLowerCase(Locale.ROOT);
  }

  private static double remainder(Object value, Object divisor, Budget budget) {
    return Arithmetic.real(Arithmetic.apply("%", value, divisor, budget));
  }

  private static int compare(Object value, CallArguments arguments) {
    return Values.compare(value, arguments.get(0, "other"), arguments.budget());
  }
}
