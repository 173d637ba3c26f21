package dev.whittle.jinja;

import java.time.ZonedDateTime;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/// A template, read once and rendered as often as wanted; threads may share it.
public final class Template {
  private final List<Statement> statements;

  private Template(List<Statement> statements) {
    this.statements = statements;
  }

  /// Reads a template.
  ///
  /// @throws TemplateException if it is not valid, or has tags that only make sense among files
  public static Template parse(String source) {
    return new Template(bounded(() -> StatementParser.parse(Lexer.tokens(source))));
  }

  /// Renders the template.
  ///
  /// @param variables by name: text, [Boolean], [Long], and lists and maps of them; not null
  /// @param now what it takes for the present
  /// @throws TemplateException if the template cannot be rendered with these values, refuses them,
  ///   or does not come to an end
  public String render(Map<String, Object> variables, ZonedDateTime now) {
    Map<String, Object> all = new HashMap<>(Globals.at(now));
    all.putAll(variables);
    Budget budget = new Budget(characters(variables));
    return bounded(() -> Renderer.render(statements, new Scope(all), budget));
  }

  /// How many characters a value has.
  private static long characters(Object value) {
    return switch (value) {
      case String text -> text.length();
      case List<?> list -> list.stream().mapToLong(Template::characters).sum();
      case Map<?, ?> map -> map.values().stream().mapToLong(Template::characters).sum();
      default -> 1;
    };
  }

  /// Brackets, macros and values may be nested as deeply as the stack holds.
  private static <T> T bounded(Supplier<T> work) {
    try {
      return work.get();
    } catch (StackOverflowError e) {
      throw new TemplateException("it is nested too deeply");
    }
  }
}
