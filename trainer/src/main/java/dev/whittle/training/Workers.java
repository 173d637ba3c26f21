package dev.whittle.training;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/// Threads for work on host memory: encoding, decoding, the optimizer.
public final class Workers implements AutoCloseable {
  private final ExecutorService executor;

  public Workers(int threads) {
    executor =
        Executors.newFixedThreadPool(
            threads, Thread.ofPlatform().daemon().name("worker-", 0).factory());
  }

  /// Runs all jobs and returns when they are done, also where the caller is interrupted meanwhile:
  /// they work in memory that may be freed behind this call. Their order is not defined, so they
  /// must not depend on each other.
  ///
  /// @throws RuntimeException the first one that a job threw, or an [Error]
  public void run(List<? extends Runnable> jobs) {
    List<CompletableFuture<Void>> running = new ArrayList<>(jobs.size());
    for (Runnable job : jobs) {
      running.add(CompletableFuture.runAsync(job, executor));
    }
    Throwable failure = null;
    for (CompletableFuture<Void> done : running) {
      try {
        done.join();
      } catch (CompletionException e) {
        failure = failure == null ? e.getCause() : failure;
      }
    }
    switch (failure) {
      case null -> {}
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      default -> throw new IllegalStateException(failure);
    }
  }

  @Override
  public void close() {
    executor.shutdownNow();
  }
}
