package dev.whittle.training;

import dev.whittle.data.DataPosition;
import dev.whittle.ggml.Tensor;
import dev.whittle.gguf.GgufException;
import dev.whittle.gguf.GgufFile;
import dev.whittle.gguf.GgufMetadata;
import dev.whittle.gguf.GgufWriter;
import dev.whittle.gguf.TensorInfo;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/// Everything that a run needs to go on, in one file: masters, their averages, moments and blocks
/// of all parameters, the position in the data, the step. The file is written to a temporary name
/// and moved into place.
///
/// It is a GGUF file. The digests of its tensors are in its metadata, so a damaged tensor is found
/// by name before anything is trained on or compared with it.
public final class Checkpoint {
  private static final String TYPE = "whittle-checkpoint";
  // Names of weights end in .weight or .bias, so these cannot clash with them.
  private static final String MASTER = ".master";
  private static final String AVERAGE = ".average";
  private static final Pattern NOT_BLOCKS = Pattern.compile(".*\\.(master|average|[mv](_scale)?)");

  private Checkpoint() {}

  /// Where a run stands.
  ///
  /// @param step updates done
  /// @param tokens tokens trained on, padding not counted
  /// @param position where the data goes on
  /// @param confidence γ of the confidence-aware loss, measured when the run began
  public record Progress(int step, long tokens, DataPosition position, double confidence) {
    /// Where every run begins.
    public static Progress start(double confidence) {
      return new Progress(0, 0, DataPosition.START, confidence);
    }
  }

  /// A tensor of a parameter and its name in the checkpoint.
  private record Part(String name, Tensor tensor) {}

  private static List<Part> parts(TrainedWeights weights) {
    List<Part> parts = new ArrayList<>();
    for (Parameter p : weights.parameters()) {
      parts.add(new Part(p.name(), p.blocks()));
      if (p.isEncoded()) {
        parts.add(new Part(p.name() + MASTER, p.master()));
      }
      weights.average(p).ifPresent(mean -> parts.add(new Part(p.name() + AVERAGE, mean)));
      p.moments()
          .tensors()
          .forEach((ending, tensor) -> parts.add(new Part(p.name() + "." + ending, tensor)));
      if (p.scales() != null) {
        p.scales()
            .tensors()
            .forEach((ending, tensor) -> parts.add(new Part(p.name() + "." + ending, tensor)));
      }
    }
    return parts;
  }

  /// Writes a checkpoint.
  ///
  /// @throws IOException if it cannot be written; the file is then as it was before
  public static void write(Path target, TrainedWeights weights, Progress progress)
      throws IOException {
    List<Part> parts = parts(weights);
    List<String> digests =
        parts.stream().map(part -> HostCopies.read(part.tensor(), Digests::sha256)).toList();
    GgufMetadata metadata =
        GgufMetadata.builder()
            .put("general.type", TYPE)
            .putU32("whittle.step", progress.step())
            .put("whittle.tokens", Long.toString(progress.tokens()))
            .putU32("whittle.epoch", progress.position().epoch())
            .putU32("whittle.row", progress.position().row())
            .put("whittle.confidence", Double.toString(progress.confidence()))
            .put("whittle.sha256", digests)
            .build();
    GgufWriter writer = new GgufWriter(metadata);
    for (Part part : parts) {
      Tensor tensor = part.tensor();
      writer.add(part.name(), tensor.type(), shape(tensor), HostCopies.data(tensor));
    }
    writer.write(target, true);
  }

  /// Reads a checkpoint into the parameters that it was written from.
  ///
  /// @throws GgufException if the file is damaged, or does not fit the parameters
  public static Progress read(Path source, TrainedWeights weights) {
    try (GgufFile file = GgufFile.open(source)) {
      requireIntact(file);
      for (Part part : parts(weights)) {
        TensorInfo info = file.require(part.name());
        if (info.type() != part.tensor().type() || !info.shape().equals(shape(part.tensor()))) {
          throw new GgufException(
              source
                  + ": tensor '"
                  + part.name()
                  + "' does not fit this run; resume with the model and type that it began with");
        }
        part.tensor().write(file.data(info), 0);
      }
      GgufMetadata metadata = file.metadata();
      return new Progress(
          Math.toIntExact(metadata.requireInteger("whittle.step")),
          Long.parseLong(metadata.requireString("whittle.tokens")),
          new DataPosition(
              Math.toIntExact(metadata.requireInteger("whittle.epoch")),
              Math.toIntExact(metadata.requireInteger("whittle.row"))),
          Double.parseDouble(metadata.requireString("whittle.confidence")));
    } catch (NumberFormatException | ArithmeticException e) {
      throw new GgufException(
          source + ": the run's progress is not readable; delete this checkpoint", e);
    }
  }

  /// Reads the masters and blocks of a checkpoint of another run, whose moments do not count.
  ///
  /// @throws GgufException if the file is damaged, or does not fit the parameters
  public static void readMasters(GgufFile file, TrainedWeights weights) {
    requireIntact(file);
    for (Parameter p : weights.parameters()) {
      TensorInfo blocks = file.require(p.name());
      TensorInfo master = p.isEncoded() ? file.require(p.name() + MASTER) : blocks;
      if (blocks.type() != p.type() || !master.shape().equals(shape(p.master()))) {
        throw new GgufException(
            file.path()
                + ": tensor '"
                + p.name()
                + "' does not fit; name a checkpoint of the same model and type");
      }
      p.blocks().write(file.data(blocks), 0);
      p.master().write(file.data(master), 0);
    }
    weights.decode();
  }

  /// Checks every tensor of an open checkpoint against its digest.
  ///
  /// @throws GgufException naming the first tensor that is damaged
  public static void requireIntact(GgufFile file) {
    if (!file.metadata().string("general.type").orElse("").equals(TYPE)) {
      throw new GgufException(
          file.path()
              + ": general.type is not '"
              + TYPE
              + "'; name a checkpoint of a run directory");
    }
    List<String> digests = file.metadata().requireStrings("whittle.sha256");
    List<TensorInfo> tensors = file.tensors();
    if (digests.size() != tensors.size()) {
      throw new GgufException(
          file.path() + ": whittle.sha256 does not match the tensors; delete this checkpoint");
    }
    for (int i = 0; i < tensors.size(); i++) {
      if (!Digests.sha256(file.data(tensors.get(i))).equals(digests.get(i))) {
        throw new GgufException(
            file.path()
                + ": tensor '"
                + tensors.get(i).name()
                + "' is damaged; delete this checkpoint and resume from an earlier one");
      }
    }
  }

  /// The tensors of a checkpoint that hold a parameter's blocks, under the names that they have in
  /// the model file.
  public static List<TensorInfo> blocks(GgufFile file) {
    return file.tensors().stream().filter(t -> !NOT_BLOCKS.matcher(t.name()).matches()).toList();
  }

  private static List<Long> shape(Tensor tensor) {
    return tensor.dimension(1) == 1
        ? List.of(tensor.dimension(0))
        : List.of(tensor.dimension(0), tensor.dimension(1));
  }
}
