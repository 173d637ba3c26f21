package dev.whittle.jinja;

import java.math.BigDecimal;
import java.util.List;
import java.util.Map;

/// Values as Python's `str` and `repr` write them.
final class Printer {
  private final StringBuilder text = new StringBuilder();
  private final Budget budget;

  private Printer(Budget budget) {
    this.budget = budget;
  }

  /// What a template writes of a value.
  static String text(Object value, Budget budget) {
    return switch (value) {
      case String text -> text;
      case Undefined _ -> "";
      default -> {
        Printer printer = new Printer(budget);
        printer.print(value);
        yield printer.text.toString();
      }
    };
  }

  private void print(Object value) {
    budget.spend(1);
    switch (value) {
      case String string -> quote(string);
      case Boolean bool -> text.append(bool ? "True" : "False");
      case Double number -> text.append(number(number));
      case None _ -> text.append("None");
      case Undefined _ -> text.append("Undefined");
      case List<?> list -> {
        text.append('[');
        String separator = "";
        for (Object item : list) {
          text.append(separator);
          print(item);
          separator = ", ";
        }
        text.append(']');
      }
      case Map<?, ?> map -> {
        text.append('{');
        String separator = "";
        for (Map.Entry<?, ?> entry : map.entrySet()) {
          text.append(separator);
          print(entry.getKey());
          text.append(": ");
          print(entry.getValue());
          separator = ", ";
        }
        text.append('}');
      }
      case Long number -> text.append(number);
      default -> throw new TemplateException(Values.kind(value) + " cannot be written");
    }
  }

  private void quote(String string) {
    budget.spend(string.length());
    char quote = string.indexOf('\'') >= 0 && string.indexOf('"') < 0 ? '"' : '\'';
    text.append(quote);
    string
        .codePoints()
        .forEach(c -> {
          switch (c) {
            case '\\' -> text.append("\\\\");
            case '\n' -> text.append("\\n");
            case '\r' -> text.append("\\r");
            case '\t' -> text.append("\\t");
            default -> {
              if (c == quote) {
                text.append('\\').append(quote);
              } else if (isPrintable(c)) {
                text.appendCodePoint(c);
              } else {
                String format = c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x";
                text.append(format.formatted(c));
              }
            }
          }
        });
    text.append(quote);
  }

  private static boolean isPrintable(int c) {
    return c == ' '
        || switch (Character.getType(c)) {
          case Character.CONTROL,
              Character.FORMAT,
              Character.SURROGATE,
              Character.PRIVATE_USE,
              Character.UNASSIGNED,
              Character.LINE_SEPARATOR,
              Character.PARAGRAPH_SEPARATOR,
              Character.SPACE_SEPARATOR ->
              false;
          default -> true;
        };
  }

  /// A floating-point number: the shortest digits that stand for it, with an exponent from 10¹⁶ up
  /// and below 10⁻⁴.
  static String number(double number) {
    if (Double.isNaN(number)) {
      return "nan";
    }
    if (Double.isInfinite(number)) {
      return number > 0 ? "inf" : "-inf";
    }
    double size = Math.abs(number);
    if (size == 0 || size >= 1e-4 && size < 1e16) {
      String plain = new BigDecimal(Double.toString(number)).stripTrailingZeros().toPlainString();
      String sign = 1 / number < 0 && !plain.startsWith("-") ? "-" : "";
      return sign + (plain.contains(".") ? plain : plain + ".0");
    }
    String[] parts = Double.toString(number).split("E");
    String digits =
        parts[0].endsWith(".0") ? parts[0].substring(0, parts[0].length() - 2) : parts[0];
    int exponent = Integer.parseInt(parts[1]);
    return "%se%s%02d".formatted(digits, exponent < 0 ? "-" : "+", Math.abs(exponent));
  }
}
