package dev.whittle.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Values as Python's `json.dumps` writes them, which is what the transformers library makes of the
/// filter `tojson`: not only the meaning but the spaces are what a model was trained on.
final class JsonPrinter {
  private final StringBuilder json = new StringBuilder();
  private final Budget budget;
  private final boolean ascii;
  private final boolean sorted;
  private final @Nullable String indent;
  private final String itemSeparator;
  private final String keySeparator;

  private JsonPrinter(CallArguments arguments) {
    budget = arguments.budget();
    ascii = arguments.flag(0, "ensure_ascii", false);
    Object width = arguments.get(1, "indent", None.NONE);
    indent =
        switch (width) {
          case None _ -> null;
          case String text -> text;
          default -> " ".repeat(Math.clamp(arguments.integer(1, "indent", 0), 0, 80));
        };
    Object separators = arguments.get(2, "separators", None.NONE);
    if (separators instanceof List<?> pair && pair.size() == 2) {
      itemSeparator = Printer.text(Objects.requireNonNull(pair.get(0)), budget);
      keySeparator = Printer.text(Objects.requireNonNull(pair.get(1)), budget);
    } else {
      itemSeparator = indent == null ? ", " : ",";
      keySeparator = ": ";
    }
    sorted = arguments.flag(3, "sort_keys", false);
  }

  /// @param arguments `ensure_ascii`, `indent`, `separators` and `sort_keys`
  static String json(Object value, CallArguments arguments) {
    JsonPrinter printer = new JsonPrinter(arguments);
    printer.print(value, 0);
    return printer.json.toString();
  }

  private void print(Object value, int depth) {
    budget.spend(1);
    switch (value) {
      case String text -> quote(text);
      case Boolean bool -> json.append(bool.booleanValue());
      case Long number -> json.append(number.longValue());
      case Double number -> json.append(Printer.number(number));
      case None _ -> json.append("null");
      case List<?> list ->
          bracketed('[', list, ']', depth, item -> print(Objects.requireNonNull(item), depth + 1));
      case Map<?, ?> map ->
          bracketed('{', entries(map), '}', depth, entry -> entry(entry, depth + 1));
      case Undefined undefined -> throw undefined.error();
      default -> throw new TemplateException(Values.kind(value) + " cannot be written as JSON");
    }
  }

  private List<Map.Entry<?, ?>> entries(Map<?, ?> map) {
    List<Map.Entry<?, ?>> entries = new ArrayList<>(map.entrySet());
    if (sorted) {
      entries.sort((a, b) -> Values.compare(a.getKey(), b.getKey(), budget));
    }
    return entries;
  }

  private void entry(Map.Entry<?, ?> entry, int depth) {
    quote(
        switch (entry.getKey()) {
          case Boolean bool -> bool.toString();
          case None _ -> "null";
          case Object key -> Printer.text(key, budget);
        });
    json.append(keySeparator);
    print(entry.getValue(), depth);
  }

  private <T> void bracketed(char open, List<T> items, char close, int depth, Consumer<T> writer) {
    json.append(open);
    String separator = "";
    for (T item : items) {
      json.append(separator);
      lineBreak(depth + 1);
      writer.accept(item);
      separator = itemSeparator;
    }
    if (!items.isEmpty()) {
      lineBreak(depth);
    }
    json.append(close);
  }

  private void lineBreak(int depth) {
    if (indent != null) {
      budget.spend((long) indent.length() * depth);
      json.append('\n').repeat(indent, depth);
    }
  }

  private void quote(String text) {
    budget.spend(text.length());
    json.append('"');
    for (char c : text.toCharArray()) {
      switch (c) {
        case '"' -> json.append("\\\"");
        case '\\' -> json.append("\\\\");
        case '\n' -> json.append("\\n");
        case '\r' -> json.append("\\r");
        case '\t' -> json.append("\\t");
        case '\b' -> json.append("\\b");
        case '\f' -> json.append("\\f");
        default -> {
          if (c < ' ' || ascii && c > '~') {
            json.append("\\u%04x".formatted((int) c));
          } else {
            json.append(c);
          }
        }
      }
    }
    json.append('"');
  }
}
