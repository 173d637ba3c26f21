package dev.whittle.cli;

import java.nio.file.Path;

/// The model and the data that come with Whittle.
final class Bundle {
  private Bundle() {}

  /// The folder that holds them.
  ///
  /// @throws UnusableException if Whittle was started without its launcher
  static Path folder() {
    String home = System.getProperty("whittle.home");
    if (home == null) {
      throw new UnusableException(
          "this needs the files that come with Whittle; start it by ./whittle in Whittle's folder");
    }
    return Path.of(home, "demo");
  }
}
