package dev.whittle.cli;

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
