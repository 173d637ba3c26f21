package dev.whittle.ggml;

import dev.whittle.ffi.Llama;
import dev.whittle.ffi.llama_context_params;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/// A model at work: its cache of keys and values, and the logits of the last batch
/// (`llama_context`).
///
/// Not for several threads at once. Belongs to its model, which closes it if nobody else has.
public final class LlamaContext implements AutoCloseable {
  private final LlamaModel model;
  private final LlamaContextOptions options;
  private final NativeHandle handle;
  private final MemorySegment memory;
  private final int vocabularySize;
  private final int batchSize;
  private final @Nullable EvalObserver observer;
  private final Arena callbacks;
  private final ThreadPool threads;
  private final NativeRuntime runtime = NativeRuntime.load();
  private final String decoding;

  private final Greatest greatest = new Greatest();

  /// Which tokens of the last batch have logits.
  private final BitSet outputs = new BitSet();

  private LlamaContext(
      LlamaModel model,
      LlamaContextOptions options,
      NativeHandle handle,
      @Nullable EvalObserver observer,
      Arena callbacks,
      ThreadPool threads) {
    this.model = model;
    this.options = options;
    this.handle = handle;
    this.memory = handle.inside(Llama.llama_get_memory(handle.pointer()), 0);
    this.vocabularySize = model.vocabulary().size();
    this.batchSize = Llama.llama_n_batch(handle.pointer());
    this.observer = observer;
    this.callbacks = callbacks;
    this.threads = threads;
    this.decoding = "decoding with " + model.path();
    Llama.llama_attach_threadpool(handle.pointer(), threads.pointer(), MemorySegment.NULL);
  }

  static LlamaContext open(LlamaModel model, LlamaContextOptions options) {
    requireDecoder(model, options);
    model.requireCacheFits(options.attention());
    NativeRuntime runtime = NativeRuntime.load();
    runtime.takeErrors();
    runtime.about("opening a context of the model " + model.path());
    @Nullable EvalCallback callback = options.evalCallback();
    @Nullable EvalObserver observer = callback == null ? null : new EvalObserver(callback);
    Arena callbacks = Arena.ofShared();
    ThreadPool threads = ThreadPool.of(options.threads());
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment params = Llama.llama_context_default_params(arena);
      fill(params, options);
      if (observer != null) {
        llama_context_params.cb_eval(params, observer.stub(callbacks));
      }
      MemorySegment context = Llama.llama_init_from_model(model.pointer(), params);
      if (context.address() == 0) {
        callbacks.close();
        threads.close();
        throw new NativeException(
            "llama.cpp cannot open a context of the model "
                + model.path()
                + ": "
                + runtime.takeErrors());
      }
      NativeHandle handle =
          NativeHandle.own("the context of " + model.path(), context, Llama::llama_free);
      return new LlamaContext(model, options, handle, observer, callbacks, threads);
    }
  }

  private static void requireDecoder(LlamaModel model, LlamaContextOptions options) {
    if (model.options().vocabularyOnly()) {
      throw new IllegalStateException(
          "the model " + model.path() + " was loaded for its vocabulary only; load its weights");
    }
    MemorySegment pointer = model.pointer();
    if (!Llama.llama_model_has_decoder(pointer) || Llama.llama_model_has_encoder(pointer)) {
      throw new NativeException(
          "the model " + model.path() + " is not a plain decoder; only those generate text here");
    }
    // The library keeps a row of logits for every sequence, and asserts that the batch has room.
    int length = options.contextLength() == 0 ? model.trainedContext() : options.contextLength();
    if (length < options.sequences()) {
      throw new IllegalArgumentException(
          "a context of " + length + " tokens cannot hold " + options.sequences() + " sequences");
    }
  }

  private static void fill(MemorySegment params, LlamaContextOptions options) {
    llama_context_params.n_ctx(params, options.contextLength());
    llama_context_params.n_batch(params, options.batchSize());
    llama_context_params.n_ubatch(params, options.microBatchSize());
    llama_context_params.n_seq_max(params, options.sequences());
    llama_context_params.n_outputs_max(params, options.maxOutputs());
    llama_context_params.n_threads(params, options.threads());
    llama_context_params.n_threads_batch(params, options.threads());
    llama_context_params.flash_attn_type(
        params,
        switch (options.attention().flash()) {
          case AUTO -> Llama.LLAMA_FLASH_ATTN_TYPE_AUTO();
          case ON -> Llama.LLAMA_FLASH_ATTN_TYPE_ENABLED();
          case OFF -> Llama.LLAMA_FLASH_ATTN_TYPE_DISABLED();
        });
    llama_context_params.type_k(params, options.attention().keyType().id());
    llama_context_params.type_v(params, options.attention().valueType().id());
  }

  public LlamaModel model() {
    return model;
  }

  /// How many tokens the cache holds, of all sequences together.
  public int contextLength() {
    return Llama.llama_n_ctx(handle.pointer());
  }

  /// How long one sequence may grow, in tokens.
  public int sequenceLength() {
    return Llama.llama_n_ctx_seq(handle.pointer());
  }

  /// The most tokens of one batch.
  public int batchSize() {
    return batchSize;
  }

  /// How many sequences the cache can hold.
  public int sequences() {
    return options.sequences();
  }

  /// Computes a batch, appends it to the cache, and keeps the logits that it wants, until the next
  /// batch (`llama_decode`).
  ///
  /// @throws IllegalArgumentException if the batch is empty or too large, or names a token or a
  ///   sequence that does not exist
  /// @throws NativeException if the cache has no room, if positions do not continue their
  ///   sequences, or if the computation fails; then the cache may hold a part of the batch
  public void decode(Batch batch) {
    require(batch);
    runtime.takeErrors();
    runtime.about(decoding);
    outputs.clear();
    int status;
    try {
      status = Llama.llama_decode(handle.pointer(), batch.struct());
    } finally {
      Reference.reachabilityFence(batch);
    }
    if (observer != null) {
      // The callbacks run while the graph is computed, which may be after the call returned.
      Llama.llama_synchronize(handle.pointer());
      observer.rethrow();
    }
    switch (status) {
      case 0 -> outputs.or(batch.outputs());
      case 1 ->
          throw new NativeException(
              "the cache of "
                  + contextLength()
                  + " tokens has no room for "
                  + batch.size()
                  + " more; open the context with a greater length, or with fewer sequences");
      default ->
          throw new NativeException(
              "llama.cpp cannot decode the batch (status " + status + "): " + runtime.takeErrors());
    }
  }

  private void require(Batch batch) {
    handle.requireOpen();
    if (batch.isEmpty() || batch.size() > batchSize) {
      throw new IllegalArgumentException(
          "a batch of " + batch.size() + " tokens; the context takes 1 to " + batchSize);
    }
    model.vocabulary().requireToken(batch.highestToken());
    requireSequence(batch.highestSequence());
    int wanted = batch.outputs().cardinality();
    if (wanted > options.maxOutputs()) {
      throw new IllegalArgumentException(
          wanted + " tokens want logits; the context was opened for " + options.maxOutputs());
    }
  }

  /// The logits after the token at this index of the last batch.
  ///
  /// @return a read-only view of [vocabulary] floats, overwritten by the next batch
  public FloatBuffer logits(int index) {
    return logitsRow(index)
        .asReadOnly()
        .asByteBuffer()
        .order(ByteOrder.nativeOrder())
        .asFloatBuffer();
  }

  /// Copies the logits after the token at this index of the last batch.
  ///
  /// @param destination [vocabulary]
  public void copyLogits(int index, float[] destination) {
    if (destination.length != vocabularySize) {
      throw new IllegalArgumentException(
          destination.length + " places for " + vocabularySize + " logits");
    }
    MemorySegment.copy(logitsRow(index), ValueLayout.JAVA_FLOAT, 0, destination, 0, vocabularySize);
  }

  /// The token with the greatest logit after the token at this index of the last batch; of equals,
  /// the first.
  ///
  /// @throws NativeException if no logit is a number, which means that the model is broken
  public int likeliestToken(int index) {
    int best = greatest.indexIn(logitsRow(index));
    if (best < 0) {
      throw new NativeException(
          "the model " + model.path() + " computes no logit that is a number; its weights are bad");
    }
    return best;
  }

  /// The samplers take logits for numbers, and would draw the last token of the vocabulary from any
  /// that are not.
  ///
  /// @throws NativeException if there is no drawing from the logits after this token, which means
  ///   that the model is broken
  void requireSoftmax(int index) {
    if (!greatest.haveSoftmax(logitsRow(index))) {
      throw new NativeException(
          "the model "
              + model.path()
              + " computes logits that are not finite numbers; its weights are bad");
    }
  }

  private MemorySegment logitsRow(int index) {
    requireOutput(index);
    MemorySegment row = Llama.llama_get_logits_ith(handle.pointer(), index);
    if (row.address() == 0) {
      throw new NativeException("llama.cpp has no logits for token " + index + " of the batch");
    }
    return handle.inside(row, (long) vocabularySize * Float.BYTES);
  }

  private void requireOutput(int index) {
    handle.requireOpen();
    if (index < 0 || !outputs.get(index)) {
      throw new IllegalArgumentException(
          "token " + index + " of the last batch did not ask for logits");
    }
  }

  /// Empties the cache of all sequences (`llama_memory_clear`).
  public void clear() {
    handle.requireOpen();
    Llama.llama_memory_clear(memory, false);
  }

  /// Empties the cache of one sequence (`llama_memory_seq_rm`).
  public void removeSequence(int sequence) {
    truncateSequence(sequence, 0);
  }

  /// Forgets a sequence's tokens from this position on.
  ///
  /// @throws NativeException if the model cannot forget a part of a sequence: some can only forget
  ///   it whole
  public void truncateSequence(int sequence, int fromPosition) {
    handle.requireOpen();
    requireSequence(sequence);
    if (fromPosition < 0) {
      throw new IllegalArgumentException("position " + fromPosition + " is negative");
    }
    if (!Llama.llama_memory_seq_rm(memory, sequence, fromPosition, -1)) {
      throw new NativeException(
          "the model " + model.path() + " cannot forget a part of a sequence; remove it whole");
    }
  }

  /// Makes a sequence the copy of another; what it held is forgotten (`llama_memory_seq_cp`).
  public void copySequence(int source, int destination) {
    handle.requireOpen();
    requireSequence(source);
    requireSequence(destination);
    if (source == destination) {
      return;
    }
    removeSequence(destination);
    Llama.llama_memory_seq_cp(memory, source, destination, -1, -1);
  }

  /// How many tokens a sequence holds: the position for its next one.
  public int sequenceSize(int sequence) {
    handle.requireOpen();
    requireSequence(sequence);
    return Llama.llama_memory_seq_pos_max(memory, sequence) + 1;
  }

  private void requireSequence(int sequence) {
    if (sequence < 0 || sequence >= options.sequences()) {
      throw new IllegalArgumentException(
          "sequence " + sequence + "; the context has " + options.sequences() + ", from 0");
    }
  }

  MemorySegment pointer() {
    return handle.pointer();
  }

  /// @throws IllegalStateException if another thread is computing with it
  @Override
  public void close() {
    if (handle.isOpen()) {
      handle.close();
      callbacks.close();
      threads.close();
      model.forget(this);
    }
  }
}
