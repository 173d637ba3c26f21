package dev.whittle.training;

import dev.whittle.blocks.BlockEncoder;
import dev.whittle.blocks.BlockEncoders;
import dev.whittle.blocks.BlockFormat;
import dev.whittle.blocks.Effort;
import dev.whittle.ggml.BlockCodec;
import dev.whittle.ggml.Tensor;
import dev.whittle.optimizer.AdamW;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;

/// The work on parameters in host memory, by worker threads that each take some rows at a time.
final class HostKernels implements ParameterKernels {
  /// Elements that one job of the worker threads handles, or a few rows if they are longer.
  private static final long JOB_ELEMENTS = 1 << 16;

  private final Workers workers;

  HostKernels(Workers workers) {
    this.workers = workers;
  }

  @Override
  public double sumOfSquaredGradients(List<Parameter> parameters) {
    List<Slice> slices = slices(parameters);
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
    return sum;
  }

  @Override
  public void update(List<Parameter> parameters, Function<Parameter.Group, AdamW.Update> updates) {
    workers.run(
        slices(parameters).stream()
            .map(slice -> (Runnable) () -> slice.update(updates.apply(slice.p().group())))
            .toList());
  }

  @Override
  public void encode(List<Parameter> parameters) {
    workers.run(
        slices(withCopies(parameters)).stream()
            .map(slice -> (Runnable) slice::encodeAndDecode)
            .toList());
  }

  @Override
  public void encodeAgain(List<Parameter> parameters) {
    workers.run(
        slices(withCopies(parameters)).stream()
            .map(slice -> (Runnable) slice::encodeAgainAndDecode)
            .toList());
  }

  @Override
  public void takeScales(List<Parameter> parameters) {
    workers.run(
        slices(ParameterKernels.withScales(parameters)).stream()
            .map(slice -> (Runnable) slice::takeScales)
            .toList());
  }

  @Override
  public void updateScales(
      List<Parameter> parameters, Function<Parameter.Group, AdamW.Update> updates) {
    workers.run(
        slices(ParameterKernels.withScales(parameters)).stream()
            .map(slice -> (Runnable) () -> slice.updateScales(updates.apply(slice.p().group())))
            .toList());
  }

  @Override
  public void decode(List<Parameter> parameters) {
    workers.run(
        slices(withCopies(parameters)).stream().map(slice -> (Runnable) slice::decode).toList());
  }

  @Override
  public void addColumns(Tensor target, int[] ids, Tensor columns) {
    MemorySegment from = columns.host();
    MemorySegment to = target.host();
    long width = target.dimension(0);
    for (int t = 0; t < ids.length; t++) {
      long source = t * width;
      long place = ids[t] * width;
      for (long i = 0; i < width; i++) {
        to.setAtIndex(
            ValueLayout.JAVA_FLOAT,
            place + i,
            to.getAtIndex(ValueLayout.JAVA_FLOAT, place + i)
                + from.getAtIndex(ValueLayout.JAVA_FLOAT, source + i));
      }
    }
  }

  /// The parameters of which anything is made from the master: blocks, or copies for the passes.
  private static List<Parameter> withCopies(List<Parameter> parameters) {
    return parameters.stream()
        .filter(p -> p.isEncoded() || p.decoded() != null || p.transposed() != null)
        .toList();
  }

  private static List<Slice> slices(List<Parameter> parameters) {
    List<Slice> slices = new ArrayList<>();
    for (Parameter p : parameters) {
      // Whole tiles, so that no two jobs write to one cache line of a transposed copy, and whole
      // blocks of the moments.
      long unit = p.inputs() * BFloat16.TILE % Moments.BLOCK == 0 ? BFloat16.TILE : Moments.BLOCK;
      long step = Math.max(1, JOB_ELEMENTS / p.inputs() / unit) * unit;
      for (long row = 0; row < p.outputs(); row += step) {
        slices.add(new Slice(p, row, Math.min(p.outputs(), row + step)));
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

    void update(AdamW.Update update) {
      p.moments().update(update, rows(p.master()), rows(p.gradient()), from * p.inputs());
    }

    void encodeAndDecode() {
      if (p.isEncoded()) {
        encode();
      }
      decode();
    }

    void encodeAgainAndDecode() {
      if (p.isEncoded()) {
        switch (p.scaleMode()) {
          case REFIT -> encode();
          case FROZEN ->
              BlockFormat.of(p.type())
                  .orElseThrow()
                  .round(rows(p.master()), rows(p.blocks()), to - from, p.inputs());
          case TRAINED -> scales().encode(rows(p.master()), rows(p.blocks()), from, to - from);
        }
      }
      decode();
    }

    private void encode() {
      BlockEncoder encoder = BlockEncoders.fitted(p.type(), Effort.FAST);
      encoder.encode(rows(p.master()), rows(p.blocks()), to - from, p.inputs(), p.importance());
    }

    void takeScales() {
      scales().take(rows(p.blocks()), from, to - from);
    }

    void updateScales(AdamW.Update update) {
      scales()
          .update(update, rows(p.master()), rows(p.gradient()), rows(p.blocks()), from, to - from);
    }

    private TrainedScales scales() {
      return Objects.requireNonNull(p.scales());
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
    // The worker threads belong to somebody else.
  }
}
