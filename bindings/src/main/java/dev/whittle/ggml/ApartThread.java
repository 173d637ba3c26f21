package dev.whittle.ggml;

import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/// A thread for the graphs that other libraries than ggml compute parts of.
///
/// A processor's AMX tiles have one configuration a thread. ggml sets it when a thread first
/// multiplies with them and takes it for granted from then on, while oneDNN gives the tiles back
/// after each product of its own: a thread that did the one, then the other, and then the first
/// again would be ended by an illegal instruction. So what llama.cpp runs on the caller's thread
/// and what oneDNN takes part in never share one.
final class ApartThread implements AutoCloseable {
  private final ExecutorService executor =
      Executors.newSingleThreadExecutor(Thread.ofPlatform().daemon().name("graphs").factory());

  /// Runs the work there, and waits for it.
  ///
  /// @throws RuntimeException what the work threw
  void run(Runnable work) {
    Future<?> result = executor.submit(work);
    boolean interrupted = false;
    try {
      while (true) {
        try {
          result.get();
          return;
        } catch (InterruptedException _) {
          // The graph cannot be stopped, and its memory must not be freed under it.
          interrupted = true;
        } catch (ExecutionException e) {
          switch (e.getCause()) {
            case RuntimeException cause -> throw cause;
            case Error cause -> throw cause;
            default -> throw new IllegalStateException(e.getCause());
          }
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  @Override
  public void close() {
    executor.shutdown();
  }
}
