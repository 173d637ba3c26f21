package dev.whittle.huggingface;

import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;

/// The tensors of a checkpoint, from one safetensors file or from several that an index lists.
final class CheckpointWeights implements AutoCloseable {
  private static final String SINGLE = "model.safetensors";
  private static final String INDEX = "model.safetensors.index.json";

  private final List<Safetensors> files;
  private final Map<String, SafetensorsTensor> tensors;

  private CheckpointWeights(List<Safetensors> files, Map<String, SafetensorsTensor> tensors) {
    this.files = files;
    this.tensors = tensors;
  }

  /// Whether a folder has files of weights at all.
  static boolean isIn(Path folder) {
    return Files.exists(folder.resolve(SINGLE)) || Files.exists(folder.resolve(INDEX));
  }

  /// Opens every file of the checkpoint in `folder`.
  ///
  /// @throws CheckpointException if one is missing, damaged, or not what the index says
  static CheckpointWeights open(Path folder) {
    Optional<JsonObject> index = JsonObject.readIfPresent(folder.resolve(INDEX));
    if (index.isPresent()) {
      return openSharded(folder, index.get().requireObject("weight_map"));
    }
    Path single = folder.resolve(SINGLE);
    if (!Files.exists(single) && Files.exists(folder.resolve("pytorch_model.bin"))) {
      throw new CheckpointException(
          single
              + " is missing and pytorch_model.bin is not supported; save the checkpoint as"
              + " safetensors");
    }
    return open(List.of(single));
  }

  private static CheckpointWeights openSharded(Path folder, JsonObject weightMap) {
    Map<String, Path> shardOf = new TreeMap<>();
    for (String tensor : weightMap.names()) {
      shardOf.put(tensor, shard(folder, weightMap, tensor));
    }
    CheckpointWeights weights = open(List.copyOf(new TreeSet<>(shardOf.values())));
    try {
      shardOf.forEach(weights::checkInShard);
      return weights;
    } catch (RuntimeException | Error e) {
      weights.close();
      throw e;
    }
  }

  /// An index is as untrusted as the rest: a shard lies in the checkpoint's own folder.
  private static Path shard(Path folder, JsonObject weightMap, String tensor) {
    String name = weightMap.requireString(tensor);
    try {
      Path shard = Path.of(name);
      if (!shard.isAbsolute() && shard.getNameCount() == 1 && !name.equals("..")) {
        return folder.resolve(shard);
      }
    } catch (InvalidPathException e) {
      // Not a name of a file at all: reported below.
    }
    throw weightMap.invalid(
        tensor, "is '" + name + "', which is not a file in the folder; download the index again");
  }

  private void checkInShard(String name, Path shard) {
    SafetensorsTensor tensor = tensors.get(name);
    if (tensor == null || !tensor.file().equals(shard)) {
      throw new CheckpointException(
          shard + " lacks the tensor '" + name + "' that the index puts there; download it again");
    }
  }

  private static CheckpointWeights open(List<Path> paths) {
    List<Safetensors> files = new ArrayList<>();
    Map<String, SafetensorsTensor> tensors = new LinkedHashMap<>();
    try {
      for (Path path : paths) {
        Safetensors file = Safetensors.open(path);
        files.add(file);
        for (SafetensorsTensor tensor : file.tensors()) {
          SafetensorsTensor other = tensors.put(tensor.name(), tensor);
          if (other != null) {
            throw new CheckpointException(
                path
                    + " has the tensor '"
                    + tensor.name()
                    + "' that "
                    + other.file()
                    + " has as well; download both again");
          }
        }
      }
      return new CheckpointWeights(files, tensors);
    } catch (RuntimeException | Error e) {
      files.forEach(Safetensors::close);
      throw e;
    }
  }

  /// The tensors: file by file, in each of them by name.
  Collection<SafetensorsTensor> tensors() {
    return Collections.unmodifiableCollection(tensors.values());
  }

  /// The tensor of this name.
  Optional<SafetensorsTensor> tensor(String name) {
    return Optional.ofNullable(tensors.get(name));
  }

  @Override
  public void close() {
    files.forEach(Safetensors::close);
  }
}
