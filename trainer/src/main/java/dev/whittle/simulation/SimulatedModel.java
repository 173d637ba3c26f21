package dev.whittle.simulation;

import dev.whittle.ggml.BlockCodec;
import dev.whittle.ggml.FileType;
import dev.whittle.ggml.GgmlType;
import dev.whittle.gguf.GgufFile;
import dev.whittle.gguf.GgufWriter;
import dev.whittle.gguf.TensorData;
import dev.whittle.gguf.TensorInfo;
import dev.whittle.quantization.FullPrecision;
import dev.whittle.quantization.QuantizationException;
import dev.whittle.quantization.QuantizationPlan;
import dev.whittle.quantization.QuantizationPlan.Assignment;
import dev.whittle.quantization.TypeSelection;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;

/// A model file whose weights are rounded to a simulated format, and stored in F32. Its metadata
/// say so, and what it would take.
///
/// As in the papers, the matrices of the layers are rounded, and token embedding and head are not.
public final class SimulatedModel {
  /// The metadata key that names the simulation.
  public static final String KEY = "whittle.simulated.weights";

  /// What is tried where a pre-scale is searched for.
  private static final int SEARCH_STEPS = 33;

  private SimulatedModel() {}

  /// The bytes that tensors would take if the format were real.
  public static double bytes(GgufFile model, SimulatedFormat format) {
    return plan(model).tensors().stream()
        .mapToDouble(assignment ->
            isRounded(assignment)
                ? assignment.tensor().elements() * format.bitsPerWeight() / 8
                : assignment.tensor().bytes())
        .sum();
  }

  /// Writes the model.
  ///
  /// @param target the file to write, whole or not at all
  /// @throws QuantizationException if weights are quantized already, or are not finite
  /// @throws IOException if the file cannot be written
  public static void write(GgufFile model, Simulation simulation, Path target, boolean overwrite)
      throws IOException {
    String name = model.metadata().string("general.name").orElse("model");
    GgufWriter writer =
        new GgufWriter(
            model.metadata().toBuilder()
                .put("general.name", name + " (simulated " + simulation + ")")
                .putU32("general.file_type", FileType.F32.id())
                .put(KEY, simulation.toString())
                .build());
    for (Assignment assignment : plan(model).tensors()) {
      TensorInfo tensor = assignment.tensor();
      MemorySegment data = model.data(tensor);
      if (isRounded(assignment)) {
        FullPrecision.require(model, tensor);
        writer.add(
            tensor.name(),
            GgmlType.F32,
            tensor.shape(),
            channel -> {
              try (Arena arena = Arena.ofConfined()) {
                TensorData.of(rounded(tensor, data, simulation, arena)).writeTo(channel);
              }
            });
      } else {
        writer.add(tensor.name(), tensor.type(), tensor.shape(), TensorData.of(data));
      }
    }
    writer.write(target, overwrite);
  }

  /// What llama.cpp's mixes quantize is what can be.
  private static QuantizationPlan plan(GgufFile model) {
    return QuantizationPlan.of(TypeSelection.of(FileType.Q8_0), model, false);
  }

  private static boolean isRounded(Assignment assignment) {
    return !assignment.isCopy() && assignment.tensor().name().startsWith("blk.");
  }

  private static MemorySegment rounded(
      TensorInfo tensor, MemorySegment data, Simulation simulation, Arena arena) {
    MemorySegment values = arena.allocate(tensor.elements() * Float.BYTES, Float.BYTES);
    BlockCodec.of(tensor.type()).decode(data, values, tensor.elements());
    double preScale =
        simulation.isSearched()
            ? search(tensor, values, simulation.format())
            : simulation.preScale();
    float[] row = new float[Math.toIntExact(tensor.rowLength())];
    for (long r = 0; r < tensor.rows(); r++) {
      read(values, r, row);
      for (float value : row) {
        if (!Float.isFinite(value)) {
          throw new QuantizationException(
              "tensor '" + tensor.name() + "' has " + value + " in row " + r + "; it is damaged");
        }
      }
      simulation.format().round(row, preScale);
      MemorySegment.copy(
          row, 0, values, ValueLayout.JAVA_FLOAT, r * row.length * Float.BYTES, row.length);
    }
    return values;
  }

  /// The pre-scale with the least squared error.
  private static double search(TensorInfo tensor, MemorySegment values, SimulatedFormat format) {
    float[] row = new float[Math.toIntExact(tensor.rowLength())];
    double best = 1;
    double least = Double.POSITIVE_INFINITY;
    for (int step = 0; step < SEARCH_STEPS; step++) {
      double preScale = 1 - 0.5 * step / (SEARCH_STEPS - 1);
      double error = 0;
      for (long r = 0; r < tensor.rows() && error < least; r++) {
        read(values, r, row);
        float[] original = row.clone();
        format.round(row, preScale);
        for (int i = 0; i < row.length; i++) {
          error += (double) (row[i] - original[i]) * (row[i] - original[i]);
        }
      }
      if (error < least) {
        least = error;
        best = preScale;
      }
    }
    return best;
  }

  private static void read(MemorySegment values, long row, float[] into) {
    MemorySegment.copy(
        values, ValueLayout.JAVA_FLOAT, row * into.length * Float.BYTES, into, 0, into.length);
  }
}
