package dev.whittle.training;

import dev.whittle.autograd.Kernels;
import dev.whittle.autograd.Weight;
import dev.whittle.blocks.BlockFormat;
import dev.whittle.ggml.Backend;
import dev.whittle.ggml.BlockCodec;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Tensor;
import dev.whittle.ggml.TensorContext;
import dev.whittle.gguf.TensorInfo;
import dev.whittle.model.ModelFile;
import dev.whittle.model.WeightSource;
import dev.whittle.optimizer.AdamW;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/// All parameters of a student: masters, gradients, moments and blocks, in the memory of one
/// device.
public final class TrainedWeights implements WeightSource, AutoCloseable {
  private final Map<String, Parameter> parameters = new LinkedHashMap<>();
  private final TensorContext context;

  /// Apart from the rest, so that they are cleared at once.
  private final TensorContext gradients;

  /// On the host, wherever the rest is.
  private final TensorContext scales;

  private final @Nullable Backend scalesBackend;
  private final @Nullable StartingPoint start;
  private final @Nullable WeightAverage average;
  private final ParameterKernels kernels;
  private final long bytes;

  /// Makes the parameters of a model, with its weights as masters and nothing encoded yet.
  ///
  /// @param backend in whose memory they are kept, or which only measures
  /// @param source the full-precision model
  /// @param types the type of each tensor in the file to be written
  /// @param importance the importance of each tensor's inputs, or null for a tensor without
  /// @param forward what the student's products use
  /// @param moments how those of matrices and embeddings are stored
  public TrainedWeights(
      Backend backend,
      ModelFile source,
      Function<TensorInfo, GgmlType> types,
      Function<TensorInfo, float @Nullable []> importance,
      Forward forward,
      MomentType moments,
      Workers workers) {
    this(backend, source, types, importance, WeightSettings.of(forward, moments), workers);
  }

  /// Makes the parameters of a model, with its weights as masters and nothing encoded yet.
  ///
  /// @param backend in whose memory they are kept, or which only measures
  /// @param source the full-precision model
  /// @param types the type of each tensor in the file to be written
  /// @param importance the importance of each tensor's inputs, or null for a tensor without
  public TrainedWeights(
      Backend backend,
      ModelFile source,
      Function<TensorInfo, GgmlType> types,
      Function<TensorInfo, float @Nullable []> importance,
      WeightSettings settings,
      Workers workers) {
    this(
        backend,
        source,
        tensor -> !tensor.name().equals(ModelFile.ROPE_FACTORS),
        types,
        importance,
        settings,
        workers);
  }

  /// Makes the parameters of a part of a model, with its weights as masters and nothing encoded
  /// yet.
  ///
  /// @param part which of the model's tensors are trained
  public TrainedWeights(
      Backend backend,
      ModelFile source,
      Predicate<TensorInfo> part,
      Function<TensorInfo, GgmlType> types,
      Function<TensorInfo, float @Nullable []> importance,
      WeightSettings settings,
      Workers workers) {
    Kernels products = Kernels.of(backend);
    List<TensorInfo> tensors = source.file().tensors().stream().filter(part).toList();
    context = new TensorContext(9 * tensors.size());
    gradients = new TensorContext(tensors.size());
    scales = new TensorContext(6 * tensors.size());
    for (TensorInfo info : tensors) {
      parameters.put(
          info.name(),
          parameter(info, types.apply(info), importance.apply(info), settings, products));
    }
    boolean trainsScales = parameters.values().stream().anyMatch(p -> p.scales() != null);
    scalesBackend =
        trainsScales && !backend.isHost() && !backend.isMeasuring() ? Backend.cpu(1) : null;
    bytes =
        context.allocate(backend)
            + gradients.allocate(backend)
            + (trainsScales ? scales.allocate(scalesBackend == null ? backend : scalesBackend) : 0);
    start =
        settings.decayTarget() == DecayTarget.START
            ? new StartingPoint(
                backend,
                parameters.values().stream()
                    .filter(p -> p.group() != Parameter.Group.VECTOR)
                    .toList())
            : null;
    average =
        settings.averageDecay() > 0
            ? new WeightAverage(backend, parameters(), settings.averageDecay())
            : null;
    if (backend.isMeasuring()) {
      kernels = new HostKernels(workers);
      return;
    }
    for (TensorInfo info : tensors) {
      writeMaster(parameter(info.name()), source.file().data(info), source);
      source.file().release(info);
    }
    kernels = ParameterKernels.on(backend, workers, parameters());
  }

  private Parameter parameter(
      TensorInfo info,
      GgmlType type,
      float @Nullable [] importance,
      WeightSettings settings,
      Kernels products) {
    long inputs = info.rowLength();
    long outputs = info.rows();
    boolean matrix = outputs > 1;
    boolean embedding =
        info.name().equals(ModelFile.EMBEDDING) || info.name().equals(ModelFile.OUTPUT);
    Tensor master = context.newTensor(GgmlType.F32, inputs, outputs);
    Forward forward = settings.forward();
    ScaleMode scaleMode = type.isQuantized() ? settings.scales() : ScaleMode.REFIT;
    if (!scaleMode.fits(type)) {
      throw new IllegalArgumentException(
          "the scales of '" + info.name() + "' in " + type + " can only be fitted");
    }
    return new Parameter(
        info.name(),
        !matrix
            ? Parameter.Group.VECTOR
            : embedding ? Parameter.Group.EMBEDDING : Parameter.Group.MATRIX,
        type,
        master,
        type == GgmlType.F32 ? master : context.newTensor(type, inputs, outputs),
        forward.decodes(type) ? context.newTensor(GgmlType.BF16, inputs, outputs) : null,
        matrix && products.needTransposed(forward.decodes(type) ? GgmlType.BF16 : type)
            ? context.newTensor(GgmlType.BF16, outputs, inputs)
            : null,
        gradients.newTensor(GgmlType.F32, inputs, outputs),
        (matrix ? settings.moments() : MomentType.F32).newMoments(context, inputs, outputs),
        importance,
        scaleMode,
        scaleMode == ScaleMode.TRAINED
            ? new TrainedScales(scales, BlockFormat.of(type).orElseThrow(), inputs, outputs)
            : null);
  }

  /// Every parameter, in the order of the model file.
  public List<Parameter> parameters() {
    return List.copyOf(parameters.values());
  }

  /// @throws IllegalArgumentException if there is no such parameter
  public Parameter parameter(String name) {
    Parameter parameter = parameters.get(name);
    if (parameter == null) {
      throw new IllegalArgumentException("the model has no tensor '" + name + "'");
    }
    return parameter;
  }

  /// The parameter with this name, if it is trained.
  public Optional<Parameter> find(String name) {
    return Optional.ofNullable(parameters.get(name));
  }

  @Override
  public Weight weight(String name) {
    return parameter(name).weight();
  }

  /// The bytes of everything that is kept for the parameters.
  public long bytes() {
    return bytes;
  }

  /// The bytes of scales that are trained, with their moments, and of the weights that training
  /// starts from and of their average, where they are kept.
  public long extraBytes() {
    long bytes = (start == null ? 0 : start.bytes()) + (average == null ? 0 : average.bytes());
    for (Parameter p : parameters.values()) {
      bytes += p.scales() == null ? 0 : p.scales().bytes();
    }
    return bytes;
  }

  public void clearGradients() {
    gradients.clear();
  }

  /// Adds the gradient at embedded tokens to the embedding's.
  ///
  /// @param ids the tokens [n]
  /// @param gradient [width, ≥ n] F32
  public void addEmbeddingGradient(int[] ids, Tensor gradient) {
    kernels.addColumns(parameter(ModelFile.EMBEDDING).gradient(), ids, gradient);
  }

  /// The Euclidean norm of all gradients together.
  public double gradientNorm() {
    return Math.sqrt(kernels.sumOfSquaredGradients(parameters()));
  }

  /// Moves the masters by their gradients.
  ///
  /// @param step the settings for a group of parameters
  public void update(AdamW adam, Function<Parameter.Group, AdamW.Step> step) {
    Function<Parameter.Group, AdamW.Update> updates = group -> adam.at(step.apply(group));
    kernels.updateScales(parameters(), updates);
    kernels.update(parameters(), updates);
    if (start != null) {
      AdamW.Step matrices = step.apply(Parameter.Group.MATRIX);
      start.add(matrices.learningRate() * matrices.weightDecay());
    }
    if (average != null) {
      average.add(step.apply(Parameter.Group.MATRIX).number());
    }
  }

  /// Exchanges the masters and their average over the steps, and encodes the blocks again; does
  /// nothing where no average is kept. Done twice, everything is as before.
  public void swapAverage() {
    if (average != null) {
      average.swap();
      encodeAgain();
    }
  }

  /// Where the average of a parameter's master is kept, [inputs, outputs] F32, if it is.
  Optional<Tensor> average(Parameter p) {
    return Optional.ofNullable(average).map(means -> means.mean(p));
  }

  /// Takes the weights of another file of the same model. A tensor that has the parameter's type
  /// becomes its blocks as it is; the others are encoded.
  ///
  /// Masters become what the file decodes to. Where the scales of blocks are not fitted to them at
  /// each step, masters of a tensor that becomes blocks as it is rather stay the weights they were
  /// made of, as far as those are rounded to the same levels: how near to a border a weight lies is
  /// what a file does not tell.
  public void startFrom(ModelFile model) {
    Map<Parameter, MemorySegment> kept = new LinkedHashMap<>();
    for (Parameter p : parameters.values()) {
      TensorInfo info = model.file().require(p.name());
      MemorySegment data = model.file().data(info);
      if (info.type() == p.type() && p.isEncoded()) {
        kept.put(p, data);
      }
      if (!kept.containsKey(p) || p.scaleMode() == ScaleMode.REFIT || !confineMaster(p, data)) {
        writeMaster(p, data, model);
      }
    }
    encode();
    kept.forEach((p, data) -> p.blocks().write(data, 0));
    kernels.takeScales(parameters());
    decode();
  }

  /// Moves a master no further than it takes to be rounded to the levels of blocks.
  ///
  /// @return false, and nothing is done, if the blocks are not those of about the same weights, but
  ///   of ones that were scaled or rotated before they were quantized
  private static boolean confineMaster(Parameter p, MemorySegment blocks) {
    try (Arena arena = Arena.ofConfined()) {
      long bytes = p.elements() * Float.BYTES;
      MemorySegment decoded = arena.allocate(bytes, Float.BYTES);
      BlockCodec.of(p.type()).decode(blocks, decoded, p.elements());
      MemorySegment master = arena.allocate(bytes, Float.BYTES);
      p.master().read(master, 0);
      double size = 0;
      double error = 0;
      for (long i = 0; i < p.elements(); i++) {
        double w = master.getAtIndex(ValueLayout.JAVA_FLOAT, i);
        double e = decoded.getAtIndex(ValueLayout.JAVA_FLOAT, i) - w;
        size += w * w;
        error += e * e;
      }
      if (error > 0.5 * size) {
        return false;
      }
      BlockFormat.of(p.type()).orElseThrow().confine(master, blocks, p.outputs(), p.inputs());
      p.master().write(master, 0);
      return true;
    }
  }

  private static void writeMaster(Parameter p, MemorySegment data, ModelFile model) {
    BlockCodec codec = BlockCodec.of(model.file().require(p.name()).type());
    if (p.master().isHost()) {
      codec.decode(data, p.master().host(), p.elements());
      return;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment values = arena.allocate(p.elements() * Float.BYTES, Float.BYTES);
      codec.decode(data, values, p.elements());
      p.master().write(values, 0);
    }
  }

  /// Encodes the blocks of every parameter from its master, with scales fitted to it, and makes the
  /// copies that the passes read. Training starts from these masters.
  public void encode() {
    kernels.encode(parameters());
    kernels.takeScales(parameters());
    if (start != null) {
      start.set();
    }
  }

  /// Takes the blocks as somebody has written them: their scales, and the copies that the passes
  /// read.
  public void takeBlocks() {
    kernels.takeScales(parameters());
    decode();
  }

  /// Encodes the blocks after masters have moved, with scales as [ScaleMode] says, and makes the
  /// copies that the passes read.
  public void encodeAgain() {
    kernels.encodeAgain(parameters());
  }

  /// Makes the copies that the passes read from the blocks as they are, encoding nothing.
  public void decode() {
    kernels.decode(parameters());
  }

  @Override
  public void close() {
    kernels.close();
    if (start != null) {
      start.close();
    }
    if (average != null) {
      average.close();
    }
    gradients.close();
    scales.close();
    if (scalesBackend != null) {
      scalesBackend.close();
    }
    context.close();
  }
}
