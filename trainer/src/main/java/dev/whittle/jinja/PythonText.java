package dev.whittle.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// What Python does with text, where Java does it otherwise. Places are counted in characters of
/// Unicode, of which Java's strings may have two units for one.
final class PythonText {
  private PythonText() {}

  /// Whether `str.isspace` holds.
  static boolean isSpace(int c) {
    return Character.isWhitespace(c) || Character.isSpaceChar(c) || c == 0x85;
  }

  static int length(String text) {
    return text.codePointCount(0, text.length());
  }

  /// @param chars what is taken away; null for whitespace
  static String strip(String text, @Nullable String chars, boolean left, boolean right) {
    int start = 0;
    int end = text.length();
    while (left && start < end && isIn(text.codePointAt(start), chars)) {
      start += Character.charCount(text.codePointAt(start));
    }
    while (right && start < end && isIn(text.codePointBefore(end), chars)) {
      end -= Character.charCount(text.codePointBefore(end));
    }
    return text.substring(start, end);
  }

  private static boolean isIn(int c, @Nullable String chars) {
    return chars == null ? isSpace(c) : chars.indexOf(c) >= 0;
  }

  /// @param most how often the text may be cut; negative for always
  static List<String> split(String text, String separator, int most) {
    List<String> parts = new ArrayList<>();
    int start = 0;
    while (most < 0 || parts.size() < most) {
      int end = text.indexOf(separator, start);
      if (end < 0) {
        break;
      }
      parts.add(text.substring(start, end));
      start = end + separator.length();
    }
    parts.add(text.substring(start));
    return parts;
  }

  /// Cuts from the right.
  static List<String> splitFromRight(String text, String separator, int most) {
    List<String> parts = new ArrayList<>();
    int end = text.length();
    while (most < 0 || parts.size() < most) {
      int start = text.lastIndexOf(separator, end - separator.length());
      if (start < 0 || end < separator.length()) {
        break;
      }
      parts.add(text.substring(start + separator.length(), end));
      end = start;
    }
    parts.add(text.substring(0, end));
    return parts.reversed();
  }

  /// Cuts at whitespace, of which none is kept.
  static List<String> words(String text, int most) {
    List<String> words = new ArrayList<>();
    int start = 0;
    while (true) {
      while (start < text.length() && isSpace(text.charAt(start))) {
        start++;
      }
      if (start == text.length()) {
        return words;
      }
      int end = start;
      boolean last = words.size() == most;
      while (end < text.length() && (last || !isSpace(text.charAt(end)))) {
        end++;
      }
      words.add(text.substring(start, end));
      start = end;
    }
  }

  static List<String> lines(String text, boolean keepEnds) {
    List<String> lines = new ArrayList<>();
    int start = 0;
    while (start < text.length()) {
      int end = start;
      while (end < text.length() && !isLineBreak(text.charAt(end))) {
        end++;
      }
      int next = text.startsWith("\r\n", end) ? end + 2 : Math.min(end + 1, text.length());
      lines.add(text.substring(start, keepEnds ? next : end));
      start = next;
    }
    return lines;
  }

  private static boolean isLineBreak(char c) {
    return c >= '\n' && c <= '\r'
        || c >= 0x1c && c <= 0x1e
        || c == 0x85
        || c == 0x2028
        || c == 0x2029;
  }

  static String capitalize(String text) {
    if (text.isEmpty()) {
      return text;
    }
    int first = text.offsetByCodePoints(0, 1);
    return Character.toString(Character.toTitleCase(text.codePointAt(0)))
        + text.substring(first).toLowerCase(Locale.ROOT);
  }

  /// Each run of letters capitalized.
  static String title(String text) {
    StringBuilder title = new StringBuilder();
    boolean within = false;
    for (int c : text.codePoints().toArray()) {
      title.appendCodePoint(within ? Character.toLowerCase(c) : Character.toTitleCase(c));
      within = Character.isLetter(c);
    }
    return title.toString();
  }
}
