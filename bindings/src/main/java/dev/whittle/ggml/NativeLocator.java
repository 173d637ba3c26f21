package dev.whittle.ggml;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.CodeSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// Finds the folder with the llama.cpp libraries: the system property `whittle.native.dir` (the
/// command line's `--native-dir`), the environment variable `WHITTLE_NATIVE_DIR`, then the folder
/// that the build staged below Whittle's home.
///
/// The properties and the environment come in from outside, so that tests can set them.
final class NativeLocator {
  static final String DIRECTORY_PROPERTY = "whittle.native.dir";
  static final String DIRECTORY_VARIABLE = "WHITTLE_NATIVE_DIR";
  static final String HOME_PROPERTY = "whittle.home";

  /// A folder with `libggml-cuda` and `libwhittle-cuda`, in place of the one that was built.
  static final String CUDA_DIRECTORY_PROPERTY = "whittle.cuda.dir";

  private static final String CUDA_BUILD = "native/cuda/lib";

  private final Function<String, @Nullable String> properties;
  private final Map<String, String> environment;
  private final @Nullable Path codeLocation;

  NativeLocator(
      Function<String, @Nullable String> properties,
      Map<String, String> environment,
      @Nullable Path codeLocation) {
    this.properties = properties;
    this.environment = environment;
    this.codeLocation = codeLocation;
  }

  static NativeLocator ofProcess() {
    return new NativeLocator(System::getProperty, System.getenv(), codeLocation());
  }

  /// The libraries of one folder, in the order in which they must be loaded.
  record Found(Path directory, Path ggmlBase, Path ggml, Path llama) {
    List<Path> inLoadOrder() {
      return List.of(ggmlBase, ggml, llama);
    }
  }

  /// @throws NativeException listing every place tried, and the mend
  Found locate() {
    List<String> tried = new ArrayList<>();
    @Nullable String property = properties.apply(DIRECTORY_PROPERTY);
    if (property != null) {
      // What the user named explicitly is used or refused, never silently passed over.
      return require(Path.of(property), "--native-dir (-D" + DIRECTORY_PROPERTY + ")");
    }
    @Nullable String variable = environment.get(DIRECTORY_VARIABLE);
    if (variable != null && !variable.isBlank()) {
      return require(Path.of(variable), DIRECTORY_VARIABLE);
    }
    for (Path directory : stagedDirectories()) {
      Optional<Found> found = inspect(directory);
      if (found.isPresent()) {
        return found.get();
      }
      tried.add(directory.toString());
    }
    throw new NativeException(
        "no llama.cpp libraries for "
            + platform()
            + " were found: --native-dir is not given, "
            + DIRECTORY_VARIABLE
            + " is not set, and there are none in "
            + (tried.isEmpty() ? "Whittle's home, which is not known" : String.join(", ", tried))
            + "; run 'npm ci' in Whittle's folder 'native', or name a folder that holds them");
  }

  private Found require(Path directory, String source) {
    return inspect(directory)
        .orElseThrow(() ->
            new NativeException(
                source
                    + " names "
                    + directory
                    + ", which does not hold libggml-base, libggml and libllama for "
                    + platform()
                    + "; name a folder that does, or leave it out to use the staged one"));
  }

  /// A file that the build staged below Whittle's home.
  Optional<Path> staged(String path) {
    return homes().stream()
        .map(home -> home.resolve(path).toAbsolutePath().normalize())
        .filter(Files::isRegularFile)
        .findFirst();
  }

  /// The plug-ins for GPUs that may be there, the best first: what `native/build-cuda` built for
  /// this machine, then the prebuilt package.
  List<Path> acceleratorPlugins() {
    List<Path> plugins = new ArrayList<>();
    @Nullable String property = properties.apply(CUDA_DIRECTORY_PROPERTY);
    if (property != null) {
      library(Path.of(property), "ggml-cuda").ifPresent(plugins::add);
      return plugins;
    }
    for (Path home : homes()) {
      library(home.resolve(CUDA_BUILD), "ggml-cuda").ifPresent(plugins::add);
      Path prebuilt = packaged(home, platform() + "-cuda");
      library(prebuilt, "ggml-cuda")
          .or(() -> library(prebuilt, "ggml.cuda"))
          .ifPresent(plugins::add);
    }
    return plugins;
  }

  private List<Path> stagedDirectories() {
    return homes().stream().map(home -> packaged(home, platform())).toList();
  }

  /// Where the npm package for a platform has its libraries.
  private static Path packaged(Path home, String platform) {
    return home.resolve("native/node_modules/@node-llama-cpp")
        .resolve(platform)
        .resolve("bins")
        .resolve(platform);
  }

  private List<Path> homes() {
    List<Path> homes = new ArrayList<>();
    @Nullable String home = properties.apply(HOME_PROPERTY);
    if (home != null) {
      homes.add(Path.of(home));
    } else {
      for (Path p = codeLocation; p != null; p = p.getParent()) {
        if (Files.isDirectory(p.resolve("native"))) {
          homes.add(p);
          break;
        }
      }
    }
    return homes;
  }

  private static Optional<Found> inspect(Path directory) {
    if (!Files.isDirectory(directory)) {
      return Optional.empty();
    }
    Optional<Path> base = library(directory, "ggml-base");
    Optional<Path> ggml = library(directory, "ggml");
    Optional<Path> llama = library(directory, "llama");
    if (base.isEmpty() || ggml.isEmpty() || llama.isEmpty()) {
      return Optional.empty();
    }
    Path absolute = directory.toAbsolutePath().normalize();
    return Optional.of(new Found(absolute, base.get(), ggml.get(), llama.get()));
  }

  /// A library by its base name: `libggml.so`, or with a flavour and version in between, as the
  /// packages have it (`libggml.v0.5.0.so`, `libggml.cuda.v0.5.0.so`).
  private static Optional<Path> library(Path directory, String name) {
    String prefix = System.mapLibraryName(name);
    String extension = prefix.substring(prefix.lastIndexOf('.'));
    String stem = prefix.substring(0, prefix.length() - extension.length());
    try (Stream<Path> entries = Files.list(directory)) {
      return entries
          .filter(p -> {
            String file = p.getFileName().toString();
            return file.equals(prefix) || (file.startsWith(stem + ".") && file.endsWith(extension));
          })
          .map(p -> p.toAbsolutePath().normalize())
          .sorted()
          .findFirst();
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  /// The platform's name in the npm packages.
  static String platform() {
    String os = System.getProperty("os.name").toLowerCase(Locale.ROOT);
    String arch = System.getProperty("os.arch").toLowerCase(Locale.ROOT);
    boolean arm = arch.equals("aarch64") || arch.equals("arm64");
    if (os.contains("mac")) {
      return arm ? "mac-arm64-metal" : "mac-x64";
    }
    if (os.contains("windows")) {
      return arm ? "win-arm64" : "win-x64";
    }
    return arm ? "linux-arm64" : "linux-x64";
  }

  private static @Nullable Path codeLocation() {
    @Nullable CodeSource source = NativeLocator.class.getProtectionDomain().getCodeSource();
    if (source == null || source.getLocation() == null) {
      return null;
    }
    try {
      return Path.of(source.getLocation().toURI());
    } catch (URISyntaxException | IllegalArgumentException e) {
      return null;
    }
  }
}
