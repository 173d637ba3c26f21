package dev.whittle.quantization;

import dev.whittle.blocks.BlockEncoder;
import dev.whittle.blocks.BlockEncoders;
import dev.whittle.blocks.Effort;
import dev.whittle.ggml.BlockCodec;
import dev.whittle.ggml.GgmlType;
import dev.whittle.gguf.GgufFile;
import dev.whittle.gguf.GgufMetadata;
import dev.whittle.gguf.GgufValue;
import dev.whittle.gguf.GgufWriter;
import dev.whittle.gguf.TensorData;
import dev.whittle.gguf.TensorInfo;
import dev.whittle.quantization.QuantizationListener.TensorReport;
import dev.whittle.quantization.QuantizationPlan.Assignment;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.WritableByteChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.jspecify.annotations.Nullable;

/// Rounds the weights of a model to smaller types, without training: one GGUF file in, another out.
///
/// With [QuantizationMethod#RTN] and [QuantizationMethod#IMATRIX] the result is what
/// `llama-quantize` writes for the same request, byte for byte. The bytes do not depend on the
/// number of threads.
///
/// @param selection which types are asked for
/// @param method how weights are rounded
/// @param importance which columns matter; needed by [QuantizationMethod#IMATRIX], and not taken by
///   [QuantizationMethod#RTN]
/// @param allowRequantize whether tensors that are quantized already may be rounded again, which
///   costs more than rounding once
/// @param threads how many threads encode
public record PostTrainingQuantizer(
    TypeSelection selection,
    QuantizationMethod method,
    @Nullable ImportanceMatrix importance,
    boolean allowRequantize,
    int threads) {

  /// The most encoded bytes that are held before they are written.
  private static final long SLAB_BYTES = 1L << 26;

  public PostTrainingQuantizer {
    if (threads < 1) {
      throw new IllegalArgumentException(threads + " threads; 1 or more needed");
    }
    if (method == QuantizationMethod.IMATRIX && importance == null) {
      throw new IllegalArgumentException("the method imatrix needs an importance matrix");
    }
    boolean plain = method == QuantizationMethod.RTN || method.isCalibrated();
    if (plain && importance != null) {
      throw new IllegalArgumentException("the method " + method + " takes no importance matrix");
    }
  }

  /// A quantizer that rounds to nearest, on all processors.
  public static PostTrainingQuantizer of(TypeSelection selection) {
    return new PostTrainingQuantizer(
        selection, QuantizationMethod.RTN, null, false, Runtime.getRuntime().availableProcessors());
  }

  /// This quantizer with another method, and the importance matrix that it takes.
  public PostTrainingQuantizer withMethod(
      QuantizationMethod method, @Nullable ImportanceMatrix importance) {
    return new PostTrainingQuantizer(selection, method, importance, allowRequantize, threads);
  }

  /// This quantizer, allowed to round again what is rounded already, or not.
  public PostTrainingQuantizer withRequantize(boolean allowed) {
    return new PostTrainingQuantizer(selection, method, importance, allowed, threads);
  }

  /// This quantizer with another number of threads.
  public PostTrainingQuantizer withThreads(int count) {
    return new PostTrainingQuantizer(selection, method, importance, allowRequantize, count);
  }

  /// What [#quantize] would do, checked as far as can be without reading a weight.
  ///
  /// @throws QuantizationException if the model cannot be quantized as asked
  public QuantizationPlan plan(GgufFile model) {
    requireWhole(model);
    // The Hessian of GPTQ tells the importance.
    boolean hasImportance = importance != null || method.isCalibrated();
    QuantizationPlan plan = QuantizationPlan.of(selection, model, hasImportance);
    for (Assignment assignment : plan.tensors()) {
      check(assignment, importance(assignment));
    }
    return plan;
  }

  /// The size of the file that [#quantize] would write.
  ///
  /// @throws QuantizationException if the model cannot be quantized as asked
  public long fileBytes(GgufFile model) {
    GgufWriter writer = new GgufWriter(metadata(model.metadata()));
    for (Assignment assignment : plan(model).tensors()) {
      TensorInfo tensor = assignment.tensor();
      writer.add(tensor.name(), assignment.type(), tensor.shape(), channel -> {});
    }
    return writer.fileBytes();
  }

  /// Quantizes a model.
  ///
  /// @param target the file to write, whole or not at all
  /// @param overwrite whether a file that is there already may be replaced
  /// @throws FileAlreadyExistsException if `target` exists and `overwrite` is false
  /// @throws QuantizationException if the model cannot be quantized as asked, or has weights that
  ///   are not finite
  /// @throws IOException if the file cannot be written
  public QuantizationPlan quantize(
      GgufFile model, Path target, boolean overwrite, QuantizationListener listener)
      throws IOException {
    if (method.isCalibrated()) {
      throw new IllegalStateException(
          "the method " + method + " needs blocks that are made already");
    }
    return quantize(model, target, overwrite, listener, Map.of());
  }

  /// Quantizes a model some of whose tensors are encoded already.
  ///
  /// @param target the file to write, whole or not at all
  /// @param overwrite whether a file that is there already may be replaced
  /// @param encoded the blocks of those tensors, by name, of the types of [#plan]
  /// @throws FileAlreadyExistsException if `target` exists and `overwrite` is false
  /// @throws QuantizationException if the model cannot be quantized as asked, or has weights that
  ///   are not finite
  /// @throws IOException if the file cannot be written
  public QuantizationPlan quantize(
      GgufFile model,
      Path target,
      boolean overwrite,
      QuantizationListener listener,
      Map<String, MemorySegment> encoded)
      throws IOException {
    QuantizationPlan plan = plan(model);
    GgufWriter writer = new GgufWriter(metadata(model.metadata()));
    List<Assignment> tensors = plan.tensors();
    try (ExecutorService executor = Executors.newFixedThreadPool(threads)) {
      for (int i = 0; i < tensors.size(); i++) {
        int index = i;
        Assignment assignment = tensors.get(i);
        TensorInfo tensor = assignment.tensor();
        TensorData data =
            channel -> {
              float[] columns = importance(assignment);
              MemorySegment blocks = encoded.get(tensor.name());
              double error =
                  blocks == null
                      ? write(model, assignment, columns, channel, executor)
                      : write(model, assignment, blocks, channel, executor);
              listener.quantized(
                  new TensorReport(index, tensors.size(), assignment, columns != null, error));
            };
        writer.add(tensor.name(), assignment.type(), tensor.shape(), data);
      }
      writer.write(target, overwrite);
    }
    return plan;
  }

  private double write(
      GgufFile model,
      Assignment assignment,
      float @Nullable [] columns,
      WritableByteChannel channel,
      ExecutorService executor)
      throws IOException {
    TensorInfo tensor = assignment.tensor();
    MemorySegment source = model.data(tensor);
    if (assignment.isCopy() && !isPlainFloat(tensor.type())) {
      TensorData.of(source).writeTo(channel);
      return 0;
    }
    // A copy of plain floats goes the same way, which leaves them as they are and checks them.
    TensorQuantization quantization =
        new TensorQuantization(tensor, source, encoder(assignment.type()), columns);
    long rowBytes = assignment.type().rowBytes(tensor.rowLength());
    long slab = Math.clamp(SLAB_BYTES / rowBytes, 1, tensor.rows());
    try (Arena arena = Arena.ofShared()) {
      MemorySegment encoded = arena.allocate(slab * rowBytes);
      for (long row = 0; row < tensor.rows(); row += slab) {
        long rows = Math.min(slab, tensor.rows() - row);
        quantization.encode(row, rows, encoded, executor);
        TensorData.of(encoded.asSlice(0, rows * rowBytes)).writeTo(channel);
      }
    }
    return quantization.relativeError();
  }

  private double write(
      GgufFile model,
      Assignment assignment,
      MemorySegment blocks,
      WritableByteChannel channel,
      ExecutorService executor)
      throws IOException {
    if (blocks.byteSize() != assignment.bytes()) {
      throw new IllegalArgumentException(
          assignment.tensor().name() + " has blocks of " + blocks.byteSize() + " bytes");
    }
    TensorInfo tensor = assignment.tensor();
    TensorQuantization quantization =
        new TensorQuantization(
            tensor, model.data(tensor), BlockEncoders.reference(assignment.type()), null);
    quantization.compare(blocks, executor);
    TensorData.of(blocks).writeTo(channel);
    return quantization.relativeError();
  }

  private static boolean isPlainFloat(GgmlType type) {
    return type == GgmlType.F32 || type == GgmlType.F16 || type == GgmlType.BF16;
  }

  private BlockEncoder encoder(GgmlType type) {
    return method == QuantizationMethod.FITTED
        ? BlockEncoders.fitted(type, Effort.THOROUGH)
        : BlockEncoders.reference(type);
  }

  private float @Nullable [] importance(Assignment assignment) {
    return importance == null || assignment.isCopy()
        ? null
        : importance.means(assignment.tensor()).orElse(null);
  }

  private void check(Assignment assignment, float @Nullable [] columns) {
    if (assignment.isCopy()) {
      return;
    }
    TensorInfo tensor = assignment.tensor();
    if (tensor.type().isQuantized() && !allowRequantize) {
      throw new QuantizationException(
          "tensor '"
              + tensor.name()
              + "' is quantized already, to "
              + tensor.type()
              + "; start from the full-precision model, or allow requantizing");
    }
    boolean needed = assignment.needsImportance() || assignment.type().requiresImportance();
    if (needed && columns == null && !method.isCalibrated()) {
      throw new QuantizationException(
          "tensor '"
              + tensor.name()
              + "' cannot become "
              + assignment.type()
              + " without an importance matrix that covers it; make one with 'whittle imatrix'");
    }
  }

  private static void requireWhole(GgufFile model) {
    long parts = model.metadata().integer("split.count").orElse(0);
    if (parts > 1) {
      throw new QuantizationException(
          model.path()
              + " is one of "
              + parts
              + " parts of a model; join them with 'llama-gguf-split --merge'");
    }
  }

  private GgufMetadata metadata(GgufMetadata source) {
    SequencedMap<String, GgufValue> added = new LinkedHashMap<>();
    added.put("general.quantization_version", new GgufValue.U32(BlockCodec.QUANTIZATION_VERSION));
    added.put("general.file_type", new GgufValue.U32(selection.fileType().id()));
    if (importance != null) {
      importance
          .file()
          .ifPresent(
              file -> added.put("quantize.imatrix.file", GgufValue.Text.of(file.toString())));
      importance.datasets().stream()
          .limit(1)
          .forEach(name -> added.put("quantize.imatrix.dataset", GgufValue.Text.of(name)));
      int entries = importance.tensors().size();
      added.put("quantize.imatrix.entries_count", new GgufValue.U32(entries));
      if (importance.chunkCount() > 0) {
        int chunks = importance.chunkCount();
        added.put("quantize.imatrix.chunks_count", new GgufValue.U32(chunks));
      }
    }
    if (method == QuantizationMethod.FITTED || method.isCalibrated()) {
      String name = method.name().toLowerCase(Locale.ROOT);
      added.put("whittle.quantization.method", GgufValue.Text.of(name));
    }
    GgufMetadata.Builder metadata = source.toBuilder();
    List.of("split.no", "split.count", "split.tensors.count").forEach(metadata::remove);
    // llama.cpp appends what it sets, also where the key was there before.
    added.forEach((key, value) -> metadata.remove(key).put(key, value));
    return metadata.build();
  }
}
