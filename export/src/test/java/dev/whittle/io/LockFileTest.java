package dev.whittle.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LockFileTest {
  @TempDir Path folder;

  @Test
  void oneHoldsItUntilItIsGivenBack() throws Exception {
    Path file = folder.resolve(".lock");
    try (LockFile held = LockFile.take(file).orElseThrow()) {
      assertTrue(LockFile.take(file).isEmpty());
      assertTrue(Files.exists(file), held::toString);
    }
    assertFalse(Files.exists(file));
    LockFile.take(file).orElseThrow().close();
  }

  /// Each deletes the file that others may have opened by then.
  @Test
  void manyThatComeAndGoHoldItOneAtATime() throws Exception {
    Path file = folder.resolve(".lock");
    AtomicInteger holders = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    AtomicInteger taken = new AtomicInteger();
    try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
      List<Future<?>> futures = new ArrayList<>();
      for (int t = 0; t < 4; t++) {
        futures.add(
            threads.submit(() -> {
              for (int i = 0; i < 2000; i++) {
                Optional<LockFile> lock = LockFile.take(file);
                if (lock.isPresent()) {
                  most.accumulateAndGet(holders.incrementAndGet(), Math::max);
                  taken.incrementAndGet();
                  Thread.yield();
                  holders.decrementAndGet();
                  lock.get().close();
                }
              }
              return null;
            }));
      }
      for (Future<?> future : futures) {
        future.get();
      }
    }
    assertEquals(1, most.get());
    assertTrue(taken.get() > 100, "taken " + taken);
  }
}
