package dev.whittle.training;

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
import dev.whittle.quantization.BlockEncoder;
import dev.whittle.quantization.BlockEncoders;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/// All parameters of a student: masters, gradients, moments and blocks, in host memory.
public final class TrainedWeights implements WeightSource, AutoCloseable {
  /// Elements that one job of the worker threads handles, or a few rows if they are longer.
  private static final long JOB_ELEMENTS = 1 << 16;

  private final Map<String, Parameter> parameters = new LinkedHashMap<>();
  private final TensorContext context;
  private final Workers workers;
  private final long bytes;

  /// Makes the parameters of a model, with its weights as masters and nothing encoded yet.
  ///
  /// @param backend must compute on host memory
  /// @param source the full-precision model
  /// @param types the type of each tensor in the file to be written
  /// @param importance the importance of each tensor's inputs, or null for a tensor without
  public TrainedWeights(
      Backend backend,
      ModelFile source,
      Function<TensorInfo, GgmlType> types,
      Function<TensorInfo, float @Nullable []> importance,
      Forward forward,
      Workers workers) {
    this.workers = workers;
    List<TensorInfo> tensors =
        source.file().tensors().stream()
            .filter(t -> !t.name().equals(ModelFile.ROPE_FACTORS))
            .toList();
    context = new TensorContext(8 * tensors.size());
    for (TensorInfo info : tensors) {
      parameters.put(
          info.name(), parameter(info, types.apply(info), importance.apply(info), forward));
    }
    bytes = context.allocate(backend);
    for (TensorInfo info : tensors) {
      Parameter p = parameter(info.name());
      BlockCodec.of(info.type())
          .decode(source.file().data(info), p.master().host(), info.elements());
    }
  }

  private Parameter parameter(
      TensorInfo info, GgmlType type, float @Nullable [] importance, Forward forward) {
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
        matrix ? context.newTensor(GgmlType.BF16, outputs, inputs) : null,
        context.newTensor(GgmlType.F32, inputs, outputs),
        context.newTensor(GgmlType.F32, inputs, outputs),
        context.newTensor(GgmlType.F32, inputs, outputs),
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
    parameters.values().forEach(p -> p.gradient().clear());
  }

  /// Adds the gradient at embedded tokens to the embedding's.
  ///
  /// @param ids the tokens [n]
  /// @param gradient [width, ≥ n] F32
  public void addEmbeddingGradient(int[] ids, Tensor gradient) {
    Parameter embedding = parameter(ModelFile.EMBEDDING);
    MemorySegment from = gradient.host();
    MemorySegment to = embedding.gradient().host();
    long width = embedding.inputs();
    for (int t = 0; t < ids.length; t++) {
      long source = t * width;
      long target = ids[t] * width;
      for (long i = 0; i < width; i++) {
        to.setAtIndex(
            ValueLayout.JAVA_FLOAT,
            target + i,
            to.getAtIndex(ValueLayout.JAVA_FLOAT, target + i)
                + from.getAtIndex(ValueLayout.JAVA_FLOAT, source + i));
      }
    }
  }

  /// The Euclidean norm of all gradients together.
  public double gradientNorm() {
    List<Slice> slices = slices(p -> true);
    double[] sums = new double[slices.size()];
    List<Runnable> jobs = new ArrayList<>();
    for (int i = 0; i < sums.length; i++) {
      int index = i;
      jobs.add(() -> sums[index] = slices.get(index).sumOfSquaredGradients());
    }
    workers.run(jobs);
    // Summed in a fixed order, so that the result does not depend on the threads.
    double sum = 0;
    for (double s : sums) {
      sum += s;
    }
    return Math.sqrt(sum);
  }

  /// Moves the masters by their gradients.
  ///
  /// @param step the settings for a group of parameters
  public void update(AdamW adam, Function<Parameter.Group, AdamW.Step> step) {
    workers.run(
        slices(p -> true).stream()
            .map(slice -> (Runnable) () -> slice.update(adam, step))
            .toList());
  }

  /// Takes the weights of another file of the same model. A tensor that has the parameter's type
  /// becomes its blocks as it is; the others are encoded.
  public void startFrom(ModelFile model) {
    for (Parameter p : parameters.values()) {
      TensorInfo info = model.file().require(p.name());
      BlockCodec.of(info.type())
          .decode(model.file().data(info), p.master().host(), info.elements());
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

  /// Encodes the blocks of every parameter from its master.
  public void encode() {
    workers.run(
        slices(TrainedWeights::hasCopies).stream()
            .map(slice -> (Runnable) slice::encodeAndDecode)
            .toList());
  }

  /// Makes the copies that the passes read from the blocks as they are, encoding nothing.
  public void decode() {
    workers.run(
        slices(TrainedWeights::hasCopies).stream().map(slice -> (Runnable) slice::decode).toList());
  }

  /// Whether anything is made from the master: blocks, or copies for the passes.
  private static boolean hasCopies(Parameter p) {
    return p.isEncoded() || p.transposed() != null;
  }

  private List<Slice> slices(Predicate<Parameter> filter) {
    List<Slice> slices = new ArrayList<>();
    for (Parameter p : parameters.values()) {
      if (filter.test(p)) {
        // Whole tiles, so that no two jobs write to one cache line of a transposed copy.
        long tiles = Math.max(1, JOB_ELEMENTS / p.inputs() / BFloat16.TILE);
        long step = tiles * BFloat16.TILE;
        for (long row = 0; row < p.outputs(); row += step) {
          slices.add(new Slice(p, row, Math.min(p.outputs(), row + step)));
        }
      }
    }
    return slices;
  }

  /// Some rows of a parameter: what one job works on.
  private record Slice(Parameter p, long from, long to) {
    double sumOfSquaredGradients() {
      MemorySegment gradient = rows(p.gradient());
      int count = Math.toIntExact((to - from) * p.inputs());
      double sum = 0;
      for (int i = 0; i < count; i++) {
        double g = gradient.getAtIndex(ValueLayout.JAVA_FLOAT, i);
        sum += g * g;
      }
      return sum;
    }

    void update(AdamW adam, Function<Parameter.Group, AdamW.Step> step) {
      adam.update(
          rows(p.master()),
          rows(p.gradient()),
          rows(p.firstMoment()),
          rows(p.secondMoment()),
          step.apply(p.group()));
    }

    void encodeAndDecode() {
      if (p.isEncoded()) {
        BlockEncoder encoder = BlockEncoders.forType(p.type());
        encoder.encode(rows(p.master()), rows(p.blocks()), to - from, p.inputs(), p.importance());
      }
      decode();
    }

    void decode() {
      Tensor transposed = p.transposed();
      Tensor decoded = p.decoded();
      if (transposed == null && decoded == null) {
        return;
      }
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment values = arena.allocate((to - from) * p.inputs() * Float.BYTES, Float.BYTES);
        BlockCodec.of(p.type()).decode(rows(p.blocks()), values, (to - from) * p.inputs());
        if (decoded != null) {
          BFloat16.round(values, rows(decoded), (to - from) * p.inputs());
        }
        if (transposed != null) {
          BFloat16.transpose(
              values,
              Math.toIntExact(to - from),
              Math.toIntExact(p.inputs()),
              transposed.host(),
              from,
              p.outputs());
        }
      }
    }

    private MemorySegment rows(Tensor tensor) {
      long rowBytes = tensor.type().rowBytes(p.inputs());
      return tensor.host().asSlice(from * rowBytes, (to - from) * rowBytes);
    }
  }

  @Override
  public void close() {
    context.close();
  }
}
