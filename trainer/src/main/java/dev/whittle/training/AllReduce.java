package dev.whittle.training;

import dev.whittle.ggml.Backend;
import dev.whittle.ggml.Tensor;
import java.util.ArrayList;
import java.util.List;

/// Sums tensors, such as gradients, over the replicas of a model and gives each of them the sum.
///
/// By recursive doubling (Thakur, Rabenseifner, Gropp: Optimization of Collective Communication
/// Operations in MPICH, 2005): in each round the replicas pair up, and both of a pair take the sum
/// of the two, of which each computes one half, so that the link between them is used both ways.
/// The order of the sums depends on the number of replicas alone, and is the same for all of them
/// but for who is first, so that every replica has the same values.
public final class AllReduce implements AutoCloseable {
  /// The halves of a tensor meet at a multiple of this: whole lines of every cache.
  private static final long ALIGNMENT = 64;

  /// [replica][tensor]
  private final List<List<Tensor>> tensors;

  private final PairSum sum;
  private final Workers workers;

  private record Pair(int first, int second) {}

  /// @param backends of the replicas
  /// @param tensors F32, [replica][tensor], each in the memory of its replica's backend and of the
  ///   shape that it has in all others
  /// @param workers as many as there are replicas
  public AllReduce(List<Backend> backends, List<List<Tensor>> tensors, Workers workers) {
    this.tensors = List.copyOf(tensors);
    this.workers = workers;
    sum = PairSum.over(backends);
  }

  /// Replaces the tensors by their sums, and returns when all are there.
  public void run() {
    int doubled = Integer.highestOneBit(tensors.size());
    // Where there is no power of two of them, some first hand theirs over.
    List<Pair> apart = new ArrayList<>();
    for (int i = 0; i + doubled < tensors.size(); i++) {
      apart.add(new Pair(i, i + doubled));
    }
    add(apart);
    for (int distance = 1; distance < doubled; distance *= 2) {
      List<Pair> round = new ArrayList<>();
      for (int i = 0; i < doubled; i++) {
        if ((i & distance) == 0) {
          round.add(new Pair(i, i + distance));
        }
      }
      add(round);
    }
    // What is added to zeros is copied.
    apart.forEach(pair -> tensors.get(pair.second()).forEach(Tensor::clear));
    add(apart);
  }

  private void add(List<Pair> round) {
    List<Runnable> jobs = new ArrayList<>();
    for (Pair pair : round) {
      jobs.add(() -> addHalf(pair.first(), pair.second(), false));
      jobs.add(() -> addHalf(pair.second(), pair.first(), true));
    }
    workers.run(jobs);
  }

  private void addHalf(int own, int peer, boolean upper) {
    for (int i = 0; i < tensors.get(own).size(); i++) {
      Tensor tensor = tensors.get(own).get(i);
      long all = tensor.elements();
      long middle = all / 2 / ALIGNMENT * ALIGNMENT;
      sum.add(own, tensor, tensors.get(peer).get(i), upper ? middle : 0, upper ? all : middle);
    }
    sum.finish(own);
  }

  @Override
  public void close() {
    sum.close();
  }
}
