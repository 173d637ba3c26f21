package dev.whittle.ggml;

import dev.whittle.ffi.WhittleCuda;
import dev.whittle.ffi.whittle_cuda_loss;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// What a training step does on an NVIDIA GPU beside ggml's graphs: the kernels of
/// `native/cuda/whittle_cuda.h`, which `native/build-cuda` builds beside ggml's CUDA backend.
///
/// Work is queued and runs in order; [#synchronize] waits for it. It runs beside the work of a
/// [Backend] on the same device, so that one has to be waited for before the other reads its
/// results ([Backend#compute] does). One thread at a time uses an instance.
public final class CudaKernels implements AutoCloseable {
  private static final String LIBRARY = System.mapLibraryName("whittle-cuda");
  private static final int SLOTS = 65_536;

  private static boolean loaded;

  private final Device device;
  private final MemorySegment handle;
  private boolean open = true;

  private CudaKernels(Device device, MemorySegment handle) {
    this.device = device;
    this.handle = handle;
  }

  /// The kernels on a backend's device; none if it is not one of CUDA's, or only measures, or if
  /// the kernels were not built.
  ///
  /// @throws NativeException if they are there and cannot be used
  public static Optional<CudaKernels> on(Backend backend) {
    Device device = backend.device();
    if (backend.isMeasuring() || device.cudaIndex().isEmpty() || !loadLibrary()) {
      return Optional.empty();
    }
    int index = device.cudaIndex().getAsInt();
    MemorySegment handle = WhittleCuda.whittle_cuda_open(index);
    if (handle.address() == 0) {
      throw new NativeException(
          device + " cannot be used by Whittle's kernels; run 'whittle doctor'");
    }
    return Optional.of(new CudaKernels(device, handle));
  }

  /// Whether there are kernels for a backend's device, even if the backend only measures.
  static boolean existFor(Backend backend) {
    return backend.device().cudaIndex().isPresent() && loadLibrary();
  }

  private static synchronized boolean loadLibrary() {
    if (loaded) {
      return true;
    }
    Path plugin = NativeRuntime.load().loadAccelerators().plugin();
    if (plugin == null || !Files.exists(plugin.resolveSibling(LIBRARY))) {
      return false;
    }
    Path library = plugin.resolveSibling(LIBRARY);
    try {
      System.load(library.toString());
    } catch (UnsatisfiedLinkError e) {
      throw new NativeException(
          library + " cannot be loaded (" + e.getMessage() + "); run native/build-cuda again", e);
    }
    if (WhittleCuda.whittle_cuda_interface() != WhittleCuda.WHITTLE_CUDA_INTERFACE()) {
      throw new NativeException(library + " is of another version; run native/build-cuda again");
    }
    loaded = true;
    return true;
  }

  /// Waits until everything queued has run.
  public void synchronize() {
    check(WhittleCuda.whittle_cuda_synchronize(handle()));
  }

  /// The sums of the squares of tensors, all F32 and contiguous, added up in a fixed order.
  public double[] sumsOfSquares(Iterable<Tensor> tensors) {
    int count = 0;
    for (Tensor tensor : tensors) {
      requireFloats(tensor);
      require(count < SLOTS, "there are more than " + SLOTS + " tensors");
      check(
          WhittleCuda.whittle_cuda_sum_of_squares(
              handle(), pointer(tensor), tensor.elements(), count));
      count++;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment results = arena.allocate(ValueLayout.JAVA_DOUBLE, Math.max(1, count));
      check(WhittleCuda.whittle_cuda_results(handle(), results, count));
      return results.asSlice(0, (long) count * Double.BYTES).toArray(ValueLayout.JAVA_DOUBLE);
    }
  }

  /// What one AdamW step depends on (Loshchilov and Hutter 2019).
  ///
  /// @param gradientScale factor on the gradient
  /// @param rate the learning rate over the first moment's bias correction
  /// @param keep what remains of a weight: 1 − learning rate · decay
  /// @param inverseSecondCorrection one over the second moment's bias correction
  public record AdamStep(
      float gradientScale,
      float beta1,
      float beta2,
      float epsilon,
      float rate,
      float keep,
      float inverseSecondCorrection) {}

  /// Moves a weight and its moments; all F32 of the same size.
  public void adamW(
      Tensor weight, Tensor gradient, Tensor firstMoment, Tensor secondMoment, AdamStep step) {
    long n = weight.elements();
    for (Tensor tensor : new Tensor[] {weight, gradient, firstMoment, secondMoment}) {
      requireFloats(tensor);
      require(tensor.elements() == n, tensor + " has not the size of " + weight);
    }
    check(
        WhittleCuda.whittle_cuda_adamw(
            handle(),
            pointer(weight),
            pointer(gradient),
            pointer(firstMoment),
            pointer(secondMoment),
            n,
            step.gradientScale(),
            step.beta1(),
            step.beta2(),
            step.epsilon(),
            step.rate(),
            step.keep(),
            step.inverseSecondCorrection()));
  }

  /// Adds column k of `rows` [width, ≥ ids.length] to column ids[k] of `target` [width, n]. The
  /// additions to one column happen in the order of k.
  public void addRows(Tensor target, Tensor rows, int[] ids) {
    requireFloats(target);
    requireFloats(rows);
    require(
        target.dimension(0) == rows.dimension(0) && rows.dimension(1) >= ids.length,
        ids.length + " columns of " + rows + " cannot be added to " + target);
    ColumnGroups groups = ColumnGroups.of(ids, Math.toIntExact(target.dimension(1)));
    try (Arena arena = Arena.ofConfined()) {
      check(
          WhittleCuda.whittle_cuda_add_rows(
              handle(),
              pointer(target),
              pointer(rows),
              target.dimension(0),
              arena.allocateFrom(ValueLayout.JAVA_INT, groups.ids()),
              arena.allocateFrom(ValueLayout.JAVA_INT, groups.starts()),
              arena.allocateFrom(ValueLayout.JAVA_INT, groups.order()),
              groups.ids().length,
              groups.order().length));
      // The host's memory must stay until it is copied.
      synchronize();
    }
  }

  /// Whether blocks of a type can be encoded and decoded on the device.
  public boolean encodes(GgmlType type) {
    return WhittleCuda.whittle_cuda_encodes(type.id()) != 0;
  }

  /// Encodes `values` [inputs, outputs] F32 into `blocks` of the same shape.
  ///
  /// @param importance [inputs] F32, how much the squared error of each column counts; null for
  ///   equally
  public void encode(Tensor values, @Nullable Tensor importance, Tensor blocks) {
    requireEncodable(values, blocks);
    if (importance != null) {
      requireFloats(importance);
      require(importance.elements() == values.dimension(0), importance + " does not fit " + values);
    }
    check(
        WhittleCuda.whittle_cuda_encode(
            handle(),
            blocks.type().id(),
            pointer(values),
            importance == null ? MemorySegment.NULL : pointer(importance),
            pointer(blocks),
            values.dimension(1),
            values.dimension(0)));
  }

  /// Rounds `values` [inputs, outputs] F32 to the nearest levels of `blocks` of the same shape:
  /// their codes change, their scales stay. Types without scales are encoded.
  public void round(Tensor values, Tensor blocks) {
    requireEncodable(values, blocks);
    check(
        WhittleCuda.whittle_cuda_round(
            handle(),
            blocks.type().id(),
            pointer(values),
            pointer(blocks),
            values.dimension(1),
            values.dimension(0)));
  }

  private void requireEncodable(Tensor values, Tensor blocks) {
    requireFloats(values);
    require(
        encodes(blocks.type()) && blocks.isContiguous() && blocks.hasShapeOf(values),
        blocks + " cannot be encoded from " + values);
  }

  /// Decodes `blocks` [inputs, outputs] to BF16.
  ///
  /// @param decoded [inputs, outputs] BF16, or null
  /// @param transposed [outputs, inputs] BF16, or null
  public void decode(Tensor blocks, @Nullable Tensor decoded, @Nullable Tensor transposed) {
    require(
        encodes(blocks.type()) && blocks.isContiguous(),
        blocks + " cannot be decoded on " + device);
    if (decoded != null) {
      require(
          decoded.type() == GgmlType.BF16 && decoded.isContiguous() && decoded.hasShapeOf(blocks),
          decoded + " cannot hold what " + blocks + " decodes to");
    }
    if (transposed != null) {
      require(
          transposed.type() == GgmlType.BF16
              && transposed.isContiguous()
              && transposed.hasShape(blocks.dimension(1), blocks.dimension(0)),
          transposed + " cannot hold the transpose of " + blocks);
    }
    check(
        WhittleCuda.whittle_cuda_decode(
            handle(),
            blocks.type().id(),
            pointer(blocks),
            decoded == null ? MemorySegment.NULL : pointer(decoded),
            transposed == null ? MemorySegment.NULL : pointer(transposed),
            blocks.dimension(1),
            blocks.dimension(0)));
  }

  /// Lets what is queued from here on wait for an event of CUDA's.
  void waitFor(MemorySegment event) {
    check(WhittleCuda.whittle_cuda_wait_event(handle(), event));
  }

  /// Records an event of CUDA's behind what is queued so far.
  void record(MemorySegment event) {
    check(WhittleCuda.whittle_cuda_record_event(handle(), event));
  }

  void rmsNorm(Tensor x, Tensor weight, Tensor y, float epsilon) {
    check(
        WhittleCuda.whittle_cuda_rms_norm(
            handle(),
            pointer(x),
            pointer(weight),
            pointer(y),
            x.dimension(0),
            x.elements() / x.dimension(0),
            epsilon));
  }

  void rmsNormBack(
      Tensor gradient, Tensor x, Tensor weight, Tensor dx, Tensor weightGradient, float epsilon) {
    check(
        WhittleCuda.whittle_cuda_rms_norm_back(
            handle(),
            pointer(gradient),
            pointer(x),
            pointer(weight),
            pointer(dx),
            pointer(weightGradient),
            x.dimension(0),
            x.elements() / x.dimension(0),
            epsilon));
  }

  void rope(Tensor x, Tensor positions, Rope rope, Tensor y, float direction) {
    Tensor factors = rope.frequencyFactors();
    check(
        WhittleCuda.whittle_cuda_rope(
            handle(),
            pointer(x),
            pointer(positions),
            factors == null ? MemorySegment.NULL : pointer(factors),
            pointer(y),
            x.dimension(0),
            x.dimension(1),
            x.dimension(2),
            rope.frequencyBase(),
            rope.frequencyScale(),
            direction));
  }

  void causalSoftmax(Tensor scores, Tensor starts, Tensor y, float scale) {
    check(
        WhittleCuda.whittle_cuda_causal_softmax(
            handle(),
            pointer(scores),
            pointer(starts),
            pointer(y),
            scores.dimension(0),
            scores.dimension(2),
            scores.dimension(3),
            scale));
  }

  void swigluBack(Tensor gradient, Tensor gate, Tensor up, Tensor gradients) {
    check(
        WhittleCuda.whittle_cuda_swiglu_back(
            handle(),
            pointer(gradient),
            pointer(gate),
            pointer(up),
            pointer(gradients),
            gate.elements()));
  }

  /// The weights of a loss's terms, and the temperature τ.
  public record LossTerms(
      float forwardKl, float reverseKl, float jsd, float crossEntropy, float temperature) {
    boolean needsTeacher() {
      return forwardKl > 0 || reverseKl > 0 || jsd > 0;
    }
  }

  /// The loss of each token, unweighted, and in place of the student's logits the gradient there
  /// times the token's weight.
  ///
  /// @param student logits [vocabulary, tokens] F32
  /// @param teacher logits [vocabulary, tokens] F32; null if the loss is cross-entropy alone
  /// @param targets the tokens that follow, [tokens] I32
  /// @param weights [1, tokens] F32
  /// @param losses [1, tokens] F32
  public void lossAndGradient(
      Tensor student,
      @Nullable Tensor teacher,
      Tensor targets,
      Tensor weights,
      Tensor losses,
      LossTerms terms) {
    long tokens = student.dimension(1);
    requireFloats(student);
    requireFloats(weights);
    requireFloats(losses);
    require(
        targets.type() == GgmlType.I32
            && targets.elements() == tokens
            && weights.elements() == tokens
            && losses.elements() == tokens,
        "targets, weights and losses must be as many as the tokens of " + student);
    if (teacher != null) {
      requireFloats(teacher);
      require(teacher.hasShapeOf(student), teacher + " does not fit " + student);
    } else {
      require(!terms.needsTeacher(), "the loss needs the teacher's logits");
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment loss = whittle_cuda_loss.allocate(arena);
      whittle_cuda_loss.forward_kl(loss, terms.forwardKl());
      whittle_cuda_loss.reverse_kl(loss, terms.reverseKl());
      whittle_cuda_loss.jsd(loss, terms.jsd());
      whittle_cuda_loss.cross_entropy(loss, terms.crossEntropy());
      whittle_cuda_loss.temperature(loss, terms.temperature());
      check(
          WhittleCuda.whittle_cuda_loss_and_gradient(
              handle(),
              pointer(student),
              teacher == null ? MemorySegment.NULL : pointer(teacher),
              pointer(targets),
              pointer(weights),
              pointer(losses),
              student.dimension(0),
              tokens,
              loss));
    }
  }

  /// Lets this device read and write the memory of another one.
  ///
  /// @throws NativeException if the two are not connected so
  public void enablePeer(CudaKernels other) {
    check(WhittleCuda.whittle_cuda_enable_peer(handle(), other.device.cudaIndex().getAsInt()));
  }

  /// Replaces elements `from` to `to` of both tensors by their sum; `peer` is in the memory of a
  /// device that was enabled.
  public void shareSum(Tensor own, Tensor peer, long from, long to) {
    requireFloats(own);
    requireFloats(peer);
    require(
        own.hasShapeOf(peer) && 0 <= from && from <= to && to <= own.elements(),
        "elements " + from + " to " + to + " of " + own + " and " + peer + " cannot be added");
    if (from < to) {
      check(
          WhittleCuda.whittle_cuda_share_sum(
              handle(), pointer(own, from), pointer(peer, from), to - from));
    }
  }

  private static MemorySegment pointer(Tensor tensor) {
    return MemorySegment.ofAddress(tensor.address());
  }

  private static MemorySegment pointer(Tensor tensor, long element) {
    return MemorySegment.ofAddress(tensor.address() + element * Float.BYTES);
  }

  private MemorySegment handle() {
    if (!open) {
      throw new IllegalStateException("the kernels on " + device + " are closed");
    }
    return handle;
  }

  private void check(int error) {
    if (error != 0) {
      throw new NativeException(
          device + " failed: " + WhittleCuda.whittle_cuda_describe(error).getString(0));
    }
  }

  private static void requireFloats(Tensor tensor) {
    require(
        tensor.type() == GgmlType.F32 && tensor.isContiguous(), tensor + " must be contiguous F32");
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(message);
    }
  }

  @Override
  public void close() {
    if (open) {
      WhittleCuda.whittle_cuda_close(handle);
      open = false;
    }
  }
}
