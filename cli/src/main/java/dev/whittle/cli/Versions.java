package dev.whittle.cli;

import dev.whittle.ggml.NativeRuntime;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.Map;
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

  /// All versions that what this process computes may depend on, for records.
  static Map<String, String> ofRun() {
    Map<String, String> versions = new LinkedHashMap<>();
    versions.put("whittle", whittle());
    versions.put("ggml", NativeRuntime.PINNED_GGML_VERSION);
    versions.put("llama_cpp", NativeRuntime.PINNED_LLAMA_VERSION);
    versions.put("java", Runtime.version().toString());
    return versions;
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
