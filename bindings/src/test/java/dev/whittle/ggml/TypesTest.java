package dev.whittle.ggml;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.ffi.Llama;
import java.lang.reflect.Method;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// The enumerations of types against the library's own.
class TypesTest {
  @BeforeAll
  static void load() {
    NativeRuntime.load();
  }

  @ParameterizedTest
  @EnumSource
  void aTypeHasTheTraitsThatGgmlHasForIt(GgmlType type) {
    int id = type.id();
    assertAll(
        () -> assertEquals(Llama.ggml_blck_size(id), type.blockSize()),
        () -> assertEquals(Llama.ggml_type_size(id), type.blockBytes()),
        () -> assertEquals(Llama.ggml_is_quantized(id), type.isQuantized()),
        () -> assertEquals(Llama.ggml_quantize_requires_imatrix(id), type.requiresImportance()),
        () -> assertEquals(Llama.ggml_row_size(id, 512), type.rowBytes(512)),
        () ->
            assertEquals(
                Optional.of(type), GgmlType.ofName(Llama.ggml_type_name(id).getString(0))));
  }

  @Test
  void noTypeOfGgmlIsLeftOut() throws ReflectiveOperationException {
    assertEquals(
        idsOf("GGML_TYPE_", Set.of("GGML_TYPE_COUNT")), idsOf(GgmlType.values(), GgmlType::id));
  }

  @Test
  void noMixThatTheQuantizerWritesIsLeftOut() throws ReflectiveOperationException {
    // The quantizer has no default type for NVFP4, and GUESSED is not one to write.
    assertEquals(
        idsOf("LLAMA_FTYPE_", Set.of("LLAMA_FTYPE_MOSTLY_NVFP4", "LLAMA_FTYPE_GUESSED")),
        idsOf(FileType.values(), FileType::id));
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "MXFP4")
  void aMixIsNamedAsLlamaCppNamesIt(FileType type) throws ReflectiveOperationException {
    String constant =
        type == FileType.F32 ? "LLAMA_FTYPE_ALL_F32" : "LLAMA_FTYPE_MOSTLY_" + type.name();
    assertEquals(Llama.class.getMethod(constant).invoke(null), type.id());
    assertEquals(Optional.of(type), FileType.ofName(type.name().toLowerCase()));
  }

  @Test
  void mxfp4IsTheTypeOfAllMatrices() {
    assertEquals(Optional.of(FileType.MXFP4), FileType.ofName("mxfp4"));
    assertEquals(FileType.MXFP4_MOE.id(), FileType.MXFP4.id());
    assertTrue(FileType.MXFP4.isPure());
    assertFalse(FileType.MXFP4_MOE.isPure());
  }

  @Test
  void shortNamesStandForTheMediumMixes() {
    assertEquals(Optional.of(FileType.Q4_K_M), FileType.ofName("q4_k"));
    assertTrue(FileType.ofName("Q9_9").isEmpty());
  }

  @Test
  void aRowIsWholeBlocks() {
    assertThrows(IllegalArgumentException.class, () -> GgmlType.Q2_K.rowBytes(255));
  }

  private interface Id<T> {
    int of(T value);
  }

  private static <T> Set<Integer> idsOf(T[] values, Id<T> id) {
    Set<Integer> ids = new TreeSet<>();
    for (T value : values) {
      ids.add(id.of(value));
    }
    return ids;
  }

  private static Set<Integer> idsOf(String prefix, Set<String> except)
      throws ReflectiveOperationException {
    Set<Integer> ids = new TreeSet<>();
    for (Method method : Llama.class.getMethods()) {
      if (method.getName().startsWith(prefix) && !except.contains(method.getName())) {
        ids.add((Integer) method.invoke(null));
      }
    }
    return ids;
  }
}
