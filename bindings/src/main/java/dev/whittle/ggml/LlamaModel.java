package dev.whittle.ggml;

import dev.whittle.ffi.Llama;
import dev.whittle.ffi.llama_model_params;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// A model as llama.cpp itself loads it (`llama_model_load_from_file`).
///
/// The model owns its contexts: closing it closes them first. It may be shared between threads.
public final class LlamaModel implements AutoCloseable {
  private static final byte[] MAGIC = {'G', 'G', 'U', 'F'};

  private final Path path;
  private final LlamaModelOptions options;
  private final NativeHandle handle;
  private final Vocabulary vocabulary;
  private final boolean offloaded;
  private final Set<LlamaContext> contexts = new LinkedHashSet<>();

  private LlamaModel(Path path, LlamaModelOptions options, NativeHandle handle) {
    this.path = path;
    this.options = options;
    this.handle = handle;
    this.offloaded = options.isOffloading();
    this.vocabulary =
        new Vocabulary(
            handle.inside(Llama.llama_model_get_vocab(handle.pointer()), 0), handle::requireOpen);
  }

  /// Loads a GGUF file.
  ///
  /// @throws NativeException if there is no such file, if it is not GGUF, or if llama.cpp cannot
  ///   load it; then with the reasons that it logged
  public static LlamaModel load(Path path, LlamaModelOptions options) {
    requireGguf(path);
    NativeRuntime runtime = NativeRuntime.load();
    runtime.takeErrors();
    runtime.about("loading the model " + path);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment params = Llama.llama_model_default_params(arena);
      llama_model_params.n_gpu_layers(params, options.gpuLayers());
      llama_model_params.devices(params, deviceList(options.devices(), arena));
      llama_model_params.load_mode(
          params,
          options.memoryMap() ? Llama.LLAMA_LOAD_MODE_MMAP() : Llama.LLAMA_LOAD_MODE_NONE());
      llama_model_params.use_extra_bufts(params, options.extraBuffers());
      llama_model_params.vocab_only(params, options.vocabularyOnly());
      MemorySegment model =
          Llama.llama_model_load_from_file(
              NativeText.allocate(arena, path.toString(), "the model's path"), params);
      if (model.address() == 0) {
        throw new NativeException(
            "llama.cpp cannot load the model " + path + ": " + runtime.takeErrors());
      }
      return new LlamaModel(
          path, options, NativeHandle.own("the model " + path, model, Llama::llama_model_free));
    }
  }

  /// The devices with a null pointer behind them, as the library wants it.
  private static MemorySegment deviceList(@Nullable List<Device> devices, Arena arena) {
    if (devices == null) {
      return MemorySegment.NULL;
    }
    MemorySegment list = arena.allocate(ValueLayout.ADDRESS, devices.size() + 1L);
    for (int i = 0; i < devices.size(); i++) {
      list.setAtIndex(ValueLayout.ADDRESS, i, devices.get(i).pointer());
    }
    return list;
  }

  private static void requireGguf(Path path) {
    if (!Files.isRegularFile(path)) {
      throw new NativeException(
          path
              + (Files.exists(path) ? " is not a file" : " does not exist")
              + "; name a GGUF file");
    }
    try (InputStream in = Files.newInputStream(path)) {
      if (!Arrays.equals(in.readNBytes(MAGIC.length), MAGIC)) {
        throw new NativeException(
            path
                + " is not a GGUF file: it does not start with the letters GGUF; name one that is,"
                + " or import the checkpoint first");
      }
    } catch (IOException e) {
      throw new NativeException(path + " cannot be read: " + e.getMessage(), e);
    }
  }

  /// Opens a context to compute with. The model closes it, unless it is closed before.
  ///
  /// @throws IllegalArgumentException if the options do not fit the model
  /// @throws NativeException if llama.cpp refuses the options or lacks the memory
  public LlamaContext newContext(LlamaContextOptions contextOptions) {
    synchronized (contexts) {
      LlamaContext context = LlamaContext.open(this, contextOptions);
      contexts.add(context);
      return context;
    }
  }

  void forget(LlamaContext context) {
    synchronized (contexts) {
      contexts.remove(context);
    }
  }

  public Path path() {
    return path;
  }

  /// The model's tokens. Usable for as long as the model is open.
  public Vocabulary vocabulary() {
    return vocabulary;
  }

  /// The width of the residual stream (`n_embd`).
  public int embeddingWidth() {
    return Llama.llama_model_n_embd(handle.pointer());
  }

  /// The number of layers.
  public int layers() {
    return Llama.llama_model_n_layer(handle.pointer());
  }

  /// Checks that a cache can hold this model's keys and values: a head is a row of its own there.
  ///
  /// @throws IllegalArgumentException if a head is not a whole number of blocks of the cache's type
  public void requireCacheFits(AttentionOptions attention) {
    requireWholeBlocks("key", attention.keyType());
    requireWholeBlocks("value", attention.valueType());
  }

  private void requireWholeBlocks(String part, GgmlType type) {
    int size =
        metadata("general.architecture")
            .flatMap(architecture -> metadata(architecture + ".attention." + part + "_length"))
            .map(Integer::parseInt)
            .orElseGet(() -> embeddingWidth() / Llama.llama_model_n_head(handle.pointer()));
    if (size % type.blockSize() != 0) {
      throw new IllegalArgumentException(
          "the cache cannot hold the %ss of %s in %s: heads of %d are no whole number of blocks of %d; choose F16"
              .formatted(part, path, type, size, type.blockSize()));
    }
  }

  /// The context length that the model was trained with, in tokens.
  public int trainedContext() {
    return Llama.llama_model_n_ctx_train(handle.pointer());
  }

  /// The number of weights.
  public long parameters() {
    return Llama.llama_model_n_params(handle.pointer());
  }

  /// The size of all tensors in bytes.
  public long tensorBytes() {
    return Llama.llama_model_size(handle.pointer());
  }

  /// Architecture, size and main type in a few words (`llama_model_desc`).
  public String description() {
    MemorySegment model = handle.pointer();
    return NativeText.read((buffer, size) -> Llama.llama_model_desc(model, buffer, size))
        .orElseThrow();
  }

  /// The Jinja source of the model's chat template, if it has one (`llama_model_chat_template`).
  public Optional<String> chatTemplate() {
    MemorySegment text = Llama.llama_model_chat_template(handle.pointer(), MemorySegment.NULL);
    return text.address() == 0 ? Optional.empty() : Optional.of(text.getString(0));
  }

  /// A scalar of the file's metadata as text, such as `general.name`; arrays are left out
  /// (`llama_model_meta_val_str`).
  public Optional<String> metadata(String key) {
    MemorySegment model = handle.pointer();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = NativeText.allocate(arena, key, "the metadata key");
      return NativeText.read(
          (buffer, size) -> Llama.llama_model_meta_val_str(model, name, buffer, size));
    }
  }

  /// All scalars of the file's metadata, by key.
  public Map<String, String> metadata() {
    MemorySegment model = handle.pointer();
    Map<String, String> metadata = new TreeMap<>();
    for (int i = 0; i < Llama.llama_model_meta_count(model); i++) {
      int index = i;
      String key =
          NativeText.read(
                  (buffer, size) -> Llama.llama_model_meta_key_by_index(model, index, buffer, size))
              .orElseThrow();
      String value =
          NativeText.read((buffer, size) ->
                  Llama.llama_model_meta_val_str_by_index(model, index, buffer, size))
              .orElseThrow();
      metadata.put(key, value);
    }
    return metadata;
  }

  /// Whether layers were given to another device than the CPU.
  public boolean isOffloaded() {
    return offloaded;
  }

  LlamaModelOptions options() {
    return options;
  }

  MemorySegment pointer() {
    return handle.pointer();
  }

  /// Closes the contexts, then the model.
  ///
  /// @throws IllegalStateException if another thread is computing with it
  @Override
  public void close() {
    synchronized (contexts) {
      for (LlamaContext context : new ArrayList<>(contexts)) {
        context.close();
      }
      handle.close();
    }
  }
}
