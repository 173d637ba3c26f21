package dev.whittle.distillation;

import dev.whittle.ggml.Backend;
import dev.whittle.ggml.Device;
import dev.whittle.model.FrozenWeights;
import dev.whittle.model.ModelFile;
import dev.whittle.training.AvailableMemory;
import dev.whittle.training.Workers;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/// The devices that a distillation runs on, data-parallel: each has a replica of everything, and
/// computes its share of a step's micro-batches. A single device is a group of one.
public final class ReplicaGroup implements AutoCloseable {
  private final Workers workers;
  private final List<Backend> backends = new ArrayList<>();
  private final List<FrozenWeights> teachers = new ArrayList<>();

  /// Starts the devices and brings the teacher's weights to each of them.
  ///
  /// @param devices at least one
  /// @param threads of each that is the CPU
  /// @param teacher must stay open as long as this
  /// @throws dev.whittle.ggml.NativeException if a device cannot be started
  public ReplicaGroup(List<Device> devices, int threads, ModelFile teacher) {
    workers = new Workers(devices.size());
    try {
      for (Device device : devices) {
        Backend backend = Backend.on(device, threads);
        backends.add(backend);
        teachers.add(new FrozenWeights(backend, teacher));
      }
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  /// How many replicas there are.
  public int size() {
    return backends.size();
  }

  /// The backend of the first replica, which does what is not shared out.
  public Backend backend() {
    return backends.getFirst();
  }

  /// The teacher's weights on [#backend].
  public FrozenWeights teacher() {
    return teachers.getFirst();
  }

  List<Backend> backends() {
    return backends;
  }

  FrozenWeights teacher(int replica) {
    return teachers.get(replica);
  }

  /// The threads that work for the replicas, one each.
  Workers workers() {
    return workers;
  }

  /// Does a job for each replica, given by its number, all at a time, and returns when all are
  /// done.
  ///
  /// @throws RuntimeException the first one that a job threw
  void each(IntConsumer job) {
    if (size() == 1) {
      job.accept(0);
      return;
    }
    workers.run(
        IntStream.range(0, size())
            .mapToObj(replica -> (Runnable) () -> job.accept(replica))
            .toList());
  }

  /// The bytes that each replica can take: those of the device that has least.
  public long availableBytes() {
    long sharing = backends.stream().filter(Backend::isHost).count();
    return backends.stream()
        .mapToLong(b -> b.isHost() ? AvailableMemory.on(b) / sharing : AvailableMemory.on(b))
        .min()
        .orElseThrow();
  }

  @Override
  public void close() {
    teachers.forEach(FrozenWeights::close);
    backends.forEach(Backend::close);
    workers.close();
  }
}
