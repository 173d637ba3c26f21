package dev.whittle.ggml;

import dev.whittle.ffi.Llama;
import dev.whittle.ffi.ggml_backend_feature;
import dev.whittle.ffi.ggml_backend_get_features_t;
import dev.whittle.ffi.ggml_log_callback;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// The llama.cpp libraries of this process: found, loaded once, checked against the pinned
/// versions, with their log and abort callbacks routed to Java.
///
/// Loading happens on the first call of [#load()], which every owner of something native makes.
public final class NativeRuntime {
  /// The versions that the bindings were generated from.
  public static final String PINNED_GGML_VERSION = "0.25.1";

  public static final String PINNED_LLAMA_VERSION = "0.5.0";

  private static final System.Logger LOG = System.getLogger("dev.whittle.ggml");
  private static final int KEPT_ERRORS = 8;

  private static @Nullable NativeRuntime instance;

  private final Path directory;
  private final Deque<String> recentErrors = new ArrayDeque<>();
  private final StringBuilder line = new StringBuilder();
  private System.Logger.Level lineLevel = System.Logger.Level.DEBUG;
  private volatile String lastOperation = "none yet";
  private @Nullable Accelerators accelerators;

  private NativeRuntime(Path directory) {
    this.directory = directory;
  }

  /// The runtime, loaded if it was not yet.
  ///
  /// @throws NativeException if no fitting libraries are found, if they cannot be linked, or if
  ///   their versions are not the pinned ones
  public static synchronized NativeRuntime load() {
    if (instance == null) {
      instance = loadFrom(NativeLocator.ofProcess().locate());
    }
    return instance;
  }

  private static NativeRuntime loadFrom(NativeLocator.Found found) {
    for (Path library : found.inLoadOrder()) {
      try {
        System.load(library.toString());
      } catch (UnsatisfiedLinkError e) {
        throw new NativeException(
            library
                + " cannot be loaded ("
                + e.getMessage()
                + "); it needs glibc 2.29 or later and libstdc++",
            e);
      }
    }
    NativeRuntime runtime = new NativeRuntime(found.directory());
    runtime.checkVersions();
    runtime.routeCallbacks();
    Llama.llama_backend_init();
    try (Arena arena = Arena.ofConfined()) {
      Llama.ggml_backend_load_all_from_path(arena.allocateFrom(found.directory().toString()));
    }
    if (Llama.ggml_backend_dev_count() == 0) {
      throw new NativeException(
          found.directory()
              + " holds no backend that this machine can run; reinstall the libraries");
    }
    return runtime;
  }

  /// What came of looking for plug-ins that compute on GPUs.
  ///
  /// @param plugin the one that was loaded, or null
  /// @param failures why the others were not, one sentence each
  public record Accelerators(@Nullable Path plugin, List<String> failures) {
    public Accelerators {
      failures = List.copyOf(failures);
    }
  }

  /// Loads the first plug-in for GPUs that works on this machine, if it was not looked for yet. Its
  /// devices are then among [#devices].
  ///
  /// This is not done on loading: it takes a while, and memory on the GPU.
  public synchronized Accelerators loadAccelerators() {
    if (accelerators == null) {
      accelerators = findAccelerators();
    }
    return accelerators;
  }

  private Accelerators findAccelerators() {
    List<String> failures = new ArrayList<>();
    for (Path plugin : NativeLocator.ofProcess().acceleratorPlugins()) {
      long before = Llama.ggml_backend_dev_count();
      MemorySegment registration;
      try (Arena arena = Arena.ofConfined()) {
        registration = Llama.ggml_backend_load(arena.allocateFrom(plugin.toString()));
      }
      String errors = takeErrors();
      if (registration.address() != 0 && Llama.ggml_backend_dev_count() > before) {
        return new Accelerators(plugin, failures);
      }
      failures.add(
          plugin
              + (registration.address() == 0
                  ? " cannot be loaded" + (errors.isEmpty() ? "" : ": " + errors)
                  : " finds no GPU that it can use" + (errors.isEmpty() ? "" : ": " + errors)));
    }
    return new Accelerators(null, failures);
  }

  private void checkVersions() {
    check("ggml", PINNED_GGML_VERSION, ggmlVersion());
    check("llama.cpp", PINNED_LLAMA_VERSION, llamaVersion());
  }

  private void check(String what, String pinned, String found) {
    // Packagers append a suffix (the npm packages report 0.5.0-dev); it does not change the
    // interface.
    if (!found.equals(pinned) && !found.startsWith(pinned + "-")) {
      throw new NativeException(
          directory
              + " holds "
              + what
              + " "
              + found
              + ", but the bindings were made for "
              + pinned
              + "; run 'npm ci' in Whittle's folder 'native', or name a folder with that version");
    }
  }

  /// The version that the loaded ggml reports.
  public String ggmlVersion() {
    return Llama.ggml_version().getString(0);
  }

  /// The version that the loaded llama.cpp reports.
  public String llamaVersion() {
    return Llama.llama_version().getString(0);
  }

  /// The folder that the libraries came from.
  public Path directory() {
    return directory;
  }

  /// A file that the build staged below Whittle's home, such as another library.
  public static Optional<Path> staged(String path) {
    return NativeLocator.ofProcess().staged(path);
  }

  /// The devices that can compute, the CPU among them.
  public List<Device> devices() {
    List<Device> devices = new ArrayList<>();
    for (long i = 0; i < Llama.ggml_backend_dev_count(); i++) {
      devices.add(Device.of(Llama.ggml_backend_dev_get(i)));
    }
    return devices;
  }

  /// The instruction sets that the chosen CPU library was built with, as it reports them.
  public Map<String, String> cpuFeatures() {
    Map<String, String> features = new LinkedHashMap<>();
    MemorySegment reg = Device.cpu().registration();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment f =
          Llama.ggml_backend_reg_get_proc_address(
              reg, arena.allocateFrom("ggml_backend_get_features"));
      if (f.address() == 0) {
        return features;
      }
      MemorySegment list = ggml_backend_get_features_t.invoke(f, reg);
      for (long i = 0; ; i++) {
        MemorySegment feature = ggml_backend_feature.asSlice(list, i);
        MemorySegment name = ggml_backend_feature.name(feature);
        if (name.address() == 0) {
          return features;
        }
        features.put(name.getString(0), ggml_backend_feature.value(feature).getString(0));
      }
    }
  }

  /// Notes what is about to run, so that an abort can say what it was.
  void about(String operation) {
    lastOperation = operation;
  }

  /// The last error lines that the libraries logged, newest last, and forgets them.
  synchronized String takeErrors() {
    String errors = String.join("; ", recentErrors);
    recentErrors.clear();
    return errors;
  }

  private void routeCallbacks() {
    // The stubs live as long as the process: the libraries are never unloaded.
    MemorySegment log =
        ggml_log_callback.allocate((level, text, data) -> onLog(level, text), Arena.global());
    Llama.ggml_log_set(log, MemorySegment.NULL);
    Llama.llama_log_set(log, MemorySegment.NULL);
    MemorySegment abort =
        dev.whittle.ffi.ggml_abort_callback_t.allocate(this::onAbort, Arena.global());
    Llama.ggml_set_abort_callback(abort);
  }

  /// ggml aborts the process when this returns; all that is left is to say what it was doing.
  private void onAbort(MemorySegment message) {
    try {
      System.err.println(
          "ggml aborts the process: "
              + message.getString(0)
              + " (last operation: "
              + lastOperation
              + "); please report this with the command line");
    } catch (Throwable t) {
      // Nothing may leave an upcall.
    }
  }

  private void onLog(int level, MemorySegment text) {
    try {
      append(level, text.getString(0));
    } catch (Throwable t) {
      // Nothing may leave an upcall; a lost log line is the lesser evil.
    }
  }

  private synchronized void append(int level, String text) {
    if (level != Llama.GGML_LOG_LEVEL_CONT()) {
      lineLevel = levelOf(level);
    }
    line.append(text);
    int end;
    while ((end = line.indexOf("\n")) >= 0) {
      String whole = line.substring(0, end).strip();
      line.delete(0, end + 1);
      if (!whole.isEmpty()) {
        if (lineLevel == System.Logger.Level.ERROR) {
          recentErrors.addLast(whole);
          if (recentErrors.size() > KEPT_ERRORS) {
            recentErrors.removeFirst();
          }
        }
        LOG.log(lineLevel, whole);
      }
    }
  }

  /// llama.cpp's chatter is for debugging here: Whittle's own errors repeat what matters of it.
  private static System.Logger.Level levelOf(int level) {
    if (level == Llama.GGML_LOG_LEVEL_ERROR()) {
      return System.Logger.Level.ERROR;
    }
    if (level == Llama.GGML_LOG_LEVEL_WARN()) {
      return System.Logger.Level.DEBUG;
    }
    return System.Logger.Level.TRACE;
  }
}
