package dev.whittle.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import picocli.CommandLine.Option;

/// How a command tells what it has done: in a sentence for people, or in one JSON object for
/// programs (`--json`).
final class ResultOption {
  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  boolean isJson() {
    return json;
  }

  /// What every object on a file that was written begins with; the command adds the rest.
  static Map<String, Object> written(Path file) throws IOException {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("output", file.toString());
    object.put("file_bytes", Files.size(file));
    return object;
  }

  /// Tells a result.
  ///
  /// @param sentence for people, to standard error
  /// @param object for programs, to standard output
  void tell(Terminal terminal, String sentence, Map<String, ?> object) {
    if (json) {
      terminal.printJson(object);
    } else {
      terminal.say(sentence);
    }
  }
}
