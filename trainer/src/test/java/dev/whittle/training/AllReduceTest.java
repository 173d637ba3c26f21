package dev.whittle.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.whittle.ggml.Backend;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Tensor;
import dev.whittle.ggml.TensorContext;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Small whole numbers: their sums are exact in every order.
class AllReduceTest {
  private static final int[] SIZES = {1, 63, 64, 200, 131_072 + 77};

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 6, 7})
  void everyReplicaHasTheSumOfAll(int replicas) {
    Random random = new Random(replicas);
    List<List<Tensor>> tensors = new ArrayList<>();
    List<Backend> backends = new ArrayList<>();
    float[][] sums = new float[SIZES.length][];
    try (Backend backend = Backend.cpu(1);
        TensorContext context = new TensorContext(replicas * SIZES.length);
        Workers workers = new Workers(replicas)) {
      for (int r = 0; r < replicas; r++) {
        backends.add(backend);
        tensors.add(new ArrayList<>());
        for (int size : SIZES) {
          tensors.get(r).add(context.newTensor(GgmlType.F32, size));
        }
      }
      context.allocate(backend);
      for (int i = 0; i < SIZES.length; i++) {
        sums[i] = new float[SIZES[i]];
        for (int r = 0; r < replicas; r++) {
          float[] values = new float[SIZES[i]];
          for (int k = 0; k < values.length; k++) {
            values[k] = random.nextInt(-1000, 1000);
            sums[i][k] += values[k];
          }
          tensors.get(r).get(i).write(values);
        }
      }
      try (AllReduce reduce = new AllReduce(backends, tensors, workers)) {
        reduce.run();
      }
      for (int r = 0; r < replicas; r++) {
        for (int i = 0; i < SIZES.length; i++) {
          assertArrayEquals(sums[i], tensors.get(r).get(i).readFloats(), "replica " + r);
        }
      }
    }
  }
}
