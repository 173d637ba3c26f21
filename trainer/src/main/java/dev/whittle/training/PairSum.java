package dev.whittle.training;

import dev.whittle.ggml.Backend;
import dev.whittle.ggml.CudaKernels;
import dev.whittle.ggml.NativeException;
import dev.whittle.ggml.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/// How the replicas of an [AllReduce] add up two tensors.
sealed interface PairSum extends AutoCloseable {
  /// Replaces elements `from` to `to` of two F32 tensors by their sum, on the device of `own`. One
  /// thread at a time works for a replica.
  ///
  /// @param replica that `own` belongs to
  /// @param peer of another replica
  void add(int replica, Tensor own, Tensor peer, long from, long to);

  /// Waits until everything that was added for a replica is there.
  void finish(int replica);

  @Override
  void close();

  /// By the devices themselves where each can reach the memory of all others, else by the host.
  static PairSum over(List<Backend> backends) {
    List<CudaKernels> kernels = new ArrayList<>();
    if (backends.size() > 1) {
      backends.forEach(backend -> CudaKernels.on(backend).ifPresent(kernels::add));
    }
    if (kernels.size() == backends.size() && areConnected(kernels)) {
      return new OnDevices(kernels);
    }
    kernels.forEach(CudaKernels::close);
    return new OnHost();
  }

  private static boolean areConnected(List<CudaKernels> kernels) {
    try {
      for (CudaKernels own : kernels) {
        for (CudaKernels peer : kernels) {
          if (own != peer) {
            own.enablePeer(peer);
          }
        }
      }
      return true;
    } catch (NativeException _) {
      return false;
    }
  }

  /// NVIDIA GPUs that read and write each other's memory.
  record OnDevices(List<CudaKernels> kernels) implements PairSum {
    @Override
    public void add(int replica, Tensor own, Tensor peer, long from, long to) {
      kernels.get(replica).shareSum(own, peer, from, to);
    }

    @Override
    public void finish(int replica) {
      kernels.get(replica).synchronize();
    }

    @Override
    public void close() {
      kernels.forEach(CudaKernels::close);
    }
  }

  /// Any devices, by copies in the host's memory.
  record OnHost() implements PairSum {
    private static final int PIECE = 1 << 16;

    @Override
    public void add(int replica, Tensor own, Tensor peer, long from, long to) {
      float[] sum = new float[(int) Math.min(PIECE, to - from)];
      float[] other = new float[sum.length];
      for (long at = from; at < to; at += PIECE) {
        int count = (int) Math.min(PIECE, to - at);
        MemorySegment sums = MemorySegment.ofArray(sum).asSlice(0, (long) count * Float.BYTES);
        MemorySegment others = MemorySegment.ofArray(other).asSlice(0, sums.byteSize());
        own.read(sums, at * Float.BYTES);
        peer.read(others, at * Float.BYTES);
        for (int i = 0; i < count; i++) {
          sum[i] += other[i];
        }
        own.write(sums, at * Float.BYTES);
        peer.write(sums, at * Float.BYTES);
      }
    }

    @Override
    public void finish(int replica) {
      // Each sum is there when add returns.
    }

    @Override
    public void close() {
      // Nothing is kept.
    }
  }
}
