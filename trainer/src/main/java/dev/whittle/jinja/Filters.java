package dev.whittle.jinja;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.function.Predicate;

/// Jinja's filters.
final class Filters {
  private static final Map<String, Filter> ALL =
      Map.ofEntries(
          Map.entry("abs", Filters::abs),
          Map.entry("capitalize", (value, a) -> PythonText.capitalize(text(value, a))),
          Map.entry("count", (value, a) -> Values.length(value)),
          Map.entry("d", Filters::otherwise),
          Map.entry("default", Filters::otherwise),
          Map.entry("dictsort", Filters::sortedEntries),
          Map.entry("first", (value, a) -> end(Values.items(value, a.budget()), true)),
          Map.entry("float", Filters::real),
          Map.entry("indent", Filters::indented),
          Map.entry("int", Filters::whole),
          Map.entry("items", Filters::entries),
          Map.entry("join", Filters::joined),
          Map.entry("last", (value, a) -> end(Values.items(value, a.budget()), false)),
          Map.entry("length", (value, a) -> Values.length(value)),
          Map.entry("list", (value, a) -> Values.items(value, a.budget())),
          Map.entry("lower", (value, a) -> text(value, a).toLowerCase(Locale.ROOT)),
          Map.entry("map", Filters::mapped),
          Map.entry("max", (value, a) -> end(sorted(value, a, 0), false)),
          Map.entry("min", (value, a) -> end(sorted(value, a, 0), true)),
          Map.entry("reject", (value, a) -> selected(value, a, false, false)),
          Map.entry("rejectattr", (value, a) -> selected(value, a, true, false)),
          Map.entry("replace", Filters::replaced),
          Map.entry("reverse", Filters::reversed),
          Map.entry("round", Filters::rounded),
          // What is written is never escaped.
          Map.entry("safe", Filters::text),
          Map.entry("select", (value, a) -> selected(value, a, false, true)),
          Map.entry("selectattr", (value, a) -> selected(value, a, true, true)),
          Map.entry("sort", Filters::sort),
          Map.entry("string", Filters::text),
          Map.entry("sum", Filters::sum),
          Map.entry("title", (value, a) -> PythonText.title(text(value, a))),
          Map.entry("tojson", JsonPrinter::json),
          Map.entry("trim", Filters::trimmed),
          Map.entry("unique", Filters::unique),
          Map.entry("upper", (value, a) -> text(value, a).toUpperCase(Locale.ROOT)));

  @FunctionalInterface
  private interface Filter {
    Object apply(Object value, CallArguments arguments);
  }

  private Filters() {}

  static Object apply(String name, Object value, CallArguments arguments) {
    Filter filter = ALL.get(name);
    if (filter == null) {
      throw new TemplateException("there is no filter '" + name + "'");
    }
    return filter.apply(value, arguments);
  }

  private static String text(Object value, CallArguments arguments) {
    String text = Printer.text(value, arguments.budget());
    arguments.budget().spend(text.length());
    return text;
  }

  private static Object abs(Object value, CallArguments arguments) {
    return Values.compare(value, 0L, arguments.budget()) < 0 ? Arithmetic.sign('-', value) : value;
  }

  private static Object otherwise(Object value, CallArguments arguments) {
    boolean missing =
        value instanceof Undefined || arguments.flag(1, "boolean", false) && !Values.isTrue(value);
    return missing ? arguments.get(0, "default_value", "") : value;
  }

  private static Object end(List<Object> items, boolean first) {
    if (items.isEmpty()) {
      return new Undefined("a list is empty");
    }
    return first ? items.getFirst() : items.getLast();
  }

  private static Object whole(Object value, CallArguments arguments) {
    return switch (value) {
      case Long number -> number;
      case Boolean bool -> bool ? 1L : 0L;
      case Double number -> (long) number.doubleValue();
      case String text -> {
        try {
          yield (long) Double.parseDouble(text.strip());
        } catch (NumberFormatException e) {
          yield arguments.get(0, "default", 0L);
        }
      }
      default -> arguments.get(0, "default", 0L);
    };
  }

  private static Object real(Object value, CallArguments arguments) {
    return switch (value) {
      case String text -> {
        try {
          yield Double.parseDouble(text.strip());
        } catch (NumberFormatException e) {
          yield arguments.get(0, "default", 0.0);
        }
      }
      default ->
          Arithmetic.isNumber(value) ? Arithmetic.real(value) : arguments.get(0, "default", 0.0);
    };
  }

  private static Object rounded(Object value, CallArguments arguments) {
    if (!Arithmetic.isNumber(value)) {
      throw new TemplateException(Values.kind(value) + " cannot be rounded");
    }
    int digits = Math.clamp(arguments.integer(0, "precision", 0), -20, 20);
    RoundingMode mode =
        switch (arguments.text(1, "method", "common")) {
          case "ceil" -> RoundingMode.CEILING;
          case "floor" -> RoundingMode.FLOOR;
          default -> RoundingMode.HALF_EVEN;
        };
    double number = Arithmetic.real(value);
    return Double.isFinite(number)
        ? (Object) new BigDecimal(number).setScale(digits, mode).doubleValue()
        : value;
  }

  private static Object trimmed(Object value, CallArguments arguments) {
    String text = text(value, arguments);
    String chars = arguments.textOrNone(0, "chars");
    arguments.budget().search(text, chars == null ? " " : chars);
    return PythonText.strip(text, chars, true, true);
  }

  private static Object replaced(Object value, CallArguments arguments) {
    return Methods.replaced(
        text(value, arguments),
        arguments.text(0, "old"),
        arguments.text(1, "new"),
        arguments.get(2, "count", None.NONE) == None.NONE ? -1 : arguments.integer(2, "count", -1),
        arguments.budget());
  }

  private static Object indented(Object value, CallArguments arguments) {
    Object width = arguments.get(0, "width", 4L);
    String indent =
        width instanceof String text
            ? text
            : " ".repeat(Math.clamp(arguments.integer(0, "width", 4), 0, 80));
    boolean first = arguments.flag(1, "first", false);
    boolean blank = arguments.flag(2, "blank", false);
    List<String> lines = PythonText.split(text(value, arguments), "\n", -1);
    arguments.budget().spend((long) lines.size() * indent.length());
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < lines.size(); i++) {
      boolean moved = i == 0 ? first : blank || !lines.get(i).isEmpty();
      text.append(i == 0 ? "" : "\n").append(moved ? indent : "").append(lines.get(i));
    }
    return text.toString();
  }

  private static Object entries(Object value, CallArguments arguments) {
    return switch (value) {
      case Map<?, ?> map -> Methods.entries(map, arguments.budget());
      case Undefined _ -> List.of();
      default -> throw new TemplateException(Values.kind(value) + " has no entries");
    };
  }

  private static Object joined(Object value, CallArguments arguments) {
    List<Object> items = Values.items(value, arguments.budget());
    Object attribute = arguments.get(1, "attribute", None.NONE);
    if (attribute != None.NONE) {
      items.replaceAll(item -> attribute(item, attribute, arguments.budget()));
    }
    String separator = Printer.text(arguments.get(0, "d", ""), arguments.budget());
    return Methods.joined(items, separator, arguments.budget());
  }

  private static Object reversed(Object value, CallArguments arguments) {
    return value instanceof String
        ? Values.slice(value, null, null, -1, arguments.budget())
        : Values.items(value, arguments.budget()).reversed();
  }

  private static Object sum(Object value, CallArguments arguments) {
    Object sum = arguments.get(1, "start", 0L);
    Object attribute = arguments.get(0, "attribute", None.NONE);
    for (Object item : Values.items(value, arguments.budget())) {
      Object term = attribute == None.NONE ? item : attribute(item, attribute, arguments.budget());
      sum = Arithmetic.apply("+", sum, term, arguments.budget());
    }
    return sum;
  }

  private static Object mapped(Object value, CallArguments arguments) {
    List<Object> items = new ArrayList<>(Values.items(value, arguments.budget()));
    Object attribute = arguments.named().get("attribute");
    if (attribute != null) {
      Object otherwise = arguments.named().get("default");
      items.replaceAll(item -> {
        Object found = attribute(item, attribute, arguments.budget());
        return found instanceof Undefined && otherwise != null ? otherwise : found;
      });
    } else {
      String name = arguments.text(0, "filter");
      items.replaceAll(item -> apply(name, item, arguments.from(1)));
    }
    return items;
  }

  /// An attribute by a path of names and places with dots between.
  private static Object attribute(Object item, Object path, Budget budget) {
    if (!(path instanceof String names)) {
      return Values.item(item, path, budget);
    }
    Object value = item;
    for (String name : names.split("\\.", -1)) {
      boolean place =
          !name.isEmpty() && name.length() < 10 && name.chars().allMatch(Character::isDigit);
      value = Values.item(value, place ? (Object) Long.valueOf(name) : name, budget);
    }
    return value;
  }

  /// @param byAttribute whether the first argument names what of each item is tested
  /// @param kept what the test gives for those that are kept
  private static Object selected(
      Object value, CallArguments arguments, boolean byAttribute, boolean kept) {
    CallArguments test = byAttribute ? arguments.from(1) : arguments;
    Function<Object, Object> tested =
        byAttribute
            ? item -> attribute(item, arguments.get(0, "attribute"), arguments.budget())
            : Function.identity();
    Predicate<Object> holds =
        test.positional().isEmpty()
            ? Values::isTrue
            : item -> Tests.test(test.text(0, "test"), item, test.from(1));
    // As in Jinja, where none is an empty list to these filters.
    return !Values.isTrue(value)
        ? List.of()
        : Values.items(value, arguments.budget()).stream()
            .filter(item -> holds.test(tested.apply(item)) == kept)
            .toList();
  }

  private static Object sort(Object value, CallArguments arguments) {
    List<Object> sorted = sorted(value, arguments, 1);
    return arguments.flag(0, "reverse", false) ? sorted.reversed() : sorted;
  }

  /// @param place where the arguments `case_sensitive` and then `attribute` are
  private static List<Object> sorted(Object value, CallArguments arguments, int place) {
    Budget budget = arguments.budget();
    boolean sensitive = arguments.flag(place, "case_sensitive", false);
    Object attribute = arguments.get(place + 1, "attribute", None.NONE);
    List<Object> items = new ArrayList<>(Values.items(value, budget));
    items.sort(
        order(
            item -> attribute == None.NONE ? item : attribute(item, attribute, arguments.budget()),
            sensitive,
            budget));
    return items;
  }

  private static Comparator<Object> order(
      Function<Object, Object> key, boolean sensitive, Budget budget) {
    return (a, b) ->
        Values.compare(folded(key.apply(a), sensitive), folded(key.apply(b), sensitive), budget);
  }

  private static Object folded(Object value, boolean sensitive) {
    return !sensitive && value instanceof String text ? text.toLowerCase(Locale.ROOT) : value;
  }

  private static Object sortedEntries(Object value, CallArguments arguments) {
    if (!(value instanceof Map<?, ?> map)) {
      throw new TemplateException(Values.kind(value) + " has no entries");
    }
    int part = arguments.text(1, "by", "key").equals("value") ? 1 : 0;
    List<Object> entries = Methods.entries(map, arguments.budget());
    entries.sort(
        order(
            entry -> Objects.requireNonNull(((List<?>) entry).get(part)),
            arguments.flag(0, "case_sensitive", false),
            arguments.budget()));
    return arguments.flag(2, "reverse", false) ? entries.reversed() : entries;
  }

  private static Object unique(Object value, CallArguments arguments) {
    boolean sensitive = arguments.flag(0, "case_sensitive", false);
    Object attribute = arguments.get(1, "attribute", None.NONE);
    List<Object> seen = new ArrayList<>();
    List<Object> unique = new ArrayList<>();
    for (Object item : Values.items(value, arguments.budget())) {
      Object key =
          folded(
              attribute == None.NONE ? item : attribute(item, attribute, arguments.budget()),
              sensitive);
      if (!Values.contains(seen, key, arguments.budget())) {
        seen.add(key);
        unique.add(item);
      }
    }
    return unique;
  }
}
