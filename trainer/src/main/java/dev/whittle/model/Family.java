package dev.whittle.model;

import dev.whittle.autograd.Tape;
import dev.whittle.autograd.Variable;
import dev.whittle.autograd.Weight;
import dev.whittle.ggml.Rope;
import dev.whittle.gguf.GgufException;
import dev.whittle.gguf.GgufFile;
import java.util.List;
import java.util.Map;

/// A family of models: which weights a layer has, and how it computes.
///
/// To add one, add a class here and to [#of].
public sealed interface Family permits Llama, Qwen2, Qwen3 {
  /// The families that can be trained, by their `general.architecture`.
  Map<String, Family> ALL =
      Map.of("llama", new Llama(), "qwen2", new Qwen2(), "qwen3", new Qwen3());

  /// The family of a file.
  ///
  /// @throws GgufException if Whittle cannot train it
  static Family of(GgufFile file) {
    String architecture = file.metadata().requireString("general.architecture");
    Family family = ALL.get(architecture);
    if (family == null) {
      throw new GgufException(
          file.path()
              + ": general.architecture is '"
              + architecture
              + "', which Whittle cannot train; it trains "
              + String.join(", ", ALL.keySet().stream().sorted().toList()));
    }
    return family;
  }

  /// How the family pairs elements for the rotary embedding, in the order of GGUF files.
  Rope.Pairing pairing();

  /// The weights of a layer by their names without the `blk.N.` in front, with their shapes.
  List<WeightSpec> layerWeights(ModelConfig config);

  /// One layer: [width, tokens] to [width, tokens].
  ///
  /// @param weights the layer's weights by the names of [#layerWeights]
  Variable layer(
      Tape tape, ModelConfig config, Map<String, Weight> weights, Variable x, Positions positions);

  /// A weight's name and shape, the contiguous dimension first.
  ///
  /// @param outputs 1 for the weight of a norm or a bias
  record WeightSpec(String name, long inputs, long outputs) {
    static WeightSpec matrix(String name, long inputs, long outputs) {
      return new WeightSpec(name + ".weight", inputs, outputs);
    }

    static WeightSpec norm(String name, long width) {
      return new WeightSpec(name + ".weight", width, 1);
    }

    static WeightSpec bias(String name, long width) {
      return new WeightSpec(name + ".bias", width, 1);
    }
  }
}
