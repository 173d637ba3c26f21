package dev.whittle.gptq;

import dev.whittle.data.TokenizedCorpus;
import dev.whittle.gguf.GgufException;
import dev.whittle.gguf.GgufFile;
import dev.whittle.gguf.GgufMetadata;
import dev.whittle.gguf.GgufWriter;
import dev.whittle.gguf.TensorData;
import dev.whittle.gguf.TensorInfo;
import dev.whittle.model.ModelFile;
import dev.whittle.quantization.QuantizationPlan;
import dev.whittle.quantization.QuantizationPlan.Assignment;
import dev.whittle.training.Digests;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/// The layers of a model that are quantized already, in a folder, so that a run that was killed
/// goes on with the next one, and ends with the same file.
///
/// Each is a GGUF file of its own, with the digests of its tensors and that of the run: of the
/// model, the text, the types and the settings.
public final class FinishedLayers {
  private static final String RUN = "whittle.run";
  private static final String DIGESTS = "whittle.sha256";

  private final @Nullable Path folder;
  private final QuantizationPlan plan;
  private final String run;

  private FinishedLayers(@Nullable Path folder, QuantizationPlan plan, String run) {
    this.folder = folder;
    this.plan = plan;
    this.run = run;
  }

  /// @param folder where they are, or are to be; null to keep nothing
  /// @param settings everything else that the blocks depend on, as text
  /// @throws IOException if the folder cannot be made
  /// @throws GgufException if it holds layers of another run
  public static FinishedLayers in(
      @Nullable Path folder,
      ModelFile model,
      TokenizedCorpus calibration,
      QuantizationPlan plan,
      String settings)
      throws IOException {
    if (folder == null) {
      return new FinishedLayers(null, plan, "");
    }
    Files.createDirectories(folder);
    String run =
        Digests.sha256(digest -> {
          digest.update(Digests.sha256(model.path()).getBytes(StandardCharsets.UTF_8));
          calibration.update(digest);
          for (Assignment a : plan.tensors()) {
            digest.update((a.tensor().name() + " " + a.type()).getBytes(StandardCharsets.UTF_8));
          }
          digest.update(settings.getBytes(StandardCharsets.UTF_8));
        });
    FinishedLayers layers = new FinishedLayers(folder, plan, run);
    if (Files.exists(layers.file(0))) {
      try (GgufFile first = GgufFile.open(layers.file(0))) {
        layers.requireSameRun(first);
      }
    }
    return layers;
  }

  private void requireSameRun(GgufFile file) {
    if (!file.metadata().string(RUN).orElse("").equals(run)) {
      throw new GgufException(
          file.path()
              + " is of a run with another model, text, type or setting; delete the folder, or name"
              + " another one");
    }
  }

  /// The blocks of a layer's tensors by their names, if the layer is done.
  ///
  /// @throws GgufException if its file is damaged, or of another run
  public Optional<SequencedMap<String, MemorySegment>> find(int layer, Arena arena) {
    if (folder == null || !Files.exists(file(layer))) {
      return Optional.empty();
    }
    try (GgufFile file = GgufFile.open(file(layer))) {
      requireSameRun(file);
      List<String> digests = file.metadata().requireStrings(DIGESTS);
      SequencedMap<String, MemorySegment> tensors = new LinkedHashMap<>();
      for (TensorInfo info : file.tensors()) {
        MemorySegment data = file.data(info);
        if (tensors.size() >= digests.size()
            || !Digests.sha256(data).equals(digests.get(tensors.size()))) {
          throw new GgufException(
              file.path() + ": tensor '" + info.name() + "' is damaged; delete this file");
        }
        tensors.put(info.name(), arena.allocate(data.byteSize(), 64).copyFrom(data));
      }
      return Optional.of(tensors);
    }
  }

  /// Keeps a layer that is done.
  ///
  /// @param tensors blocks of the types that the plan has for them, by name
  /// @throws UncheckedIOException if the file cannot be written
  public void keep(int layer, Map<String, MemorySegment> tensors) {
    if (folder == null) {
      return;
    }
    List<String> digests = new ArrayList<>();
    tensors.values().forEach(data -> digests.add(Digests.sha256(data)));
    GgufWriter writer =
        new GgufWriter(GgufMetadata.builder().put(RUN, run).put(DIGESTS, digests).build());
    tensors.forEach((name, data) -> {
      Assignment assignment = plan.assignment(name).orElseThrow();
      writer.add(name, assignment.type(), assignment.tensor().shape(), TensorData.of(data));
    });
    try {
      writer.write(file(layer), true);
    } catch (IOException e) {
      throw new UncheckedIOException(file(layer) + " cannot be written: " + e.getMessage(), e);
    }
  }

  private Path file(int layer) {
    return Objects.requireNonNull(folder).resolve("layer-%03d.gguf".formatted(layer));
  }
}
