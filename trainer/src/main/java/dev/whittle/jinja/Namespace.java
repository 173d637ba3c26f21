package dev.whittle.jinja;

import java.util.LinkedHashMap;
import java.util.Map;

/// What `namespace()` makes: variables that can be set from within a loop.
final class Namespace {
  private final Map<String, Object> members = new LinkedHashMap<>();

  Object get(String name) {
    Object value = members.get(name);
    return value == null ? new Undefined("the namespace has no '" + name + "'") : value;
  }

  void set(String name, Object value) {
    members.put(name, value);
  }
}
