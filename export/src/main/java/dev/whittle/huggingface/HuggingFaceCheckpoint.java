package dev.whittle.huggingface;

import dev.whittle.ggml.GgmlType;
import dev.whittle.gguf.GgufWriter;
import dev.whittle.gguf.ProgressListener;
import dev.whittle.gguf.TensorData;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// A checkpoint as Hugging Face's `save_pretrained` leaves it: a folder with `config.json`,
/// `tokenizer.json` and safetensors, in one file or several.
///
/// Supported are Qwen3, Qwen2 and 2.5, Llama 2 and 3, and what was distilled into them, with
/// byte-level BPE tokenizers. Opening a checkpoint reads and checks all of it but the weights
/// themselves, so that what can be wrong with one shows before anything is written.
public final class HuggingFaceCheckpoint implements AutoCloseable {
  private final Path folder;
  private final ModelFamily family;
  private final ModelConfig config;
  private final Tokenizer tokenizer;
  private final CheckpointWeights weights;
  private final Map<String, Weight> expected;

  private HuggingFaceCheckpoint(
      Path folder,
      ModelFamily family,
      ModelConfig config,
      Tokenizer tokenizer,
      CheckpointWeights weights) {
    this.folder = folder;
    this.family = family;
    this.config = config;
    this.tokenizer = tokenizer;
    this.weights = weights;
    this.expected = new LinkedHashMap<>();
    family.weights(config).forEach(weight -> expected.put(weight.source(), weight));
  }

  /// Opens the checkpoint in a folder.
  ///
  /// @throws CheckpointException if something is missing, damaged or not supported
  public static HuggingFaceCheckpoint open(Path folder) {
    if (!Files.isDirectory(folder)) {
      throw new CheckpointException(
          folder + " is not a folder; give the folder of a Hugging Face checkpoint");
    }
    if (Files.exists(folder.resolve("adapter_config.json")) && !CheckpointWeights.isIn(folder)) {
      throw new CheckpointException(
          folder + " holds an adapter and no model; merge it into its base model first");
    }
    JsonObject json = JsonObject.read(folder.resolve("config.json"));
    ModelFamily family = ModelFamily.of(json);
    ModelConfig config = ModelConfig.parse(json);
    family.check(json, config);
    Tokenizer tokenizer = Tokenizer.read(folder, json, config.vocabulary());
    CheckpointWeights weights = CheckpointWeights.open(folder);
    try {
      HuggingFaceCheckpoint checkpoint =
          new HuggingFaceCheckpoint(folder, family, config, tokenizer, weights);
      checkpoint.checkWeights();
      return checkpoint;
    } catch (RuntimeException | Error e) {
      weights.close();
      throw e;
    }
  }

  private void checkWeights() {
    for (Weight weight : expected.values()) {
      SafetensorsTensor tensor =
          weights
              .tensor(weight.source())
              .orElseThrow(() ->
                  new CheckpointException(
                      folder
                          + " lacks the tensor '"
                          + weight.source()
                          + "' that config.json asks for; download the checkpoint again"));
      if (!tensor.ggmlShape().equals(weight.shape())) {
        throw new CheckpointException(
            tensor.file()
                + " has tensor '"
                + tensor.name()
                + "' of shape "
                + tensor.shape()
                + " where config.json asks for "
                + weight.shape().reversed()
                + "; use the config.json that belongs to it");
      }
      typeOf(tensor);
    }
    for (SafetensorsTensor tensor : weights.tensors()) {
      if (!expected.containsKey(tensor.name()) && !isHarmless(tensor.name())) {
        throw new CheckpointException(
            tensor.file()
                + " has the tensor '"
                + tensor.name()
                + "', which "
                + family.architecture()
                + " models do not have; choose a checkpoint without it");
      }
    }
  }

  /// Tables that some versions of `transformers` saved and that follow from the configuration, and
  /// the copy of the embedding that some leave as the head of models that share the two.
  private boolean isHarmless(String tensor) {
    return tensor.endsWith(".rotary_emb.inv_freq")
        || tensor.endsWith(".attention.bias")
        || tensor.endsWith(".attention.masked_bias")
        || config.tiedHead() && tensor.equals("lm_head.weight");
  }

  private static GgmlType typeOf(SafetensorsTensor tensor) {
    return SafetensorsType.ofName(tensor.dtype())
        .flatMap(SafetensorsType::weightType)
        .orElseThrow(() ->
            new CheckpointException(
                tensor.file()
                    + " has tensor '"
                    + tensor.name()
                    + "' in "
                    + tensor.dtype()
                    + ", and only F32, F16 and BF16 are supported; use the full-precision"
                    + " checkpoint"));
  }

  /// The folder that this was opened from.
  public Path folder() {
    return folder;
  }

  /// What llama.cpp calls the family, `general.architecture`: `qwen3`, `qwen2` or `llama`.
  public String architecture() {
    return family.architecture();
  }

  /// The number of weights.
  public long parameters() {
    return expected.values().stream()
        .mapToLong(weight -> weight.shape().stream().reduce(1L, Math::multiplyExact))
        .sum();
  }

  /// The type of the token embedding, which is that of the other matrices in all but odd
  /// checkpoints: F32, F16 or BF16. Converting to it loses nothing.
  public GgmlType storedType() {
    return typeOf(weights.tensor("model.embed_tokens.weight").orElseThrow());
  }

  /// Converts the checkpoint to GGUF.
  ///
  /// Matrices are written in `type`, vectors in F32, both in the checkpoint's order, as llama.cpp's
  /// converter does.
  ///
  /// @param target the file to write, whole or not at all
  /// @param type F32, F16 or BF16
  /// @param overwrite whether a file that is there already may be replaced
  /// @throws FileAlreadyExistsException if `target` exists and `overwrite` is false
  /// @throws CheckpointException if a weight is too large for F16
  /// @throws IllegalArgumentException if `type` is another
  /// @throws IOException if the file cannot be written
  public void writeGguf(Path target, GgmlType type, boolean overwrite) throws IOException {
    writeGguf(target, type, overwrite, ProgressListener.NONE);
  }

  /// As [#writeGguf(Path, GgmlType, boolean)], with a listener that hears of each tensor.
  ///
  /// @throws FileAlreadyExistsException if `target` exists and `overwrite` is false
  /// @throws CheckpointException if a weight is too large for F16
  /// @throws IllegalArgumentException if `type` is none of F32, F16 and BF16
  /// @throws IOException if the file cannot be written
  public void writeGguf(Path target, GgmlType type, boolean overwrite, ProgressListener listener)
      throws IOException {
    GgufWriter writer =
        new GgufWriter(
            new ModelMetadata(family, config, tokenizer)
                .build(folder.toRealPath().getFileName(), parameters(), type));
    family
        .ropeFrequencyDivisors(config)
        .ifPresent(divisors ->
            writer.add(
                "rope_freqs.weight",
                GgmlType.F32,
                List.of((long) divisors.length),
                TensorData.of(littleEndian(divisors))));
    for (SafetensorsTensor tensor : weights.tensors()) {
      Weight weight = expected.get(tensor.name());
      if (weight != null) {
        GgmlType to = weight.shape().size() == 1 ? GgmlType.F32 : type;
        writer.add(
            weight.target(),
            to,
            weight.shape(),
            new WeightData(tensor, typeOf(tensor), to, weight.rows()));
      }
    }
    writer.write(target, overwrite, listener);
  }

  private static MemorySegment littleEndian(float[] values) {
    ByteBuffer buffer =
        ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    buffer.asFloatBuffer().put(values);
    return MemorySegment.ofBuffer(buffer);
  }

  /// Unmaps the checkpoint's files.
  @Override
  public void close() {
    weights.close();
  }
}
