package dev.whittle.transform;

import dev.whittle.ggml.BlockCodec;
import dev.whittle.ggml.FileType;
import dev.whittle.ggml.GgmlType;
import dev.whittle.gguf.GgufMetadata;
import dev.whittle.gguf.GgufValue;
import dev.whittle.gguf.GgufWriter;
import dev.whittle.gguf.TensorData;
import dev.whittle.gguf.TensorInfo;
import dev.whittle.model.ModelFile;
import dev.whittle.quantization.QuantizationException;
import dev.whittle.training.Workers;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// Writes a model with folds: what they change in F32, the rest as it is. One tensor is in memory
/// at a time.
final class FoldedWriter {
  /// Rows, or columns, that a job takes.
  private static final int GROUP = 64;

  private final ModelFile model;
  private final Folds folds;
  private final Workers workers;

  FoldedWriter(ModelFile model, Folds folds, Workers workers) {
    this.model = model;
    this.folds = folds;
    this.workers = workers;
  }

  /// The tensors of the written file, in the model's order. A head of its own comes last.
  static List<TensorInfo> tensors(ModelFile model, boolean untie) {
    List<TensorInfo> tensors = new ArrayList<>(model.file().tensors());
    if (untie && model.config().tied()) {
      TensorInfo table = model.file().require(ModelFile.EMBEDDING);
      tensors.add(new TensorInfo(ModelFile.OUTPUT, table.type(), table.shape(), table.offset()));
    }
    return tensors;
  }

  /// @param transform the name of what made the folds
  /// @throws QuantizationException if a weight is not finite, or becomes so
  void write(String transform, Path target, boolean overwrite) throws IOException {
    GgufMetadata.Builder metadata = model.file().metadata().toBuilder();
    metadata.remove("general.file_type");
    metadata.put("general.file_type", new GgufValue.U32(FileType.F32.id()));
    metadata.remove("whittle.quantization.transform");
    metadata.put("whittle.quantization.transform", GgufValue.Text.of(transform));
    GgufWriter writer = new GgufWriter(metadata.build());
    for (TensorInfo tensor : tensors(model, folds.untie())) {
      WeightChange change = folds.change(model.config(), tensor.name());
      TensorInfo source = model.file().tensor(tensor.name()).orElseGet(this::embedding);
      if (change.isNone()) {
        TensorData data = TensorData.of(model.file().data(source));
        writer.add(tensor.name(), tensor.type(), tensor.shape(), data);
      } else {
        writer.add(
            tensor.name(), GgmlType.F32, tensor.shape(), folded(source, tensor.name(), change));
      }
    }
    writer.write(target, overwrite);
  }

  private TensorInfo embedding() {
    return model.file().require(ModelFile.EMBEDDING);
  }

  private TensorData folded(TensorInfo source, String name, WeightChange change) {
    return channel -> {
      try (Arena arena = Arena.ofShared()) {
        MemorySegment values = arena.allocate(source.elements() * Float.BYTES, 64);
        BlockCodec.of(source.type()).decode(model.file().data(source), values, source.elements());
        apply(change, values, source.rowLength(), source.rows());
        requireFinite(name, values, source.elements());
        TensorData.of(values).writeTo(channel);
      }
      model.file().release(source);
    };
  }

  /// Applies a change.
  ///
  /// @param values float32, [rows, rowLength]
  private void apply(WeightChange change, MemorySegment values, long rowLength, long rows) {
    if (change.divisor() != null) {
      divide(values, change.divisor());
    }
    List<Runnable> jobs = new ArrayList<>();
    if (!change.rows().isEmpty()) {
      for (long row = 0; row < rows; row += GROUP) {
        MemorySegment group =
            values.asSlice(
                row * rowLength * Float.BYTES,
                Math.min(GROUP, rows - row) * rowLength * Float.BYTES);
        jobs.add(() -> mapRows(change.rows(), group, (int) rowLength));
      }
    }
    workers.run(jobs);
    jobs.clear();
    LinearMap columns = change.columns();
    if (columns != null && rows == 1) {
      mapRows(List.of(columns), values, (int) rowLength);
    } else if (columns != null) {
      for (long column = 0; column < rowLength; column += GROUP) {
        int first = (int) column;
        int count = (int) Math.min(GROUP, rowLength - column);
        jobs.add(() -> mapColumns(columns, values, (int) rowLength, first, count));
      }
    }
    workers.run(jobs);
  }

  private static void divide(MemorySegment gain, float[] divisor) {
    for (int i = 0; i < divisor.length; i++) {
      float value = gain.getAtIndex(ValueLayout.JAVA_FLOAT, i);
      gain.setAtIndex(ValueLayout.JAVA_FLOAT, i, divisor[i] == 0 ? 1 : value / divisor[i]);
    }
  }

  private static void mapRows(List<LinearMap> maps, MemorySegment values, int rowLength) {
    float[] rows = values.toArray(ValueLayout.JAVA_FLOAT);
    for (int first = 0; first < rows.length; first += rowLength) {
      for (LinearMap map : maps) {
        map.apply(rows, first);
      }
    }
    MemorySegment.copy(rows, 0, values, ValueLayout.JAVA_FLOAT, 0, rows.length);
  }

  private static void mapColumns(
      LinearMap map, MemorySegment values, int rowLength, int first, int count) {
    int length = map.size();
    float[] columns = new float[count * length];
    for (int row = 0; row < length; row++) {
      for (int c = 0; c < count; c++) {
        columns[c * length + row] =
            values.getAtIndex(ValueLayout.JAVA_FLOAT, (long) row * rowLength + first + c);
      }
    }
    for (int c = 0; c < count; c++) {
      map.apply(columns, c * length);
    }
    for (int row = 0; row < length; row++) {
      for (int c = 0; c < count; c++) {
        values.setAtIndex(
            ValueLayout.JAVA_FLOAT, (long) row * rowLength + first + c, columns[c * length + row]);
      }
    }
  }

  private static void requireFinite(String name, MemorySegment values, long elements) {
    for (long i = 0; i < elements; i++) {
      float value = values.getAtIndex(ValueLayout.JAVA_FLOAT, i);
      if (!Float.isFinite(value)) {
        throw new QuantizationException(
            "tensor '"
                + name
                + "' has "
                + value
                + " among its values once transformed; the model is damaged, or was trained into"
                + " overflow");
      }
    }
  }
}
