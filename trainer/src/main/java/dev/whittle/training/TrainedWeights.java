package dev.whittle.training;

import dev.whittle.autograd.Kernels;
import dev.whittle.autograd.Weight;
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
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// All parameters of a student: masters, gradients, moments and blocks, in the memory of one
/// device.
public final class TrainedWeights implements WeightSource, AutoCloseable {
  private final Map<String, Parameter> parameters = new LinkedHashMap<>();
  private final TensorContext context;

  /// Apart from the rest, so that they are cleared at once.
  private final TensorContext gradients;

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
    Kernels products = Kernels.of(backend);
    List<TensorInfo> tensors =
        source.file().tensors().stream()
            .filter(t -> !t.name().equals(ModelFile.ROPE_FACTORS))
            .toList();
    context = new TensorContext(9 * tensors.size());
    gradients = new TensorContext(tensors.size());
    for (TensorInfo info : tensors) {
      parameters.put(
          info.name(),
          parameter(info, types.apply(info), importance.apply(info), forward, moments, products));
    }
    bytes = context.allocate(backend) + gradients.allocate(backend);
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
      Forward forward,
      MomentType moments,
      Kernels products) {
    long inputs = info.rowLength();
    long outputs = info.rows();
    boolean matrix = outputs > 1;
    boolean embedding =
        info.name().equals(ModelFile.EMBEDDING) || info.name().equals(ModelFile.OUTPUT);
    Tensor master = context.newTensor(GgmlType.F32, inputs, outputs);
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
        (matrix ? moments : MomentType.F32).newMoments(context, inputs, outputs),
        importance);
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
    kernels.update(parameters(), group -> adam.at(step.apply(group)));
  }

  /// Takes the weights of another file of the same model. A tensor that has the parameter's type
  /// becomes its blocks as it is; the others are encoded.
  public void startFrom(ModelFile model) {
    for (Parameter p : parameters.values()) {
      writeMaster(p, model.file().data(model.file().require(p.name())), model);
    }
    encode();
    for (Parameter p : parameters.values()) {
      TensorInfo info = model.file().require(p.name());
      if (info.type() == p.type()) {
        p.blocks().write(model.file().data(info), 0);
      }
    }
    decode();
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

  /// Encodes the blocks of every parameter from its master, and makes the copies that the passes
  /// read.
  public void encode() {
    kernels.encode(parameters());
  }

  /// Makes the copies that the passes read from the blocks as they are, encoding nothing.
  public void decode() {
    kernels.decode(parameters());
  }

  /// The parameters whose blocks the device cannot encode itself, so that they go through the
  /// host's memory at every step; empty where everything stays where it is.
  public List<String> encodedElsewhere() {
    return kernels.encodedElsewhere(parameters());
  }

  @Override
  public void close() {
    kernels.close();
    gradients.close();
    context.close();
  }
}
