package dev.whittle.evaluation;

import dev.whittle.ggml.LlamaModel;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.IntConsumer;

/// How a job over many independent inputs is spread over processors.
///
/// The threads of one context meet at a barrier after every operation of the graph, spinning. With
/// a small model that costs more than the operations themselves, and when other programs want the
/// processors it costs a scheduler's time slice each time. So small models are run by several
/// contexts of one thread each, which never wait for each other; a large one by a single context,
/// since all of them would compete for memory bandwidth, and so is one whose layers are on a GPU.
///
/// @param count how many contexts
/// @param threads threads of each
record ContextWorkers(int count, int threads) {
  /// The most bytes of weights that are read by every worker for itself: what a large cache holds.
  private static final long SMALL_MODEL_BYTES = 64L << 20;

  /// @param threads in all
  /// @param inputs how many inputs there are: no more workers are needed
  static ContextWorkers of(LlamaModel model, int threads, int inputs) {
    return model.tensorBytes() <= SMALL_MODEL_BYTES && !model.isOffloaded()
        ? new ContextWorkers(Math.clamp(inputs, 1, threads), 1)
        : new ContextWorkers(1, threads);
  }

  /// Runs the work of every worker, and returns when all have finished.
  ///
  /// @param work is given the worker's number, from 0
  /// @throws RuntimeException what the work threw first, if it did
  void run(IntConsumer work) {
    if (count == 1) {
      work.accept(0);
      return;
    }
    try (ExecutorService pool = Executors.newFixedThreadPool(count)) {
      List<Callable<Void>> jobs = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        int worker = i;
        jobs.add(() -> {
          work.accept(worker);
          return null;
        });
      }
      for (Future<Void> done : pool.invokeAll(jobs)) {
        done.get();
      }
    } catch (ExecutionException e) {
      switch (e.getCause()) {
        case RuntimeException cause -> throw cause;
        case Error cause -> throw cause;
        default -> throw new IllegalStateException(e.getCause());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while waiting for the workers", e);
    }
  }
}
