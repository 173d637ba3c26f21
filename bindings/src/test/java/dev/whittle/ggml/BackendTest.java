package dev.whittle.ggml;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
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

  /// Waits in the comparison that C's `qsort` calls.
  private static final class Waiting {
    private final CountDownLatch begun = new CountDownLatch(1);
    private final CountDownLatch released = new CountDownLatch(1);

    int compare(MemorySegment a, MemorySegment b) throws InterruptedException {
      begun.countDown();
      released.await();
      return 0;
    }

    void sort(MemorySegment values) throws Throwable {
      Linker linker = Linker.nativeLinker();
      FunctionDescriptor comparison =
          FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.ADDRESS);
      MethodHandle compare =
          MethodHandles.lookup()
              .bind(
                  this,
                  "compare",
                  MethodType.methodType(int.class, MemorySegment.class, MemorySegment.class));
      try (Arena arena = Arena.ofConfined()) {
        linker
            .downcallHandle(
                linker.defaultLookup().findOrThrow("qsort"),
                FunctionDescriptor.ofVoid(
                    ValueLayout.ADDRESS,
                    ValueLayout.JAVA_LONG,
                    ValueLayout.JAVA_LONG,
                    ValueLayout.ADDRESS))
            .invokeExact(values, 2L, 4L, linker.upcallStub(compare, comparison, arena));
      }
    }
  }

  @Test
  void memoryThatNativeCodeWorksWithIsNotFreed() throws Exception {
    try (Backend backend = Backend.cpu(1)) {
      TensorContext context = new TensorContext(1);
      Tensor x = context.newTensor(GgmlType.F32, 2);
      context.allocate(backend);
      Waiting waiting = new Waiting();
      FutureTask<Void> sorted =
          new FutureTask<>(() -> {
            try {
              waiting.sort(x.host());
            } catch (Throwable t) {
              throw new IllegalStateException(t);
            }
            return null;
          });
      Thread.ofPlatform().start(sorted);
      waiting.begun.await();
      assertThrows(IllegalStateException.class, context::close);
      waiting.released.countDown();
      sorted.get();
      assertArrayEquals(new float[2], x.readFloats());
      context.close();
      assertThrows(IllegalStateException.class, x::readFloats);
    }
  }
}
