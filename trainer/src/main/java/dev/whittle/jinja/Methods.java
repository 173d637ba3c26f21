package dev.whittle.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/// The methods that values have in Python. Those that would change a value are left out, as in
/// Jinja's sandbox.
final class Methods {
  private Methods() {}

  /// The method of a value, if it has one of this name.
  static @Nullable TemplateFunction find(Object value, String name) {
    return switch (value) {
      case String text -> {
        TemplateFunction method = ofText(text, name);
        yield method == null
            ? null
            : arguments -> {
              arguments.budget().scan(text.length());
              return method.call(arguments);
            };
      }
      case Map<?, ?> map -> ofMap(map, name);
      case List<?> list -> ofList(list, name);
      default -> null;
    };
  }

  private static @Nullable TemplateFunction ofText(String text, String name) {
    return switch (name) {
      case "strip" -> arguments -> stripped(text, arguments, true, true);
      case "lstrip" -> arguments -> stripped(text, arguments, true, false);
      case "rstrip" -> arguments -> stripped(text, arguments, false, true);
      case "split" -> arguments -> split(text, arguments, false);
      case "rsplit" -> arguments -> split(text, arguments, true);
      case "splitlines" ->
          arguments -> {
            arguments.budget().spend(text.length());
            return PythonText.lines(text, arguments.flag(0, "keepends", false));
          };
      case "startswith" -> arguments -> affixes(arguments).stream().anyMatch(text::startsWith);
      case "endswith" -> arguments -> affixes(arguments).stream().anyMatch(text::endsWith);
      case "removeprefix" ->
          arguments -> {
            String prefix = arguments.text(0, "prefix");
            return text.startsWith(prefix) ? text.substring(prefix.length()) : text;
          };
      case "removesuffix" ->
          arguments -> {
            String suffix = arguments.text(0, "suffix");
            return text.endsWith(suffix)
                ? text.substring(0, text.length() - suffix.length())
                : text;
          };
      case "replace" ->
          arguments ->
              replaced(
                  text,
                  arguments.text(0, "old"),
                  arguments.text(1, "new"),
                  arguments.integer(2, "count", -1),
                  arguments.budget());
      case "find" -> arguments -> place(text, arguments, false);
      case "rfind" -> arguments -> place(text, arguments, true);
      case "count" ->
          arguments -> {
            String part = arguments.text(0, "sub");
            arguments.budget().search(text, part);
            return part.isEmpty()
                ? PythonText.length(text) + 1L
                : PythonText.split(text, part, -1).size() - 1L;
          };
      case "join" ->
          arguments ->
              joined(
                  Values.items(arguments.get(0, "iterable"), arguments.budget()),
                  text,
                  arguments.budget());
      case "format" -> arguments -> Formatter.format(text, arguments);
      case "upper" ->
          arguments -> {
            arguments.budget().spend(text.length());
            return text.toUpperCase(Locale.ROOT);
          };
      case "lower" ->
          arguments -> {
            arguments.budget().spend(text.length());
            return text.toLowerCase(Locale.ROOT);
          };
      case "title" ->
          arguments -> {
            arguments.budget().spend(text.length());
            return PythonText.title(text);
          };
      case "capitalize" ->
          arguments -> {
            arguments.budget().spend(text.length());
            return PythonText.capitalize(text);
          };
      case "isdigit" -> _ -> all(text, Character::isDigit);
      case "isalpha" -> _ -> all(text, Character::isLetter);
      case "isalnum" -> _ -> all(text, Character::isLetterOrDigit);
      case "isspace" -> _ -> all(text, PythonText::isSpace);
      default -> null;
    };
  }

  private static boolean all(String text, IntPredicate kind) {
    return !text.isEmpty() && text.codePoints().allMatch(kind);
  }

  private static String stripped(
      String text, CallArguments arguments, boolean left, boolean right) {
    String chars = arguments.textOrNone(0, "chars");
    arguments.budget().search(text, chars == null ? " " : chars);
    return PythonText.strip(text, chars, left, right);
  }

  private static Object split(String text, CallArguments arguments, boolean fromRight) {
    String separator = arguments.textOrNone(0, "sep");
    int most = arguments.integer(1, "maxsplit", -1);
    arguments.budget().spend(text.length());
    if (separator == null) {
      if (fromRight) {
        throw new TemplateException("rsplit is given no separator");
      }
      return PythonText.words(text, most);
    }
    if (separator.isEmpty()) {
      throw new TemplateException("text is split at nothing");
    }
    arguments.budget().search(text, separator);
    return fromRight
        ? PythonText.splitFromRight(text, separator, most)
        : PythonText.split(text, separator, most);
  }

  /// What text may begin or end with: one, or a list of them.
  private static List<String> affixes(CallArguments arguments) {
    return arguments.find(0, "prefix") instanceof List<?> several
        ? several.stream()
            .map(item -> new CallArguments(List.of(item), Map.of(), arguments.budget()))
            .map(item -> item.text(0, "prefix"))
            .toList()
        : List.of(arguments.text(0, "prefix"));
  }

  /// @param most how often; negative for always
  static String replaced(String text, String old, String replacement, int most, Budget budget) {
    budget.search(text, old);
    if (old.isEmpty()) {
      throw new TemplateException("nothing is to be replaced");
    }
    List<String> parts = PythonText.split(text, old, most);
    budget.spend(text.length() + (long) parts.size() * replacement.length());
    return String.join(replacement, parts);
  }

  static String joined(List<Object> items, String separator, Budget budget) {
    StringBuilder text = new StringBuilder();
    String between = "";
    for (Object item : items) {
      String part = Printer.text(item, budget);
      budget.spend((long) part.length() + separator.length());
      text.append(between).append(part);
      between = separator;
    }
    return text.toString();
  }

  private static Object place(String text, CallArguments arguments, boolean last) {
    String part = arguments.text(0, "sub");
    arguments.budget().search(text, part);
    int at = last ? text.lastIndexOf(part) : text.indexOf(part);
    return at < 0 ? -1L : (long) text.codePointCount(0, at);
  }

  private static @Nullable TemplateFunction ofMap(Map<?, ?> map, String name) {
    return switch (name) {
      case "get" ->
          arguments -> {
            Object value = map.get(Values.key(arguments.get(0, "key")));
            return value == null ? arguments.get(1, "default", None.NONE) : value;
          };
      case "keys" -> arguments -> Values.items(map, arguments.budget());
      case "values" ->
          arguments -> {
            arguments.budget().spend(map.size());
            return new ArrayList<Object>(map.values());
          };
      case "items" -> arguments -> entries(map, arguments.budget());
      default -> null;
    };
  }

  /// The entries as lists of a key and a value.
  static List<Object> entries(Map<?, ?> map, Budget budget) {
    budget.spend(map.size());
    List<Object> entries = new ArrayList<>();
    map.forEach((key, value) -> entries.add(List.of(key, value)));
    return entries;
  }

  private static @Nullable TemplateFunction ofList(List<?> list, String name) {
    return switch (name) {
      case "index" ->
          arguments -> {
            Object item = arguments.get(0, "value");
            for (int i = 0; i < list.size(); i++) {
              if (Values.equal(list.get(i), item, arguments.budget())) {
                return (long) i;
              }
            }
            throw new TemplateException("a list has no such item");
          };
      case "count" ->
          arguments -> {
            Object item = arguments.get(0, "value");
            return list.stream()
                .filter(other -> Values.equal(other, item, arguments.budget()))
                .count();
          };
      default -> null;
    };
  }
}
