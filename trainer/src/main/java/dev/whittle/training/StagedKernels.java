package dev.whittle.training;

import dev.whittle.ggml.Backend;
import dev.whittle.ggml.Tensor;
import dev.whittle.ggml.TensorContext;
import dev.whittle.optimizer.AdamW;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// The work on parameters in the memory of a device that has no kernels of its own for it: one
/// parameter after the other is copied to the host and back. Slow, and the same for every device.
final class StagedKernels implements ParameterKernels {
  private final HostKernels host;
  private final Backend cpu = Backend.cpu(1);

  StagedKernels(HostKernels host) {
    this.host = host;
  }

  @Override
  public double sumOfSquaredGradients(List<Parameter> parameters) {
    double sum = 0;
    for (Parameter p : parameters) {
      try (Stage stage = new Stage(p)) {
        stage.fetch(p.gradient(), stage.parameter.gradient());
        sum += host.sumOfSquaredGradients(List.of(stage.parameter));
      }
    }
    return sum;
  }

  @Override
  public void update(List<Parameter> parameters, Function<Parameter.Group, AdamW.Update> updates) {
    for (Parameter p : parameters) {
      try (Stage stage = new Stage(p)) {
        List<Tensor> moments = List.copyOf(p.moments().tensors().values());
        List<Tensor> staged = List.copyOf(stage.parameter.moments().tensors().values());
        stage.fetch(p.gradient(), stage.parameter.gradient());
        stage.fetch(p.master(), stage.parameter.master());
        for (int i = 0; i < moments.size(); i++) {
          stage.fetch(moments.get(i), staged.get(i));
        }
        host.update(List.of(stage.parameter), updates);
        stage.store(stage.parameter.master(), p.master());
        for (int i = 0; i < moments.size(); i++) {
          stage.store(staged.get(i), moments.get(i));
        }
      }
    }
  }

  @Override
  public void encode(List<Parameter> parameters) {
    for (Parameter p : parameters) {
      try (Stage stage = new Stage(p)) {
        stage.fetch(p.master(), stage.parameter.master());
        host.encode(List.of(stage.parameter));
        if (p.isEncoded()) {
          stage.store(stage.parameter.blocks(), p.blocks());
        }
        stage.storeCopies(p);
      }
    }
  }

  @Override
  public void encodeAgain(List<Parameter> parameters) {
    for (Parameter p : parameters) {
      try (Stage stage = new Stage(p)) {
        stage.fetch(p.master(), stage.parameter.master());
        if (p.isEncoded()) {
          stage.fetch(p.blocks(), stage.parameter.blocks());
        }
        host.encodeAgain(List.of(stage.parameter));
        if (p.isEncoded()) {
          stage.store(stage.parameter.blocks(), p.blocks());
        }
        stage.storeCopies(p);
      }
    }
  }

  @Override
  public void takeScales(List<Parameter> parameters) {
    for (Parameter p : ParameterKernels.withScales(parameters)) {
      try (Stage stage = new Stage(p)) {
        stage.fetch(p.blocks(), stage.parameter.blocks());
        host.takeScales(List.of(stage.parameter));
      }
    }
  }

  @Override
  public void updateScales(
      List<Parameter> parameters, Function<Parameter.Group, AdamW.Update> updates) {
    for (Parameter p : ParameterKernels.withScales(parameters)) {
      try (Stage stage = new Stage(p)) {
        stage.fetch(p.master(), stage.parameter.master());
        stage.fetch(p.gradient(), stage.parameter.gradient());
        stage.fetch(p.blocks(), stage.parameter.blocks());
        host.updateScales(List.of(stage.parameter), updates);
        stage.store(stage.parameter.gradient(), p.gradient());
      }
    }
  }

  @Override
  public void decode(List<Parameter> parameters) {
    for (Parameter p : parameters) {
      try (Stage stage = new Stage(p)) {
        stage.fetch(p.blocks(), stage.parameter.blocks());
        host.decode(List.of(stage.parameter));
        stage.storeCopies(p);
      }
    }
  }

  @Override
  public void addColumns(Tensor target, int[] ids, Tensor columns) {
    try (TensorContext context = new TensorContext(2)) {
      Tensor to = like(context, target);
      Tensor from = like(context, columns);
      context.allocate(cpu);
      target.read(to.host(), 0);
      columns.read(from.host(), 0);
      host.addColumns(to, ids, from);
      target.write(to.host(), 0);
    }
  }

  private static Tensor like(TensorContext context, Tensor tensor) {
    return context.newTensor(tensor.type(), tensor.dimension(0), tensor.dimension(1));
  }

  private static @Nullable Tensor likeOrNone(TensorContext context, @Nullable Tensor tensor) {
    return tensor == null ? null : like(context, tensor);
  }

  /// A parameter of the same shape in host memory.
  private final class Stage implements AutoCloseable {
    private final TensorContext context = new TensorContext(16);
    final Parameter parameter;

    Stage(Parameter p) {
      Tensor master = like(context, p.master());
      parameter =
          new Parameter(
              p.name(),
              p.group(),
              p.type(),
              master,
              p.isEncoded() ? like(context, p.blocks()) : master,
              likeOrNone(context, p.decoded()),
              likeOrNone(context, p.transposed()),
              like(context, p.gradient()),
              p.moments().type().newMoments(context, p.inputs(), p.outputs()),
              p.importance(),
              p.scaleMode(),
              p.scales());
      context.allocate(cpu);
    }

    void fetch(Tensor from, Tensor to) {
      from.read(to.host(), 0);
    }

    void store(Tensor from, Tensor to) {
      to.write(from.host(), 0);
    }

    void storeCopies(Parameter p) {
      if (p.decoded() != null) {
        store(parameter.decoded(), p.decoded());
      }
      if (p.transposed() != null) {
        store(parameter.transposed(), p.transposed());
      }
    }

    @Override
    public void close() {
      context.close();
    }
  }

  @Override
  public void close() {
    cpu.close();
  }
}
