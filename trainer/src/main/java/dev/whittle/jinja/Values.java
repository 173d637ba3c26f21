package dev.whittle.jinja;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// What Python does with values: text is a [String], a number a [Long] or a [Double], a list or
/// tuple a [List], a dictionary a [Map]; the rest are [Boolean], [None], [Undefined], [Namespace],
/// [Loop] and [TemplateFunction].
final class Values {
  private Values() {}

  /// What a value is, for messages.
  static String kind(Object value) {
    return switch (value) {
      case String _ -> "text";
      case Boolean _ -> "a truth value";
      case Long _, Double _ -> "a number";
      case List<?> _ -> "a list";
      case Map<?, ?> _ -> "a dictionary";
      case None _ -> "none";
      case Undefined _ -> "undefined";
      case TemplateFunction _ -> "a function";
      case Namespace _ -> "a namespace";
      default -> "a loop";
    };
  }

  static boolean isTrue(Object value) {
    return switch (value) {
      case Boolean bool -> bool;
      case String text -> !text.isEmpty();
      case Long number -> number != 0;
      case Double number -> number != 0;
      case List<?> list -> !list.isEmpty();
      case Map<?, ?> map -> !map.isEmpty();
      case None _, Undefined _ -> false;
      default -> true;
    };
  }

  /// A value that counts as a whole number in Python: a truth value is one, too.
  static Optional<Integer> integer(Object value) {
    return switch (value) {
      case Boolean bool -> Optional.of(bool ? 1 : 0);
      case Long number -> Optional.of(Math.clamp(number, Integer.MIN_VALUE + 1, Integer.MAX_VALUE));
      default -> Optional.empty();
    };
  }

  static boolean equal(Object left, Object right, Budget budget) {
    budget.spend(1);
    if (Arithmetic.isNumber(left) && Arithmetic.isNumber(right)) {
      return Arithmetic.compare(left, right) == 0;
    }
    if (left instanceof String text) {
      budget.scan(text.length());
    }
    if (left instanceof List<?> a && right instanceof List<?> b) {
      Iterator<?> others = b.iterator();
      return a.size() == b.size()
          && a.stream()
              .allMatch(item ->
                  equal(
                      Objects.requireNonNull(item), Objects.requireNonNull(others.next()), budget));
    }
    if (left instanceof Map<?, ?> a && right instanceof Map<?, ?> b) {
      return a.size() == b.size()
          && a.entrySet().stream()
              .allMatch(entry ->
                  b.containsKey(entry.getKey())
                      && equal(
                          Objects.requireNonNull(entry.getValue()),
                          Objects.requireNonNull(b.get(entry.getKey())),
                          budget));
    }
    return left.equals(right);
  }

  /// Which of two values comes first.
  ///
  /// @throws TemplateException if they have no order
  static int compare(Object left, Object right, Budget budget) {
    budget.spend(1);
    if (Arithmetic.isNumber(left) && Arithmetic.isNumber(right)) {
      return Arithmetic.compare(left, right);
    }
    if (left instanceof String a && right instanceof String b) {
      budget.scan(Math.min(a.length(), b.length()));
      return a.compareTo(b);
    }
    if (left instanceof List<?> a && right instanceof List<?> b) {
      for (int i = 0; i < Math.min(a.size(), b.size()); i++) {
        Object first = Objects.requireNonNull(a.get(i));
        Object second = Objects.requireNonNull(b.get(i));
        if (!equal(first, second, budget)) {
          return compare(first, second, budget);
        }
      }
      return Integer.compare(a.size(), b.size());
    }
    requireDefined(left);
    requireDefined(right);
    throw new TemplateException(kind(left) + " and " + kind(right) + " have no order");
  }

  /// `item in container`
  static boolean contains(Object container, Object item, Budget budget) {
    return switch (container) {
      case String text -> {
        requireDefined(item);
        if (!(item instanceof String part)) {
          throw new TemplateException(kind(item) + " is looked for in text");
        }
        budget.search(text, part);
        yield text.contains(part);
      }
      case Map<?, ?> map -> map.containsKey(key(item));
      default -> items(container, budget).stream().anyMatch(other -> equal(other, item, budget));
    };
  }

  /// The length of text, a list or a dictionary.
  static long length(Object value) {
    return switch (value) {
      case String text -> PythonText.length(text);
      case List<?> list -> list.size();
      case Map<?, ?> map -> map.size();
      case Undefined _ -> 0;
      default -> throw new TemplateException(kind(value) + " has no length");
    };
  }

  /// What a loop over a value goes through, in a list of its own: a text's characters, a
  /// dictionary's keys.
  static List<Object> items(Object value, Budget budget) {
    return switch (value) {
      case List<?> list -> {
        budget.scan(list.size());
        yield new ArrayList<>(list);
      }
      case Map<?, ?> map -> {
        budget.spend(map.size());
        yield new ArrayList<>(map.keySet());
      }
      case String text -> {
        budget.spend(text.length());
        List<Object> characters = new ArrayList<>(text.length());
        text.codePoints().forEach(c -> characters.add(Character.toString(c)));
        yield characters;
      }
      case Undefined _ -> new ArrayList<>();
      default -> throw new TemplateException(kind(value) + " cannot be gone through");
    };
  }

  /// `value.name`: a method before an entry.
  static Object attribute(Object value, String name) {
    requireDefined(value);
    return switch (value) {
      case Namespace namespace -> namespace.get(name);
      case Loop loop -> loop.get(name);
      default -> {
        TemplateFunction method = Methods.find(value, name);
        yield method == null ? entry(value, name) : method;
      }
    };
  }

  /// `value[key]`: an entry before a method.
  static Object item(Object value, Object key, Budget budget) {
    requireDefined(value);
    if (value instanceof String text) {
      budget.scan(text.length());
    }
    Object item = entry(value, key);
    return item instanceof Undefined && key instanceof String name && !(value instanceof None)
        ? attribute(value, name)
        : item;
  }

  private static Object entry(Object value, Object key) {
    Object entry =
        switch (value) {
          case Map<?, ?> map -> map.get(key(key));
          case List<?> list -> integer(key).map(at -> at(list, at)).orElse(null);
          case String text -> integer(key).map(at -> at(text, at)).orElse(null);
          default -> null;
        };
    return entry == null
        ? new Undefined(
            kind(value) + " has no " + (key instanceof String ? "'" + key + "'" : "such place"))
        : entry;
  }

  /// What can be the key of a dictionary.
  static Object key(Object value) {
    if (value instanceof List<?> || value instanceof Map<?, ?>) {
      throw new TemplateException(kind(value) + " is the key of a dictionary");
    }
    return value;
  }

  private static @Nullable Object at(List<?> list, int place) {
    int index = place < 0 ? place + list.size() : place;
    return index >= 0 && index < list.size() ? list.get(index) : null;
  }

  private static @Nullable String at(String text, int place) {
    int length = PythonText.length(text);
    int index = place < 0 ? place + length : place;
    return index >= 0 && index < length
        ? Character.toString(text.codePointAt(text.offsetByCodePoints(0, index)))
        : null;
  }

  /// `value[start:stop:step]`
  ///
  /// @param start null for the beginning, or the end if the step is negative
  /// @param stop null for as far as it goes
  static Object slice(
      Object value, @Nullable Integer start, @Nullable Integer stop, int step, Budget budget) {
    requireDefined(value);
    if (step == 0) {
      throw new TemplateException("a slice has steps of 0");
    }
    if (value instanceof String text) {
      budget.spend(text.length());
      int[] characters = text.codePoints().toArray();
      StringBuilder part = new StringBuilder();
      for (int i : places(characters.length, start, stop, step)) {
        part.appendCodePoint(characters[i]);
      }
      return part.toString();
    }
    if (value instanceof List<?> list) {
      budget.spend(list.size());
      List<Object> part = new ArrayList<>();
      for (int i : places(list.size(), start, stop, step)) {
        part.add(Objects.requireNonNull(list.get(i)));
      }
      return part;
    }
    throw new TemplateException(kind(value) + " has no slices");
  }

  private static List<Integer> places(
      int length, @Nullable Integer start, @Nullable Integer stop, int step) {
    int lowest = step > 0 ? 0 : -1;
    int highest = step > 0 ? length : length - 1;
    int from =
        start == null ? (step > 0 ? lowest : highest) : bound(start, length, lowest, highest);
    int to = stop == null ? (step > 0 ? highest : lowest) : bound(stop, length, lowest, highest);
    List<Integer> places = new ArrayList<>();
    for (long i = from; step > 0 ? i < to : i > to; i += step) {
      places.add((int) i);
    }
    return places;
  }

  private static int bound(int place, int length, int lowest, int highest) {
    return Math.clamp(place < 0 ? (long) place + length : place, lowest, highest);
  }

  static void requireDefined(Object value) {
    if (value instanceof Undefined undefined) {
      throw undefined.error();
    }
  }
}
