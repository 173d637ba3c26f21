package dev.whittle.ggml;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class NativeHandleTest {
  @Test
  void isFreedOnceHoweverOftenItIsClosed() {
    List<Long> freed = new ArrayList<>();
    NativeHandle handle =
        NativeHandle.own("the thing", MemorySegment.ofAddress(42), p -> freed.add(p.address()));
    handle.close();
    handle.close();
    assertEquals(List.of(42L), freed);
  }

  @Test
  void refusesUseAfterClose() {
    NativeHandle handle = NativeHandle.own("the thing", MemorySegment.ofAddress(42), pointer -> {});
    handle.close();
    String message = assertThrows(IllegalStateException.class, handle::pointer).getMessage();
    assertEquals("the thing is closed", message);
  }

  @Test
  void memoryInsideEndsWithIt() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocateFrom(ValueLayout.JAVA_INT, 7);
      NativeHandle handle =
          NativeHandle.own("the thing", MemorySegment.ofAddress(42), pointer -> {});
      MemorySegment inside = handle.inside(MemorySegment.ofAddress(memory.address()), 4);
      assertEquals(7, inside.get(ValueLayout.JAVA_INT, 0));
      handle.close();
      assertThrows(IllegalStateException.class, () -> inside.get(ValueLayout.JAVA_INT, 0));
    }
  }

  @Test
  void aSamplerRefusesUseAfterClose() {
    Sampler sampler = Sampler.of(new SamplerOptions(0.8, 40, 0.95, 0.05, 1));
    sampler.reset();
    sampler.close();
    sampler.close();
    String message = assertThrows(IllegalStateException.class, sampler::reset).getMessage();
    assertTrue(message.contains("closed"), message);
  }
}
