package dev.whittle.ggml;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.ffi.Llama;
import dev.whittle.ffi.ggml_init_params;
import dev.whittle.ffi.ggml_tensor;
import dev.whittle.ffi.ggml_threadpool_params;
import dev.whittle.ffi.llama_context_params;
import dev.whittle.ffi.llama_model_params;
import dev.whittle.ffi.llama_model_quantize_params;
import dev.whittle.ffi.llama_sampler_chain_params;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.reflect.Method;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/// The generated bindings against the pinned libraries: the same functions, and the same layout of
/// structures. A field's offset is right when the library's defaults, which differ from the fields
/// around them, are read at it.
class BindingsTest {
  @BeforeAll
  static void load() {
    NativeRuntime.load();
  }

  @Test
  void everyBoundFunctionIsInTheLibraries() {
    Set<String> bound =
        Stream.of(Llama.class.getMethods())
            .map(Method::getName)
            .filter(name -> name.endsWith("$descriptor"))
            .map(name -> name.substring(0, name.indexOf('$')))
            .collect(Collectors.toCollection(TreeSet::new));
    assertTrue(bound.contains("llama_decode"), "the generator's naming has changed");
    SymbolLookup libraries = SymbolLookup.loaderLookup();
    Set<String> missing = new TreeSet<>(bound);
    missing.removeIf(name -> libraries.find(name).isPresent());
    assertEquals(Set.of(), missing);
  }

  @Test
  void aTensorHasTheSizeThatTheLibraryReservesForIt() {
    // ggml_tensor_overhead adds the header of an object: 32 bytes where pointers have 8.
    assertEquals(Llama.ggml_tensor_overhead(), 32 + ggml_tensor.sizeof());
  }

  @Test
  void aTensorsFieldsAreWhereTheLibraryWritesThem() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment params = ggml_init_params.allocate(arena);
      ggml_init_params.mem_size(params, 4 * Llama.ggml_tensor_overhead());
      ggml_init_params.no_alloc(params, true);
      MemorySegment context = Llama.ggml_init(params);
      try {
        MemorySegment a = Llama.ggml_new_tensor_4d(context, GgmlType.Q4_0.id(), 64, 3, 5, 7);
        Llama.ggml_set_name(a, arena.allocateFrom("weights"));
        MemorySegment view = Llama.ggml_transpose(context, a);
        assertAll(
            () -> assertEquals(GgmlType.Q4_0.id(), ggml_tensor.type(a)),
            () -> assertEquals(64, ggml_tensor.ne(a, 0)),
            () -> assertEquals(7, ggml_tensor.ne(a, 3)),
            () -> assertEquals(GgmlType.Q4_0.rowBytes(64), ggml_tensor.nb(a, 1)),
            () -> assertEquals("weights", ggml_tensor.name(a).getString(0)),
            () -> assertEquals(0, ggml_tensor.data(a).address()),
            () -> assertEquals(a.address(), ggml_tensor.src(view, 0).address()),
            () -> assertEquals(a.address(), ggml_tensor.view_src(view).address()),
            () -> assertEquals(Llama.GGML_OP_TRANSPOSE(), ggml_tensor.op(view)));
      } finally {
        Llama.ggml_free(context);
      }
    }
  }

  @Test
  void modelDefaults() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment params = Llama.llama_model_default_params(arena);
      assertAll(
          () -> assertEquals(0, llama_model_params.devices(params).address()),
          () -> assertEquals(-1, llama_model_params.n_gpu_layers(params)),
          () -> assertEquals(Llama.LLAMA_SPLIT_MODE_LAYER(), llama_model_params.split_mode(params)),
          () -> assertEquals(Llama.LLAMA_LOAD_MODE_AUTO(), llama_model_params.load_mode(params)),
          () -> assertEquals(0, llama_model_params.kv_overrides(params).address()),
          () -> assertFalse(llama_model_params.vocab_only(params)),
          () -> assertFalse(llama_model_params.check_tensors(params)),
          () -> assertTrue(llama_model_params.use_extra_bufts(params)),
          () -> assertFalse(llama_model_params.no_host(params)));
    }
  }

  @Test
  void contextDefaults() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment params = Llama.llama_context_default_params(arena);
      assertAll(
          () -> assertEquals(512, llama_context_params.n_ctx(params)),
          () -> assertEquals(2048, llama_context_params.n_batch(params)),
          () -> assertEquals(512, llama_context_params.n_ubatch(params)),
          () -> assertEquals(1, llama_context_params.n_seq_max(params)),
          () -> assertEquals(0, llama_context_params.n_outputs_max(params)),
          () -> assertEquals(1, llama_context_params.n_outputs_max_per_seq(params)),
          () ->
              assertEquals(
                  Llama.LLAMA_FLASH_ATTN_TYPE_AUTO(), llama_context_params.flash_attn_type(params)),
          () -> assertEquals(0f, llama_context_params.rope_freq_scale(params)),
          () -> assertEquals(-1f, llama_context_params.yarn_beta_slow(params)),
          () -> assertEquals(0, llama_context_params.cb_eval(params).address()),
          () -> assertEquals(GgmlType.F16.id(), llama_context_params.type_k(params)),
          () -> assertEquals(GgmlType.F16.id(), llama_context_params.type_v(params)),
          () -> assertFalse(llama_context_params.embeddings(params)),
          () -> assertTrue(llama_context_params.offload_kqv(params)),
          () -> assertTrue(llama_context_params.swa_full(params)),
          () -> assertFalse(llama_context_params.kv_unified(params)));
    }
  }

  @Test
  void quantizerDefaults() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment params = Llama.llama_model_quantize_default_params(arena);
      assertAll(
          () -> assertEquals(0, llama_model_quantize_params.nthread(params)),
          () ->
              assertEquals(
                  Llama.LLAMA_FTYPE_MOSTLY_Q8_0(), llama_model_quantize_params.ftype(params)),
          () -> assertFalse(llama_model_quantize_params.allow_requantize(params)),
          () -> assertTrue(llama_model_quantize_params.quantize_output_tensor(params)),
          () -> assertFalse(llama_model_quantize_params.pure(params)),
          () -> assertEquals(0, llama_model_quantize_params.imatrix(params).address()),
          () -> assertEquals(8L << 30, llama_model_quantize_params.max_buf_size(params)));
    }
  }

  @Test
  void threadpoolAndSamplerDefaults() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment threads = Llama.ggml_threadpool_params_default(arena, 3);
      MemorySegment chain = Llama.llama_sampler_chain_default_params(arena);
      assertAll(
          () -> assertEquals(3, ggml_threadpool_params.n_threads(threads)),
          () -> assertEquals(50, ggml_threadpool_params.poll(threads)),
          () -> assertFalse(ggml_threadpool_params.paused(threads)),
          () -> assertTrue(llama_sampler_chain_params.no_perf(chain)));
    }
  }
}
