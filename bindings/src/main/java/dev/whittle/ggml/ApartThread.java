package dev.whittle.ggml;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

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

  /// Runs the work there, and waits for it, also where the caller is interrupted meanwhile: a graph
  /// cannot be stopped, and its memory must not be freed under it.
  ///
  /// @throws RuntimeException what the work threw
  void run(Runnable work) {
    try {
      CompletableFuture.runAsync(work, executor).join();
    } catch (CompletionException e) {
      switch (e.getCause()) {
        case RuntimeException cause -> throw cause;
        case Error cause -> throw cause;
        default -> throw e;
      }
    }
  }

  @Override
  public void close() {
    executor.shutdown();
  }
}
