package dev.whittle.io;

import java.util.regex.Pattern;
import tools.jackson.core.JacksonException;

/// What is wrong with a text that should be JSON, in words that fit into a sentence.
public final class JsonProblem {
  /// Jackson's word on where an unfinished object began, which says nothing: it knows no source.
  private static final Pattern START = Pattern.compile(" \\(start marker at \\[Source:.*?\\]\\)");

  /// Its word on a second value speaks of its own classes and settings.
  private static final String SECOND_VALUE = "Trailing token";

  private JsonProblem() {}

  /// The problem, without Jackson's mention of sources that it does not show.
  public static String of(JacksonException e) {
    String message = e.getOriginalMessage();
    return message.startsWith(SECOND_VALUE)
        ? "something comes after its end"
        : START.matcher(message).replaceAll("");
  }
}
