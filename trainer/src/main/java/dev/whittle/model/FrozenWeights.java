package dev.whittle.model;

import dev.whittle.autograd.Weight;
import dev.whittle.ggml.Backend;
import dev.whittle.ggml.Device;
import dev.whittle.ggml.Tensor;
import dev.whittle.ggml.TensorContext;
import dev.whittle.gguf.GgufException;
import dev.whittle.gguf.TensorInfo;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The weights of a model file as they are, without gradients. On a CPU the mapped file itself is
/// used, and what a layer has read is given back behind it: a large teacher takes the memory of its
/// largest layer and its head.
public final class FrozenWeights implements WeightSource, AutoCloseable {
  private final ModelFile model;
  private final boolean mapped;
  private final TensorContext context;
  private final Map<String, Tensor> tensors = new HashMap<>();

  /// @param model must stay open as long as these weights
  public FrozenWeights(Backend backend, ModelFile model) {
    this.model = model;
    context = new TensorContext(model.file().tensors().size() + 1);
    mapped = backend.device().kind() == Device.Kind.CPU && model.file().alignment() >= 32;
    for (TensorInfo info : model.file().tensors()) {
      long[] shape = info.shape().stream().mapToLong(Long::longValue).toArray();
      Tensor tensor = context.newTensor(info.type(), shape);
      if (mapped) {
        context.bind(tensor, model.file().data(info));
      }
      tensors.put(info.name(), tensor);
    }
    if (!mapped) {
      context.allocate(backend);
      for (TensorInfo info : model.file().tensors()) {
        MemorySegment data = model.file().data(info);
        tensors.get(info.name()).write(data, 0);
      }
    }
  }

  @Override
  public Weight weight(String name) {
    Tensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new GgufException(model.path() + " has no tensor '" + name + "'; convert it again");
    }
    return Weight.frozen(name, tensor);
  }

  @Override
  public void release(int layer) {
    if (mapped) {
      layer(layer).forEach(model.file()::release);
    }
  }

  private List<TensorInfo> layer(int layer) {
    String prefix = "blk." + layer + ".";
    return model.file().tensors().stream().filter(t -> t.name().startsWith(prefix)).toList();
  }

  /// The most bytes of the weights that are in memory at a time.
  public long residentBytes() {
    long all = bytes(model.file().tensors());
    if (!mapped) {
      return all;
    }
    long layers = 0;
    long largest = 0;
    for (int i = 0; i < model.config().layers(); i++) {
      long bytes = bytes(layer(i));
      layers += bytes;
      largest = Math.max(largest, bytes);
    }
    return all - layers + largest;
  }

  private static long bytes(List<TensorInfo> tensors) {
    return tensors.stream().mapToLong(TensorInfo::bytes).sum();
  }

  /// The divisors of the rotary frequencies, if the model has any.
  public @Nullable Tensor ropeFactors() {
    return tensors.get(ModelFile.ROPE_FACTORS);
  }

  @Override
  public void close() {
    context.close();
  }
}
