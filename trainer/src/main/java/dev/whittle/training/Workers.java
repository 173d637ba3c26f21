package dev.whittle.training;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/// Threads for work on host memory: encoding, decoding, the optimizer.
public final class Workers implements AutoCloseable {
  private final int threads;
  private final ExecutorService executor;

  public Workers(int threads) {
    this.threads = threads;
    executor =
        Executors.newFixedThreadPool(
            threads, Thread.ofPlatform().daemon().name("worker-", 0).factory());
  }

  public int threads() {
    return threads;
  }

  /// Runs all jobs and returns when they are done. Their order is not defined, so they must not
  /// depend on each other.
  ///
  /// @throws RuntimeException the first one that a job threw
  public void run(List<? extends Runnable> jobs) {
    List<Future<?>> running = new ArrayList<>(jobs.size());
    for (Runnable job : jobs) {
      running.add(executor.submit(job));
    }
    RuntimeException failure = null;
    for (Future<?> future : running) {
      try {
        future.get();
      } catch (ExecutionException e) {
        if (failure == null) {
          failure =
              e.getCause() instanceof RuntimeException r
                  ? r
                  : new IllegalStateException(e.getCause());
        }
      } catch (InterruptedException e) {
        executor.shutdownNow();
        Thread.currentThread().interrupt();
        throw new IllegalStateException("interrupted", e);
      }
    }
    if (failure != null) {
      throw failure;
    }
  }

  @Override
  public void close() {
    executor.shutdownNow();
  }
}
