package dev.whittle.jinja;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What a function, filter or test is called with.
///
/// @param budget of the rendering
record CallArguments(List<Object> positional, Map<String, Object> named, Budget budget) {
  /// The argument of a place or a name, if it is given.
  @Nullable Object find(int place, String name) {
    return place < positional.size() ? positional.get(place) : named.get(name);
  }

  Object get(int place, String name) {
    Object value = find(place, name);
    if (value == null) {
      throw new TemplateException("the argument '" + name + "' is missing");
    }
    return value;
  }

  Object get(int place, String name, Object otherwise) {
    Object value = find(place, name);
    return value == null ? otherwise : value;
  }

  String text(int place, String name) {
    return asText(get(place, name), name);
  }

  String text(int place, String name, String otherwise) {
    return asText(get(place, name, otherwise), name);
  }

  private static String asText(Object value, String name) {
    if (value instanceof String text) {
      return text;
    }
    throw new TemplateException(
        "the argument '" + name + "' is " + Values.kind(value) + ", not text");
  }

  /// An argument that is text, or none.
  @Nullable String textOrNone(int place, String name) {
    return get(place, name, None.NONE) == None.NONE ? null : text(place, name);
  }

  /// An argument that is a whole number.
  int integer(int place, String name, int otherwise) {
    Object value = get(place, name, (long) otherwise);
    return Values.integer(value)
        .orElseThrow(() ->
            new TemplateException(
                "the argument '" + name + "' is " + Values.kind(value) + ", not a whole number"));
  }

  boolean flag(int place, String name, boolean otherwise) {
    return Values.isTrue(get(place, name, otherwise));
  }

  /// The same without the first ones.
  CallArguments from(int place) {
    return new CallArguments(
        positional.subList(Math.min(place, positional.size()), positional.size()), named, budget);
  }
}
