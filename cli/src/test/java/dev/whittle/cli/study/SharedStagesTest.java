package dev.whittle.cli.study;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.cli.recipe.StageRecord;
import dev.whittle.cli.recipe.StageStore;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class SharedStagesTest {
  private static StageStore.Finished finished(String hash) {
    return new StageStore.Finished(
        new StageRecord(
            "import", "import", hash, Map.of(), Map.of(), List.of(), List.of(), null, 0, Map.of()),
        null);
  }

  @Test
  void of_many_at_once_one_does_the_work() throws Exception {
    SharedStages shared = new SharedStages();
    AtomicInteger made = new AtomicInteger();
    CountDownLatch begun = new CountDownLatch(8);
    List<Callable<Boolean>> jobs = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      String hash = i % 2 == 0 ? "even" : "odd";
      jobs.add(() -> {
        begun.countDown();
        try (StageStore.Claim claim = shared.claim(hash)) {
          if (claim.finished().isEmpty()) {
            made.incrementAndGet();
            // All of them want one of the two by then.
            begun.await();
            claim.publish(finished(hash));
          }
          return claim.finished().orElseThrow().record().hash().equals(hash);
        }
      });
    }
    try (ExecutorService pool = Executors.newFixedThreadPool(8)) {
      for (Future<Boolean> job : pool.invokeAll(jobs)) {
        assertTrue(job.get());
      }
    }
    assertEquals(2, made.get());
  }

  /// Where one fails, the next one tries.
  @Test
  void what_was_not_published_is_not_there() {
    SharedStages shared = new SharedStages();
    shared.claim("a").close();
    try (StageStore.Claim claim = shared.claim("a")) {
      assertTrue(claim.finished().isEmpty());
    }
  }
}
