package dev.whittle.training;

import dev.whittle.ggml.BlockCodec;
import dev.whittle.ggml.FileType;
import dev.whittle.ggml.GgmlType;
import dev.whittle.gguf.GgufArray;
import dev.whittle.gguf.GgufException;
import dev.whittle.gguf.GgufFile;
import dev.whittle.gguf.GgufMetadata;
import dev.whittle.gguf.GgufWriter;
import dev.whittle.gguf.TensorData;
import dev.whittle.gguf.TensorInfo;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/// The GGUF file that training ends with: the parameters' blocks as they are, and a checksum of
/// each tensor in the metadata. No quantizer runs on the way.
public final class TrainedModelFile {
  /// CRC-16 of each tensor, in the order of the file. It finds every change within two neighbouring
  /// bytes, and takes so little room that a trained file is no larger than one that
  /// `llama-quantize` writes.
  static final String CHECKSUMS = "whittle.crc16";

  /// One line on how the file came about.
  static final String ORIGIN = "whittle.origin";

  private TrainedModelFile() {}

  /// Writes the model.
  ///
  /// @param source the full-precision model, for metadata, order, and tensors that are not trained
  /// @param origin one line on how the file came about: settings and digests of what went in
  /// @throws IOException if it cannot be written; the target is then as it was
  public static void write(
      Path target,
      boolean overwrite,
      GgufFile source,
      TrainedWeights weights,
      FileType type,
      String origin)
      throws IOException {
    List<TensorInfo> tensors = source.tensors();
    int[] checksums =
        tensors.stream().mapToInt(tensor -> checksum(source, weights, tensor)).toArray();
    GgufWriter writer = new GgufWriter(metadata(source, type, origin, checksums));
    for (TensorInfo tensor : tensors) {
      Optional<Parameter> trained = weights.find(tensor.name());
      writer.add(
          tensor.name(),
          trained.map(Parameter::type).orElse(tensor.type()),
          tensor.shape(),
          trained
              .map(p -> HostCopies.data(p.blocks()))
              .orElseGet(() -> TensorData.of(source.data(tensor))));
    }
    writer.write(target, overwrite);
  }

  /// The size of the file that [#write] would make.
  ///
  /// @param types the type of each tensor
  public static long bytes(
      GgufFile source, Function<TensorInfo, GgmlType> types, FileType type, String origin) {
    List<TensorInfo> tensors = source.tensors();
    GgufWriter writer = new GgufWriter(metadata(source, type, origin, new int[tensors.size()]));
    for (TensorInfo tensor : tensors) {
      writer.add(tensor.name(), types.apply(tensor), tensor.shape(), channel -> {});
    }
    return writer.fileBytes();
  }

  private static GgufMetadata metadata(
      GgufFile source, FileType type, String origin, int[] checksums) {
    return source.metadata().toBuilder()
        .putU32("general.quantization_version", BlockCodec.QUANTIZATION_VERSION)
        .putU32("general.file_type", type.id())
        .put(ORIGIN, origin)
        .put(CHECKSUMS, GgufArray.ofUnsignedShorts(checksums))
        .build();
  }

  private static int checksum(GgufFile source, TrainedWeights weights, TensorInfo tensor) {
    return weights
        .find(tensor.name())
        .map(p -> HostCopies.read(p.blocks(), Digests::crc16))
        .orElseGet(() -> Digests.crc16(source.data(tensor)));
  }

  /// Checks every tensor against its checksum.
  ///
  /// @throws GgufException naming the first tensor that is damaged, or saying that the file has no
  ///   checksums
  public static void requireIntact(GgufFile file) {
    int[] checksums =
        file.metadata()
            .ints(CHECKSUMS)
            .orElseThrow(() ->
                new GgufException(
                    file.path()
                        + " has no "
                        + CHECKSUMS
                        + ", so it was not trained by Whittle; name a file that 'distill' or 'grpo'"
                        + " wrote"));
    List<TensorInfo> tensors = file.tensors();
    if (checksums.length != tensors.size()) {
      throw new GgufException(
          file.path()
              + ": "
              + CHECKSUMS
              + " does not match the number of tensors; export the file again");
    }
    for (int i = 0; i < checksums.length; i++) {
      if (Digests.crc16(file.data(tensors.get(i))) != checksums[i]) {
        throw new GgufException(
            file.path()
                + ": tensor '"
                + tensors.get(i).name()
                + "' differs from what was trained; export the file again");
      }
    }
  }

  /// Compares the tensors of a file with the blocks of a checkpoint, or of a run's best step, byte
  /// for byte.
  ///
  /// @return how many tensors were compared
  /// @throws GgufException naming the first tensor that is damaged, missing or different
  public static int requireSameBlocks(GgufFile file, GgufFile source) {
    if (source.metadata().ints(CHECKSUMS).isPresent()) {
      requireIntact(source);
    } else {
      Checkpoint.requireIntact(source);
    }
    List<TensorInfo> blocks = Checkpoint.blocks(source);
    for (TensorInfo trained : blocks) {
      TensorInfo shipped = file.require(trained.name());
      if (shipped.type() != trained.type()
          || file.data(shipped).mismatch(source.data(trained)) != -1) {
        throw new GgufException(
            file.path()
                + ": tensor '"
                + trained.name()
                + "' is not what "
                + source.path()
                + " holds; export the file again, or name the run directory that made it");
      }
    }
    return blocks.size();
  }
}
