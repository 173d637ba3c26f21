package dev.whittle.model;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.whittle.ggml.Backend;
import dev.whittle.ggml.Tensor;
import java.util.Arrays;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class BatchInputsTest {

  @Test
  void aTokenSeesItsDocumentUpToItself() {
    int length = 2400;
    int[] starts = {0, 1000, 2300};
    int[] documents = new int[length];
    Arrays.fill(documents, starts[1], starts[2], 1);
    Arrays.fill(documents, starts[2], length, -1);
    try (Backend backend = Backend.cpu(1);
        BatchInputs inputs = new BatchInputs(backend, new BatchShape(1, length))) {
      inputs.load(new int[length], new int[length], documents);
      Tensor scores = Objects.requireNonNull(inputs.mask().scores());
      float[] values = scores.readFloats();
      for (int query = 0; query < length; query++) {
        // Padding sees itself.
        int start = documents[query] < 0 ? query : starts[documents[query]];
        for (int key = 0; key < length; key++) {
          float expected = key >= start && key <= query ? 0 : Float.NEGATIVE_INFINITY;
          assertEquals(expected, values[query * length + key]);
        }
      }
    }
  }

  @Test
  void aDocumentMayHaveMoreScoresThanAnArrayHolds() {
    int length = 46_341;
    try (Backend backend = Backend.cpu(1);
        Backend measuring = backend.measuring();
        BatchInputs inputs = new BatchInputs(measuring, new BatchShape(1, length))) {
      inputs.load(new int[length], new int[length], new int[length]);
      assertEquals(
          (long) length * length, Objects.requireNonNull(inputs.mask().scores()).elements());
    }
  }
}
