package dev.whittle.ggml;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentSkipListSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class KernelTest {
  private static final int THREADS = 3;

  private final Backend backend = Backend.cpu(THREADS);
  private final TensorContext leaves = new TensorContext(4);
  private final TensorContext context = new TensorContext(16);
  private final GraphAllocator allocator = new GraphAllocator(backend);
  private final Operations ops = new Operations(context);
  private final Tensor x = leaves.newTensor(GgmlType.F32, 8);

  @AfterEach
  void close() {
    allocator.close();
    context.close();
    leaves.close();
    backend.close();
  }

  private Graph graph(Tensor result) {
    leaves.allocate(backend);
    x.write(new float[] {1, 2, 3, 4, 5, 6, 7, 8});
    Graph graph = new Graph(context, "a kernel", 16).expand(result.asOutput());
    allocator.reserve(graph);
    allocator.allocate(graph);
    return graph;
  }

  /// Writes twice what `source` holds, each thread every third element.
  private static Kernel doubling(Tensor source, Set<Integer> threads) {
    return (result, thread, count) -> {
      threads.add(thread);
      MemorySegment from = source.host();
      MemorySegment to = result.host();
      for (int i = thread; i < source.elements(); i += count) {
        float value = from.getAtIndex(ValueLayout.JAVA_FLOAT, i);
        to.setAtIndex(ValueLayout.JAVA_FLOAT, i, 2 * value);
      }
    };
  }

  @Test
  void everyThreadComputesItsShareBetweenTheNodesAround() {
    Set<Integer> threads = new ConcurrentSkipListSet<>();
    Tensor before = ops.add(x, x);
    Tensor doubled =
        ops.compute(doubling(before, threads), GgmlType.F32, new long[] {8, 1, 1, 1}, before);
    Tensor after = ops.add(doubled, x);
    backend.compute(graph(after));
    assertArrayEquals(new float[] {5, 10, 15, 20, 25, 30, 35, 40}, after.readFloats());
    assertEquals(new TreeSet<>(Set.of(0, 1, 2)), threads);
  }

  @Test
  void aKernelInPlaceChangesItsTarget() {
    Tensor doubled = ops.computeInPlace(doubling(x, new ConcurrentSkipListSet<>()), x);
    backend.compute(graph(doubled));
    assertArrayEquals(new float[] {2, 4, 6, 8, 10, 12, 14, 16}, x.readFloats());
  }

  @Test
  void whatAKernelThrowsComesOutOnce() {
    boolean[] fails = {true};
    Tensor node =
        ops.compute(
            (result, thread, threads) -> {
              if (fails[0] && thread == 1) {
                throw new IllegalStateException("thread 1");
              }
            },
            GgmlType.F32,
            new long[] {8, 1, 1, 1},
            x);
    Graph graph = graph(node);
    assertEquals(
        "thread 1",
        assertThrows(IllegalStateException.class, () -> backend.compute(graph)).getMessage());
    fails[0] = false;
    backend.compute(graph);
  }

  @Test
  void tooManySourcesAreRefused() {
    Tensor[] nine = new Tensor[9];
    java.util.Arrays.fill(nine, x);
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () -> ops.compute((r, t, n) -> {}, GgmlType.F32, new long[] {8, 1, 1, 1}, nine));
    assertTrue(e.getMessage().contains("8 sources"), e.getMessage());
  }
}
