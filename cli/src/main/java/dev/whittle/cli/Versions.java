package dev.whittle.cli;

import dev.whittle.ggml.NativeRuntime;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Properties;
import picocli.CommandLine.IVersionProvider;

/// The versions of Whittle and of what it was made for.
final class Versions implements IVersionProvider {

  /// Whittle's own version, as the build stamped it.
  static String whittle() {
    Properties properties = new Properties();
    try (InputStream in = Versions.class.getResourceAsStream("version.properties")) {
      properties.load(in);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return properties.getProperty("version");
  }

  @Override
  public String[] getVersion() {
    return new String[] {
      "whittle " + whittle(),
      "ggml " + NativeRuntime.PINNED_GGML_VERSION,
      "llama.cpp " + NativeRuntime.PINNED_LLAMA_VERSION
    };
  }
}
