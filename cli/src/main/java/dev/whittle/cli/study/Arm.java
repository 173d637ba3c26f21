package dev.whittle.cli.study;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.SequencedMap;
import tools.jackson.databind.JsonNode;

/// A recipe's variant in a study: one level of each of its factors.
///
/// @param levels by factor, in the study's order
/// @param settings that replace those of the recipe, by their keys
public record Arm(SequencedMap<String, String> levels, SequencedMap<String, JsonNode> settings) {
  public Arm {
    levels = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(levels));
    settings = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(settings));
  }

  /// Its levels, with slashes between.
  public String name() {
    return String.join("/", levels.values());
  }

  /// Whether the arm is meant by its name or by that of one of its levels.
  boolean isCalled(String name) {
    return name().equals(name) || levels.containsValue(name);
  }
}
