package dev.whittle.gptq;

import dev.whittle.blocks.BlockEncoder;
import dev.whittle.blocks.BlockEncoders;
import dev.whittle.blocks.BlockFormat;
import dev.whittle.blocks.Effort;
import dev.whittle.data.TokenizedCorpus;
import dev.whittle.ggml.Backend;
import dev.whittle.ggml.BlockCodec;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Tensor;
import dev.whittle.gguf.TensorInfo;
import dev.whittle.io.AtomicFile;
import dev.whittle.model.BatchInputs;
import dev.whittle.model.Family;
import dev.whittle.model.ModelFile;
import dev.whittle.model.SingleLayer;
import dev.whittle.quantization.PostTrainingQuantizer;
import dev.whittle.quantization.QuantizationException;
import dev.whittle.quantization.QuantizationListener;
import dev.whittle.quantization.QuantizationMethod;
import dev.whittle.quantization.QuantizationPlan;
import dev.whittle.quantization.QuantizationPlan.Assignment;
import dev.whittle.training.Workers;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Quantizes a model by GPTQ: one GGUF file and some text in, another file out.
///
/// The layers are quantized in order, and in a layer its matrices: what goes into a matrix, on the
/// calibration text, is computed with the quantized weights before it. The Hessians of one layer,
/// and the blocks of all, are held in memory.
///
/// A token embedding that serves as the head is solved as the head, with the inputs that the
/// full-precision model gives it; another one is encoded by itself. Types whose blocks are not made
/// by [BlockFormat] are encoded by ggml with the diagonal of the Hessian as importance.
///
/// @param types which tensor becomes what; its method is [QuantizationMethod#GPTQ]
public record GptqQuantizer(PostTrainingQuantizer types, GptqSettings settings) {
  public GptqQuantizer {
    if (types.method() != QuantizationMethod.GPTQ) {
      throw new IllegalArgumentException("the method is " + types.method());
    }
  }

  /// Quantizes a model.
  ///
  /// @param calibration the text
  /// @param target the file to write, whole or not at all
  /// @param overwrite whether a file that is there already may be replaced
  /// @throws QuantizationException if the model cannot be quantized as asked, or has weights or
  ///   inputs that are not finite
  /// @throws IOException if the file cannot be written
  public QuantizationPlan quantize(
      ModelFile model,
      TokenizedCorpus calibration,
      Path target,
      boolean overwrite,
      GptqListener listener)
      throws IOException {
    QuantizationPlan plan = types.plan(model.file());
    AtomicFile.checkWritable(target, overwrite);
    try (Arena arena = Arena.ofShared();
        Backend backend = Backend.cpu(types.threads());
        Workers workers = new Workers(types.threads());
        CalibrationBatches batches = new CalibrationBatches(calibration, model.config().width());
        BatchInputs inputs = new BatchInputs(backend, batches.shape());
        SingleLayer layer = new SingleLayer(backend, model, inputs)) {
      Pass pass = new Pass(model, plan, batches, inputs, layer, workers, arena, listener);
      pass.run();
      return types.quantize(
          model.file(), target, overwrite, QuantizationListener.NONE, pass.encoded);
    }
  }

  private final class Pass {
    private final ModelFile model;
    private final QuantizationPlan plan;
    private final CalibrationBatches batches;
    private final BatchInputs inputs;
    private final SingleLayer layer;
    private final Workers workers;
    private final Arena arena;
    private final GptqListener listener;
    private final GptqSolver solver;
    private final Map<String, MemorySegment> encoded = new HashMap<>();

    Pass(
        ModelFile model,
        QuantizationPlan plan,
        CalibrationBatches batches,
        BatchInputs inputs,
        SingleLayer layer,
        Workers workers,
        Arena arena,
        GptqListener listener) {
      this.model = model;
      this.plan = plan;
      this.batches = batches;
      this.inputs = inputs;
      this.layer = layer;
      this.workers = workers;
      this.arena = arena;
      this.listener = listener;
      solver = new GptqSolver(settings, workers, listener::warning);
    }

    void run() {
      int layers = model.config().layers();
      embedding();
      for (int i = 0; i < layers; i++) {
        listener.layer(i, layers);
        load(i);
        for (SingleLayer.InputProducts products : layer.products()) {
          Hessian hessian = hessian(products, "blk." + i + "." + products.matrices().getFirst());
          for (String matrix : products.matrices()) {
            quantize("blk." + i + "." + matrix, layer.weight(matrix), hessian);
          }
        }
        forward();
      }
      if (!model.config().tied()) {
        head(hessian(layer.headProducts(), ModelFile.OUTPUT));
      }
      listener.layer(layers, layers);
    }

    private void embedding() {
      TensorInfo info = model.file().require(ModelFile.EMBEDDING);
      MemorySegment table = model.file().data(info);
      batches.embed(BlockCodec.of(info.type()), table, info);
      if (model.config().tied()) {
        for (int i = 0; i < model.config().layers(); i++) {
          load(i);
          forward();
        }
        head(hessian(layer.headProducts(), ModelFile.EMBEDDING));
      } else {
        try (Arena own = Arena.ofShared()) {
          quantize(ModelFile.EMBEDDING, decoded(info, own), info.rows(), null);
        }
      }
      MemorySegment blocks = encoded.get(ModelFile.EMBEDDING);
      if (blocks != null) {
        batches.embed(BlockCodec.of(assignment(ModelFile.EMBEDDING).type()), blocks, info);
      } else {
        batches.embed(BlockCodec.of(info.type()), table, info);
      }
    }

    private void head(Hessian hessian) {
      TensorInfo info = model.file().require(model.headName());
      try (Arena own = Arena.ofShared()) {
        quantize(model.headName(), decoded(info, own), info.rows(), hessian);
      }
    }

    private MemorySegment decoded(TensorInfo info, Arena own) {
      MemorySegment values = own.allocate(info.elements() * Float.BYTES, 64);
      BlockCodec.of(info.type()).decode(model.file().data(info), values, info.elements());
      return values;
    }

    private void load(int number) {
      layer.load(number);
      for (Family.WeightSpec spec : model.family().layerWeights(model.config())) {
        for (float value : layer.weight(spec.name()).readFloats()) {
          if (!Float.isFinite(value)) {
            throw new QuantizationException(
                "tensor 'blk."
                    + number
                    + "."
                    + spec.name()
                    + "' has "
                    + value
                    + " among its values; the model is damaged, or was trained into overflow");
          }
        }
      }
    }

    private void forward() {
      for (int b = 0; b < batches.size(); b++) {
        batches.load(b, inputs, layer);
        layer.forward();
        batches.store(b, layer);
      }
    }

    private Hessian hessian(SingleLayer.InputProducts products, String name) {
      products.clear();
      for (int b = 0; b < batches.size(); b++) {
        batches.load(b, inputs, layer);
        products.add();
      }
      float[] sums = products.sums();
      return new Hessian((int) Math.sqrt(sums.length), sums, batches.tokens());
    }

    private Assignment assignment(String name) {
      return plan.assignment(name).orElseThrow();
    }

    /// Quantizes a matrix of the layer, and goes on with what it decodes to.
    private void quantize(String name, Tensor weight, Hessian hessian) {
      quantize(name, weight.host(), weight.dimension(1), hessian);
      MemorySegment blocks = encoded.get(name);
      if (blocks != null) {
        BlockCodec.of(assignment(name).type()).decode(blocks, weight.host(), weight.elements());
      }
    }

    /// @param weights float32
    /// @param hessian null if nothing is known of the inputs
    private void quantize(
        String name, MemorySegment weights, long rows, @Nullable Hessian hessian) {
      Assignment assignment = assignment(name);
      GgmlType type = assignment.type();
      if (assignment.isCopy() || !type.isQuantized()) {
        return;
      }
      long rowLength = assignment.tensor().rowLength();
      MemorySegment blocks = arena.allocate(type.rowBytes(rowLength) * rows, 64);
      BlockFormat format = BlockFormat.of(type).orElse(null);
      if (format != null && hessian != null) {
        solver.solve(name, format, weights, rows, hessian, blocks);
      } else {
        float[] importance = hessian == null ? null : hessian.importance(name);
        encode(name, type, weights, rows, rowLength, importance, blocks);
      }
      encoded.put(name, blocks);
    }

    private void encode(
        String name,
        GgmlType type,
        MemorySegment weights,
        long rows,
        long rowLength,
        float @Nullable [] importance,
        MemorySegment blocks) {
      BlockEncoder encoder = BlockEncoders.fitted(type, Effort.THOROUGH);
      List<Runnable> pieces = new ArrayList<>();
      long most = Math.max(1, (1 << 17) / rowLength);
      for (long row = 0; row < rows; row += most) {
        long first = row;
        long count = Math.min(most, rows - row);
        pieces.add(() ->
            encoder.encode(
                weights.asSlice(first * rowLength * Float.BYTES),
                blocks.asSlice(first * type.rowBytes(rowLength)),
                count,
                rowLength,
                importance));
      }
      try {
        workers.run(pieces);
      } catch (IllegalArgumentException e) {
        throw new QuantizationException(
            "tensor '" + name + "' cannot become " + type + ": " + e.getMessage(), e);
      }
    }
  }
}
