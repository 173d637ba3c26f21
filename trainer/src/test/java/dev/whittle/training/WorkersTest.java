package dev.whittle.training;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class WorkersTest {

  @Test
  void anInterruptedCallerStillWaitsForItsJobs() {
    AtomicInteger done = new AtomicInteger();
    Thread caller = Thread.currentThread();
    CountDownLatch interrupted = new CountDownLatch(1);
    Runnable interrupting =
        () -> {
          caller.interrupt();
          interrupted.countDown();
        };
    Runnable lasting =
        () -> {
          try {
            interrupted.await();
            Thread.sleep(50);
            done.incrementAndGet();
          } catch (InterruptedException e) {
            throw new IllegalStateException(e);
          }
        };
    try (Workers workers = new Workers(3)) {
      workers.run(List.of(lasting, interrupting, lasting));
      assertAll(() -> assertEquals(2, done.get()), () -> assertTrue(Thread.interrupted()));
      // They can be used again.
      workers.run(List.of(done::incrementAndGet));
      assertEquals(3, done.get());
    }
  }

  @Test
  void whatAJobThrewComesOutAsItIsOnceAllAreDone() {
    AtomicInteger done = new AtomicInteger();
    OutOfMemoryError error = new OutOfMemoryError("for a test");
    Runnable failing =
        () -> {
          throw error;
        };
    try (Workers workers = new Workers(1)) {
      assertEquals(
          error,
          assertThrows(
              OutOfMemoryError.class, () -> workers.run(List.of(failing, done::incrementAndGet))));
      assertEquals(1, done.get());
    }
  }
}
