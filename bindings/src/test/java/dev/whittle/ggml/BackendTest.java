package dev.whittle.ggml;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class BackendTest {

  @Test
  void anOperationThatTheBackendCannotRunIsNamed() {
    try (TensorContext context = new TensorContext(32);
        Backend backend = Backend.cpu(1)) {
      Operations ops = new Operations(context);
      Tensor x = context.newTensor(GgmlType.F32, 256);
      Graph possible = new Graph(context, "what can be run", 8).expand(ops.scale(x, 3));
      // The CPU has no quantizer for this type that runs inside a graph.
      Tensor blocks = ops.copy(ops.scale(x, 2), context.newTensor(GgmlType.IQ3_XXS, 256));
      Graph impossible = new Graph(context, "what cannot", 8).expand(blocks);
      assertEquals(
          Set.of("CPY(F32, IQ3_XXS)"),
          backend.unsupportedOperations(List.of(possible, impossible)));
      assertEquals(Set.of(), backend.unsupportedOperations(List.of(possible)));
    }
  }

  @Test
  void theCpuMultipliesWithEveryTypeOfWeights() {
    for (GgmlType type : List.of(GgmlType.BF16, GgmlType.TQ2_0, GgmlType.MXFP4, GgmlType.Q2_K)) {
      assertTrue(Device.cpu().multiplies(type), type.toString());
    }
  }
}
