package dev.whittle.cli;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;

/// What was found out about one thing that Whittle stands on.
///
/// @param text what is there, or what is wrong and how to mend it
@JsonPropertyOrder({"subject", "healthy", "severity", "text"})
record Finding(String subject, Severity severity, String text) {
  enum Severity {
    OK,
    /// Not there, and everything works without it.
    NOTE,
    FAIL
  }

  static Finding ok(String subject, String text) {
    return new Finding(subject, Severity.OK, text);
  }

  static Finding note(String subject, String text) {
    return new Finding(subject, Severity.NOTE, text);
  }

  static Finding fail(String subject, String text) {
    return new Finding(subject, Severity.FAIL, text);
  }

  @JsonProperty
  boolean healthy() {
    return severity != Severity.FAIL;
  }
}
