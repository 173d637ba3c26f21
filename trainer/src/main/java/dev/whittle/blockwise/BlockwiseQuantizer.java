package dev.whittle.blockwise;

import dev.whittle.data.TokenizedCorpus;
import dev.whittle.ggml.Backend;
import dev.whittle.gptq.CalibrationBatches;
import dev.whittle.gptq.FinishedLayers;
import dev.whittle.gptq.LayerGptq;
import dev.whittle.gptq.SolvedMatrix;
import dev.whittle.gptq.TokenSensitivity;
import dev.whittle.io.AtomicFile;
import dev.whittle.model.BatchInputs;
import dev.whittle.model.FrozenWeights;
import dev.whittle.model.ModelFile;
import dev.whittle.model.SingleLayer;
import dev.whittle.optimizer.AdamW;
import dev.whittle.optimizer.LearningRateSchedule;
import dev.whittle.quantization.PostTrainingQuantizer;
import dev.whittle.quantization.QuantizationException;
import dev.whittle.quantization.QuantizationListener;
import dev.whittle.quantization.QuantizationMethod;
import dev.whittle.quantization.QuantizationPlan;
import dev.whittle.training.Workers;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SequencedMap;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Quantizes a model by block-wise reconstruction: one GGUF file and some text in, another file
/// out.
///
/// Layer by layer, GPTQ makes the first blocks; then these are trained, through the
/// straight-through estimator, until the layer's outputs come close to those of the full-precision
/// model, although its inputs are those that the quantized layers before it give. The error of a
/// token counts as much as the model's replies suffer from it ([TokenSensitivity]). A tenth of the
/// text is held out; of all epochs, and the start, the blocks with the least error on that are
/// kept. What is written is the very blocks that were trained.
///
/// The token embedding and the head are GPTQ's. The states of the calibration text, twice, are held
/// in memory, and what training takes for one layer.
///
/// @param types which tensor becomes what; its method is [QuantizationMethod#BLOCKWISE]
public record BlockwiseQuantizer(PostTrainingQuantizer types, BlockwiseSettings settings) {
  /// One in so many micro-batches is held out.
  private static final int HELD_OUT = 10;

  private static final int WARM_UP = 10;

  /// The last step's share of the highest learning rate.
  private static final double FLOOR = 0.05;

  public BlockwiseQuantizer {
    if (types.method() != QuantizationMethod.BLOCKWISE) {
      throw new IllegalArgumentException("the method is " + types.method());
    }
  }

  /// Quantizes a model.
  ///
  /// @param calibration the text
  /// @param kept a folder where finished layers are kept, for a run that is killed; null for none
  /// @param target the file to write, whole or not at all
  /// @param overwrite whether a file that is there already may be replaced
  /// @throws QuantizationException if the model cannot be quantized as asked, there is too little
  ///   text to hold some out, or weights or inputs are not finite
  /// @throws IOException if the file cannot be written
  public QuantizationPlan quantize(
      ModelFile model,
      TokenizedCorpus calibration,
      @Nullable Path kept,
      Path target,
      boolean overwrite,
      BlockwiseListener listener)
      throws IOException {
    QuantizationPlan plan = types.plan(model.file());
    requireTrainable(plan);
    AtomicFile.checkWritable(target, overwrite);
    FinishedLayers finished =
        FinishedLayers.in(kept, model, calibration, plan, "blockwise by sensitivity " + settings);
    try (Arena arena = Arena.ofShared();
        Pass pass = new Pass(model, plan, calibration, finished, listener)) {
      return types.quantize(
          model.file(), target, overwrite, QuantizationListener.NONE, pass.run(arena));
    }
  }

  private void requireTrainable(QuantizationPlan plan) {
    for (QuantizationPlan.Assignment assignment : plan.tensors()) {
      String name = assignment.tensor().name();
      if (name.startsWith("blk.") && !settings.scales().fits(assignment.type())) {
        throw new QuantizationException(
            "tensor '"
                + name
                + "' cannot be trained as "
                + assignment.type()
                + ", whose blocks only ggml makes; use the method gptq, or another type");
      }
    }
  }

  private final class Pass implements AutoCloseable {
    private final ModelFile model;
    private final QuantizationPlan plan;
    private final FinishedLayers finished;
    private final BlockwiseListener listener;
    private final Backend backend;
    private final Workers workers;
    private final FrozenWeights frozen;
    private final CalibrationBatches states;
    private final CalibrationBatches targets;
    private final BatchInputs inputs;
    private final SingleLayer single;
    private final TokenSensitivity sensitivity;
    private final LayerGptq gptq;

    Pass(
        ModelFile model,
        QuantizationPlan plan,
        TokenizedCorpus calibration,
        FinishedLayers finished,
        BlockwiseListener listener) {
      this.model = model;
      this.plan = plan;
      this.finished = finished;
      this.listener = listener;
      backend = Backend.cpu(types.threads());
      workers = new Workers(types.threads());
      frozen = new FrozenWeights(backend, model);
      states = new CalibrationBatches(calibration, model.config().width());
      targets = new CalibrationBatches(calibration, model.config().width());
      inputs = new BatchInputs(backend, states.shape());
      single = new SingleLayer(backend, model, inputs);
      sensitivity = TokenSensitivity.of(backend, model, states, inputs);
      gptq =
          new LayerGptq(
              settings.start(),
              model,
              plan,
              inputs,
              single,
              sensitivity,
              workers,
              listener::warning);
    }

    Map<String, MemorySegment> run(Arena arena) {
      if (states.size() < 2) {
        throw new QuantizationException(
            "the calibration text has only %,d tokens, too few to hold some out; give more text"
                .formatted(states.tokens()));
      }
      Map<String, MemorySegment> encoded = new HashMap<>();
      gptq.embed(states, arena).ifPresent(made -> encoded.put(ModelFile.EMBEDDING, made.blocks()));
      targets.embed(model);
      int layers = model.config().layers();
      for (int i = 0; i < layers; i++) {
        listener.layer(i, layers);
        gptq.load(i);
        gptq.forward(targets);
        SequencedMap<String, MemorySegment> done = finished.find(i, arena).orElse(null);
        if (done == null) {
          done = new LinkedHashMap<>();
          for (Map.Entry<String, byte[]> e : reconstruct(i).entrySet()) {
            MemorySegment bytes = MemorySegment.ofArray(e.getValue());
            done.put(e.getKey(), arena.allocate(bytes.byteSize(), 64).copyFrom(bytes));
          }
          finished.keep(i, done);
        }
        done.forEach(gptq::replace);
        encoded.putAll(done);
        gptq.forward(states);
      }
      if (!model.config().tied()) {
        gptq.head(states, arena).ifPresent(made -> encoded.put(ModelFile.OUTPUT, made.blocks()));
      }
      listener.layer(layers, layers);
      return encoded;
    }

    private SequencedMap<String, byte[]> reconstruct(int number) {
      try (Arena arena = Arena.ofShared()) {
        SequencedMap<String, SolvedMatrix> solved = gptq.solve(number, states, arena);
        try (TrainedLayer layer =
            new TrainedLayer(
                settings,
                backend,
                model,
                plan,
                number,
                solved,
                frozen.ropeFactors(),
                inputs,
                workers)) {
          return train(number, layer);
        }
      }
    }

    private SequencedMap<String, byte[]> train(int number, TrainedLayer layer) {
      int heldOut = Math.max(1, states.size() / HELD_OUT);
      List<Integer> order =
          new ArrayList<>(IntStream.range(0, states.size() - heldOut).boxed().toList());
      double before = error(number, layer, states.size() - heldOut);
      double least = before;
      SequencedMap<String, byte[]> best = layer.values();
      Random random = new Random(settings.seed() + number);
      AdamW adam = AdamW.DEFAULT;
      LearningRateSchedule schedule =
          new LearningRateSchedule(1, WARM_UP, settings.epochs() * order.size(), FLOOR);
      int step = 0;
      for (int epoch = 0; epoch < settings.epochs() && layer.isTrained(); epoch++) {
        Collections.shuffle(order, random);
        for (int batch : order) {
          load(number, batch, layer);
          layer.step(adam, schedule.at(++step));
        }
        double error = error(number, layer, order.size());
        if (error < least) {
          least = error;
          best = layer.values();
        }
      }
      listener.reconstructed(new Reconstruction(number, before, least));
      return best;
    }

    private void load(int number, int batch, TrainedLayer layer) {
      states.load(batch, inputs);
      states.read(batch, layer.reconstruction().states());
      targets.read(batch, layer.reconstruction().targets());
      layer.weigh(sensitivity.behind(number, batch));
    }

    /// Over the micro-batches from one on.
    private double error(int number, TrainedLayer layer, int first) {
      double error = 0;
      double size = 0;
      for (int batch = first; batch < states.size(); batch++) {
        load(number, batch, layer);
        error += layer.reconstruction().error();
        size += layer.reconstruction().targetSize();
      }
      return error / size;
    }

    @Override
    public void close() {
      single.close();
      inputs.close();
      targets.close();
      states.close();
      frozen.close();
      workers.close();
      backend.close();
    }
  }
}
