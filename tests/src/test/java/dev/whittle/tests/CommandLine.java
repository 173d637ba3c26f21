package dev.whittle.tests;

import dev.whittle.cli.Whittle;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// A command line that was run inside this process, and what came of it.
record CommandLine(List<String> arguments, int exitCode, String out, String err) {

  /// Runs `whittle` with these arguments, each in the form that [Object#toString] gives it.
  static CommandLine whittle(Object... arguments) {
    String[] args = Arrays.stream(arguments).map(Object::toString).toArray(String[]::new);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    int exitCode = Whittle.run(out, err, args);
    return new CommandLine(
        List.of(args),
        exitCode,
        out.toString(StandardCharsets.UTF_8),
        err.toString(StandardCharsets.UTF_8));
  }

  /// Standard output as the one JSON object that it must be.
  JsonNode json() {
    return JsonMapper.shared().readTree(out);
  }
}
