package dev.whittle.model;

import dev.whittle.ggml.GgmlType;
import dev.whittle.gguf.GgufArray;
import dev.whittle.gguf.GgufException;
import dev.whittle.gguf.GgufFile;
import dev.whittle.gguf.TensorInfo;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// A GGUF file that holds a model of a known family, every tensor of the expected shape.
public final class ModelFile implements AutoCloseable {
  /// The head's tensor where it is not tied to the embedding.
  public static final String OUTPUT = "output.weight";

  /// The token embedding.
  public static final String EMBEDDING = "token_embd.weight";

  /// The final norm.
  public static final String OUTPUT_NORM = "output_norm.weight";

  /// Divisors of the rotary frequencies (Llama 3), where there are any.
  public static final String ROPE_FACTORS = "rope_freqs.weight";

  private static final String TOKENS = "tokenizer.ggml.tokens";

  private final GgufFile file;
  private final ModelConfig config;
  private final Family family;

  private ModelFile(GgufFile file, ModelConfig config, Family family) {
    this.file = file;
    this.config = config;
    this.family = family;
  }

  /// Opens a model.
  ///
  /// @throws GgufException if the file is damaged, not a model that Whittle can train, or has
  ///   missing, misshapen or unknown tensors, or other tokens than its embedding has
  public static ModelFile open(Path path) {
    GgufFile file = GgufFile.open(path);
    try {
      Family family = Family.of(file);
      ModelConfig config = ModelConfig.of(file);
      ModelFile model = new ModelFile(file, config, family);
      model.checkTensors();
      model.checkTokens();
      return model;
    } catch (RuntimeException e) {
      file.close();
      throw e;
    }
  }

  private void checkTensors() {
    Map<String, Family.WeightSpec> expected = new HashMap<>();
    for (Family.WeightSpec spec : expectedTensors()) {
      expected.put(spec.name(), spec);
      TensorInfo tensor = file.require(spec.name());
      if (tensor.rowLength() != spec.inputs() || tensor.rows() != spec.outputs()) {
        throw new GgufException(
            path()
                + ": tensor '"
                + spec.name()
                + "' is "
                + tensor.shape()
                + " where the metadata asks for ["
                + spec.inputs()
                + ", "
                + spec.outputs()
                + "]; convert the checkpoint again");
      }
      if (spec.outputs() == 1 && tensor.type() != GgmlType.F32) {
        throw new GgufException(
            path()
                + ": tensor '"
                + spec.name()
                + "' is "
                + tensor.type()
                + ", but norms and biases must be F32; convert the checkpoint again");
      }
    }
    for (TensorInfo tensor : file.tensors()) {
      if (!expected.containsKey(tensor.name()) && !tensor.name().equals(ROPE_FACTORS)) {
        throw new GgufException(
            path()
                + ": tensor '"
                + tensor.name()
                + "' is not known of "
                + config.architecture()
                + ", so training would leave it out; use another checkpoint of the family");
      }
    }
  }

  /// A token without a row of the embedding ends the process in native code.
  private void checkTokens() {
    if (file.metadata().value(TOKENS).orElse(null) instanceof GgufArray tokens
        && tokens.size() != config.vocabulary()) {
      throw new GgufException(
          path()
              + ": '"
              + TOKENS
              + "' lists "
              + tokens.size()
              + " tokens, but '"
              + EMBEDDING
              + "' has "
              + config.vocabulary()
              + " rows; convert the checkpoint again");
    }
  }

  private List<Family.WeightSpec> expectedTensors() {
    List<Family.WeightSpec> specs = new ArrayList<>();
    specs.add(new Family.WeightSpec(EMBEDDING, config.width(), config.vocabulary()));
    specs.add(new Family.WeightSpec(OUTPUT_NORM, config.width(), 1));
    if (!config.tied()) {
      specs.add(new Family.WeightSpec(OUTPUT, config.width(), config.vocabulary()));
    }
    for (int layer = 0; layer < config.layers(); layer++) {
      for (Family.WeightSpec spec : family.layerWeights(config)) {
        specs.add(
            new Family.WeightSpec(
                "blk." + layer + "." + spec.name(), spec.inputs(), spec.outputs()));
      }
    }
    return specs;
  }

  public Path path() {
    return file.path();
  }

  public GgufFile file() {
    return file;
  }

  /// The context length that the model was trained with, in tokens; if the file does not say, the
  /// largest there can be.
  public int trainedContext() {
    long context =
        file.metadata()
            .integer(config.architecture() + ".context_length")
            .orElse(Integer.MAX_VALUE);
    return (int) Math.clamp(context, 1, Integer.MAX_VALUE);
  }

  public ModelConfig config() {
    return config;
  }

  public Family family() {
    return family;
  }

  /// The name of the head's matrix: its own, or the token embedding's where it is tied.
  public String headName() {
    return config.tied() ? EMBEDDING : OUTPUT;
  }

  @Override
  public void close() {
    file.close();
  }
}
