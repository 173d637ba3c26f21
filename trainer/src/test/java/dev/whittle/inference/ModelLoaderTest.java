package dev.whittle.inference;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.ggml.GgmlType;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ModelLoaderTest {
  @Test
  void whatMostWeightsAreDecides() {
    Map<GgmlType, Long> ternary = Map.of(GgmlType.TQ2_0, 90L, GgmlType.Q4_K, 10L);
    Map<GgmlType, Long> mixed = Map.of(GgmlType.TQ1_0, 10L, GgmlType.Q2_K, 90L);
    assertFalse(ModelLoader.isMostly(ternary, type -> type != GgmlType.TQ2_0));
    assertTrue(ModelLoader.isMostly(mixed, type -> type != GgmlType.TQ1_0));
    assertTrue(ModelLoader.isMostly(Map.of(), _ -> false));
  }
}
