package dev.whittle.jinja;

import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The functions that every template can call: Jinja's, and those that the transformers library
/// adds.
final class Globals {
  private Globals() {}

  /// @param now what the template takes for the present
  static Map<String, Object> at(ZonedDateTime now) {
    return Map.of(
        "range", (TemplateFunction) Globals::range,
        "namespace", (TemplateFunction) Globals::namespace,
        "dict", (TemplateFunction) Globals::dictionary,
        "raise_exception", (TemplateFunction) Globals::raise,
        "strftime_now",
            (TemplateFunction) arguments -> DateFormat.format(now, arguments.text(0, "format")));
  }

  private static Object range(CallArguments arguments) {
    boolean bounded = arguments.positional().size() > 1;
    int start = bounded ? arguments.integer(0, "start", 0) : 0;
    int stop = arguments.integer(bounded ? 1 : 0, "stop", 0);
    int step = arguments.integer(2, "step", 1);
    if (step == 0) {
      throw new TemplateException("a range has steps of 0");
    }
    List<Object> range = new ArrayList<>();
    for (long i = start; step > 0 ? i < stop : i > stop; i += step) {
      arguments.budget().spend(1);
      range.add(i);
    }
    return range;
  }

  private static Object namespace(CallArguments arguments) {
    Namespace namespace = new Namespace();
    members(arguments).forEach(namespace::set);
    return namespace;
  }

  private static Object dictionary(CallArguments arguments) {
    return members(arguments);
  }

  private static Map<String, Object> members(CallArguments arguments) {
    Map<String, Object> members = new LinkedHashMap<>();
    if (!arguments.positional().isEmpty()) {
      if (!(arguments.positional().getFirst() instanceof Map<?, ?> map)) {
        throw new TemplateException("a namespace or dictionary is made of no dictionary");
      }
      map.forEach((name, value) -> members.put(Printer.text(name, arguments.budget()), value));
    }
    members.putAll(arguments.named());
    return members;
  }

  private static Object raise(CallArguments arguments) {
    String reason = Printer.text(arguments.get(0, "message"), arguments.budget());
    throw new TemplateException("it says \"" + reason.strip().replaceAll("\\s+", " ") + "\"");
  }
}
