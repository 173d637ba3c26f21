package dev.whittle.allocation;

import dev.whittle.blocks.BlockEncoders;
import dev.whittle.blocks.Effort;
import dev.whittle.data.DataPosition;
import dev.whittle.data.PackedBatch;
import dev.whittle.data.PackedBatches;
import dev.whittle.data.TokenizedCorpus;
import dev.whittle.distillation.BatchPlan;
import dev.whittle.distillation.DistillationEngine;
import dev.whittle.distillation.LossMix;
import dev.whittle.distillation.Objective;
import dev.whittle.ggml.Backend;
import dev.whittle.ggml.BlockCodec;
import dev.whittle.ggml.GgmlType;
import dev.whittle.gguf.TensorInfo;
import dev.whittle.model.FrozenWeights;
import dev.whittle.model.ModelFile;
import dev.whittle.model.Trunk;
import dev.whittle.quantization.ImportanceMatrix;
import dev.whittle.training.Forward;
import dev.whittle.training.MomentType;
import dev.whittle.training.Parameter;
import dev.whittle.training.TrainedWeights;
import dev.whittle.training.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Measures what lowering tensors to smaller types does to a model's distributions, with the
/// trainer's own passes.
///
/// The divergence KL(model ‖ lowered model) is divided among the tensors by integrating its
/// gradient on the straight way from the model's weights w to the lowered ones q: tensor i gets ∫
/// ∇ᵢKL(w + s(q − w)) · (qᵢ − wᵢ) ds, and the shares of all add up to the divergence at q
/// (integrated gradients, Sundararajan et al. 2017; Aumann and Shapley 1974). Where the divergence
/// is quadratic, that is half the product of gradient and rounding error; where tensors make each
/// other's errors worse or better, each gets half of that. A type takes three passes over the text,
/// however many tensors there are.
public final class SensitivityMeter implements AutoCloseable {
  /// Gauss and Legendre's three points, exact for polynomials of degree five.
  private static final double[] POINTS = {0.5 - Math.sqrt(0.15), 0.5, 0.5 + Math.sqrt(0.15)};

  private static final double[] POINT_WEIGHTS = {5.0 / 18, 8.0 / 18, 5.0 / 18};

  /// Elements that one job of the worker threads handles, or a row if it is longer.
  private static final long JOB_ELEMENTS = 1 << 16;

  private final ModelFile model;
  private final ImportanceMatrix importance;
  private final Workers workers;
  private final Backend backend;
  private final FrozenWeights teacher;
  private final TrainedWeights weights;
  private final DistillationEngine engine;
  private final List<PackedBatch> text;
  private final List<PackedBatch> heldOut;

  /// Builds the passes on the CPU.
  ///
  /// @param model in full precision; must stay open as long as this
  /// @param importance which columns matter where tensors are rounded
  /// @param text what gradients are measured on
  /// @param heldOut what divergences are measured on
  /// @param completionOnly whether the tokens that the model is to produce count alone
  public SensitivityMeter(
      ModelFile model,
      ImportanceMatrix importance,
      TokenizedCorpus text,
      TokenizedCorpus heldOut,
      boolean completionOnly,
      int threads) {
    this.model = model;
    this.importance = importance;
    workers = new Workers(threads);
    backend = Backend.cpu(threads);
    teacher = new FrozenWeights(backend, model);
    // The weights themselves, as BF16: what lies between two grids lies on neither.
    weights =
        new TrainedWeights(
            backend,
            model,
            tensor -> tensor.rows() > 1 ? GgmlType.BF16 : tensor.type(),
            tensor -> null,
            Forward.DECODED,
            MomentType.Q8,
            workers);
    int tokens = BatchPlan.microBatchTokens(backend.device());
    BatchPlan plan = BatchPlan.of(tokens, Math.max(text.longest(), heldOut.longest()), tokens, 1);
    engine =
        new DistillationEngine(
            backend,
            model,
            teacher,
            null,
            weights,
            plan.shape(),
            LossMix.of(Objective.FORWARD_KL),
            0,
            completionOnly,
            Trunk.Activations.RECOMPUTED);
    this.text = batches(text, plan);
    this.heldOut = batches(heldOut, plan);
    weights.encode();
  }

  /// Every row of the corpus; what the last batch has room for beyond them is of the first ones.
  private static List<PackedBatch> batches(TokenizedCorpus corpus, BatchPlan plan) {
    PackedBatches packed = PackedBatches.inOrder(corpus, plan.shape());
    List<PackedBatch> batches = new ArrayList<>();
    while (packed.position().epoch() == DataPosition.START.epoch()) {
      batches.add(packed.next());
    }
    return batches;
  }

  /// Divides the divergence among the tensors that are lowered.
  ///
  /// @param types what each of them becomes, by name
  public Sensitivity measure(Map<String, GgmlType> types) {
    SortedMap<String, Double> shares = new TreeMap<>();
    try (Arena arena = Arena.ofShared()) {
      List<Slice> slices = lower(types, arena);
      double[] sums = new double[slices.size()];
      for (int point = 0; point < POINTS.length; point++) {
        double weight = POINT_WEIGHTS[point];
        move(slices, POINTS[point]);
        engine.run(text, engine.targets(text));
        List<Runnable> jobs = new ArrayList<>();
        for (int i = 0; i < sums.length; i++) {
          int index = i;
          jobs.add(() -> sums[index] += weight * slices.get(index).gradientTimesError());
        }
        workers.run(jobs);
      }
      for (int i = 0; i < sums.length; i++) {
        shares.merge(slices.get(i).tensor.name(), sums[i], Double::sum);
      }
      move(slices, 0);
    }
    return new Sensitivity(shares);
  }

  /// The mean of KL(model ‖ lowered model) over the held-out text, in nats a token.
  ///
  /// @param types what each lowered tensor becomes, by name
  public double divergence(Map<String, GgmlType> types) {
    try (Arena arena = Arena.ofShared()) {
      List<Slice> slices = lower(types, arena);
      move(slices, 1);
      double divergence = engine.evaluate(heldOut);
      move(slices, 0);
      return divergence;
    }
  }

  /// Encodes the tensors.
  private List<Slice> lower(Map<String, GgmlType> types, Arena arena) {
    List<Slice> slices = new ArrayList<>();
    types.forEach((name, type) -> {
      TensorInfo tensor = model.file().require(name);
      MemorySegment blocks = arena.allocate(type.rowBytes(tensor.rowLength()) * tensor.rows());
      long step = Math.max(1, JOB_ELEMENTS / tensor.rowLength());
      for (long row = 0; row < tensor.rows(); row += step) {
        long rows = Math.min(step, tensor.rows() - row);
        slices.add(new Slice(tensor, type, blocks, row, rows));
      }
    });
    workers.run(slices.stream().map(slice -> (Runnable) slice::encode).toList());
    return slices;
  }

  /// Moves the tensors to where they are at a point of the way from the model's weights, at 0, to
  /// the lowered ones, at 1.
  private void move(List<Slice> slices, double point) {
    workers.run(slices.stream().map(slice -> (Runnable) () -> slice.move((float) point)).toList());
    weights.encode();
  }

  /// Some rows of a tensor that is lowered.
  private final class Slice {
    private final TensorInfo tensor;
    private final GgmlType type;
    private final MemorySegment source;
    private final MemorySegment blocks;
    private final MemorySegment master;
    private final MemorySegment gradient;
    private final long rows;

    Slice(TensorInfo tensor, GgmlType type, MemorySegment blocks, long row, long rows) {
      this.tensor = tensor;
      this.type = type;
      this.rows = rows;
      Parameter parameter = weights.parameter(tensor.name());
      source = rows(model.file().data(tensor), tensor.type(), row);
      this.blocks = rows(blocks, type, row);
      master = rows(parameter.master().host(), GgmlType.F32, row);
      gradient = rows(parameter.gradient().host(), GgmlType.F32, row);
    }

    private MemorySegment rows(MemorySegment of, GgmlType type, long row) {
      long rowBytes = type.rowBytes(tensor.rowLength());
      return of.asSlice(row * rowBytes, rows * rowBytes);
    }

    private long elements() {
      return rows * tensor.rowLength();
    }

    void encode() {
      try (Arena arena = Arena.ofConfined()) {
        BlockEncoders.fitted(type, Effort.FAST)
            .encode(
                decoded(tensor.type(), source, arena), blocks, rows, tensor.rowLength(), columns());
      }
    }

    /// What the columns count; all the same for a token embedding, of which no importance matrix
    /// knows, in types that have to be given something.
    private float @Nullable [] columns() {
      float[] means = importance.means(tensor.name()).orElse(null);
      if (means == null && type.requiresImportance()) {
        means = new float[Math.toIntExact(tensor.rowLength())];
        Arrays.fill(means, 1);
      }
      return means;
    }

    void move(float point) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment original = decoded(tensor.type(), source, arena);
        MemorySegment lowered = decoded(type, blocks, arena);
        for (long i = 0; i < elements(); i++) {
          float from = original.getAtIndex(ValueLayout.JAVA_FLOAT, i);
          float to = lowered.getAtIndex(ValueLayout.JAVA_FLOAT, i);
          master.setAtIndex(ValueLayout.JAVA_FLOAT, i, from + point * (to - from));
        }
      }
    }

    double gradientTimesError() {
      double sum = 0;
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment original = decoded(tensor.type(), source, arena);
        MemorySegment lowered = decoded(type, blocks, arena);
        for (long i = 0; i < elements(); i++) {
          float error =
              lowered.getAtIndex(ValueLayout.JAVA_FLOAT, i)
                  - original.getAtIndex(ValueLayout.JAVA_FLOAT, i);
          sum += (double) gradient.getAtIndex(ValueLayout.JAVA_FLOAT, i) * error;
        }
      }
      return sum;
    }

    private MemorySegment decoded(GgmlType from, MemorySegment data, Arena arena) {
      MemorySegment values = arena.allocate(elements() * Float.BYTES, Float.BYTES);
      BlockCodec.of(from).decode(data, values, elements());
      return values;
    }
  }

  @Override
  public void close() {
    engine.close();
    weights.close();
    teacher.close();
    backend.close();
    workers.close();
  }
}
