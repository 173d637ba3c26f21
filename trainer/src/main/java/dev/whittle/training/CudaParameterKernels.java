package dev.whittle.training;

import dev.whittle.ggml.Backend;
import dev.whittle.ggml.CudaKernels;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Tensor;
import dev.whittle.ggml.TensorContext;
import dev.whittle.optimizer.AdamW;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/// The work on parameters in the memory of an NVIDIA GPU, by Whittle's own kernels there. Types
/// that they cannot encode, and scales that are trained, go through the host's memory.
final class CudaParameterKernels implements ParameterKernels {
  private final CudaKernels cuda;
  private final StagedKernels staged;
  private final TensorContext context;
  private final Map<String, Tensor> importance = new HashMap<>();

  CudaParameterKernels(
      Backend backend, CudaKernels cuda, StagedKernels staged, List<Parameter> parameters) {
    this.cuda = cuda;
    this.staged = staged;
    context = new TensorContext(parameters.size() + 1);
    for (Parameter p : parameters) {
      if (p.importance() != null) {
        importance.put(p.name(), context.newTensor(GgmlType.F32, p.inputs()));
      }
    }
    if (!importance.isEmpty()) {
      context.allocate(backend);
    }
    for (Parameter p : parameters) {
      if (p.importance() != null) {
        importance.get(p.name()).write(p.importance());
      }
    }
  }

  @Override
  public double sumOfSquaredGradients(List<Parameter> parameters) {
    double sum = 0;
    for (double s : cuda.sumsOfSquares(parameters.stream().map(Parameter::gradient).toList())) {
      sum += s;
    }
    return sum;
  }

  @Override
  public void update(List<Parameter> parameters, Function<Parameter.Group, AdamW.Update> updates) {
    List<Parameter> others = new ArrayList<>();
    for (Parameter p : parameters) {
      if (p.moments() instanceof F32Moments moments) {
        cuda.adamW(
            p.master(),
            p.gradient(),
            moments.first(),
            moments.second(),
            step(updates.apply(p.group())));
      } else {
        others.add(p);
      }
    }
    cuda.synchronize();
    staged.update(others, updates);
  }

  private static CudaKernels.AdamStep step(AdamW.Update u) {
    return new CudaKernels.AdamStep(
        u.gradientScale(),
        u.adam().beta1(),
        u.adam().beta2(),
        u.adam().epsilon(),
        u.rate(),
        u.keep(),
        u.correction());
  }

  @Override
  public void encode(List<Parameter> parameters) {
    for (Parameter p : parameters) {
      if (p.isEncoded() && cuda.encodes(p.type())) {
        encodeHere(p);
      }
    }
    decodeHere(parameters);
    staged.encode(parameters.stream().filter(p -> !cuda.encodes(p.type())).toList());
  }

  @Override
  public void encodeAgain(List<Parameter> parameters) {
    List<Parameter> here = parameters.stream().filter(this::encodesAgainHere).toList();
    for (Parameter p : here) {
      if (p.isEncoded()) {
        if (p.scaleMode() == ScaleMode.FROZEN) {
          cuda.round(p.master(), p.blocks());
        } else {
          encodeHere(p);
        }
      }
    }
    decodeHere(here);
    staged.encodeAgain(parameters.stream().filter(p -> !encodesAgainHere(p)).toList());
  }

  private void encodeHere(Parameter p) {
    cuda.encode(p.master(), importance.get(p.name()), p.blocks());
  }

  private boolean encodesAgainHere(Parameter p) {
    return cuda.encodes(p.type()) && p.scaleMode() != ScaleMode.TRAINED;
  }

  @Override
  public void takeScales(List<Parameter> parameters) {
    staged.takeScales(parameters);
  }

  @Override
  public void updateScales(
      List<Parameter> parameters, Function<Parameter.Group, AdamW.Update> updates) {
    staged.updateScales(parameters, updates);
  }

  @Override
  public void decode(List<Parameter> parameters) {
    decodeHere(parameters);
    staged.decode(parameters.stream().filter(p -> !cuda.encodes(p.type())).toList());
  }

  private void decodeHere(List<Parameter> parameters) {
    for (Parameter p : parameters) {
      if (cuda.encodes(p.type()) && (p.decoded() != null || p.transposed() != null)) {
        cuda.decode(p.blocks(), p.decoded(), p.transposed());
      }
    }
    cuda.synchronize();
  }

  @Override
  public void addColumns(Tensor target, int[] ids, Tensor columns) {
    cuda.addRows(target, columns, ids);
  }

  @Override
  public void close() {
    staged.close();
    context.close();
    cuda.close();
  }
}
