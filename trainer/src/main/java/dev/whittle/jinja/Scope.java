package dev.whittle.jinja;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The variables of a part of a template. Those of the parts around it can be seen and not set.
final class Scope {
  private final @Nullable Scope outer;
  private final Map<String, Object> variables;

  /// @param variables what the template is given
  Scope(Map<String, Object> variables) {
    this.outer = null;
    this.variables = new HashMap<>(variables);
  }

  private Scope(Scope outer) {
    this.outer = outer;
    this.variables = new HashMap<>();
  }

  Scope inner() {
    return new Scope(this);
  }

  Object get(String name) {
    for (Scope scope = this; scope != null; scope = scope.outer) {
      Object value = scope.variables.get(name);
      if (value != null) {
        return value;
      }
    }
    return new Undefined("'" + name + "' is undefined");
  }

  void set(String name, Object value) {
    variables.put(name, value);
  }
}
