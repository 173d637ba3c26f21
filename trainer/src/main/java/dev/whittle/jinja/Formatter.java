package dev.whittle.jinja;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Python's `str.format`, with places and names but without format specifications.
final class Formatter {
  private static final Pattern FIELD = Pattern.compile("\\{\\{|\\}\\}|\\{(\\w*)\\}|[{}]");

  private Formatter() {}

  static String format(String text, CallArguments arguments) {
    Budget budget = arguments.budget();
    budget.spend(text.length());
    StringBuilder formatted = new StringBuilder();
    Matcher field = FIELD.matcher(text);
    int place = 0;
    int end = 0;
    while (field.find()) {
      formatted.append(text, end, field.start());
      end = field.end();
      String name = field.group(1);
      if (name != null) {
        boolean numbered = !name.isEmpty() && name.chars().allMatch(c -> c >= '0' && c <= '9');
        int at =
            name.isEmpty()
                ? place++
                : numbered && name.length() < 4 ? Integer.parseInt(name) : Integer.MAX_VALUE;
        String value = Printer.text(arguments.get(at, name), budget);
        budget.spend(value.length());
        formatted.append(value);
      } else if (field.end() - field.start() == 2) {
        formatted.append(text.charAt(field.start()));
      } else {
        throw new TemplateException("the format '" + text + "' is more than places and names");
      }
    }
    return formatted.append(text, end, text.length()).toString();
  }
}
