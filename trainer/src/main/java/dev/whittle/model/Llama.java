package dev.whittle.model;

import dev.whittle.autograd.Tape;
import dev.whittle.autograd.Variable;
import dev.whittle.autograd.Weight;
import dev.whittle.ggml.Rope;
import java.util.List;
import java.util.Map;

/// Llama 2 and 3, and the models distilled into them: neighbouring pairs in the rotary embedding
/// (the importer permutes the rows of queries and keys), optional frequency factors.
final class Llama implements Family {
  @Override
  public Rope.Pairing pairing() {
    return Rope.Pairing.NEIGHBOURS;
  }

  @Override
  public List<WeightSpec> layerWeights(ModelConfig c) {
    return Blocks.commonWeights(c);
  }

  @Override
  public Variable layer(
      Tape tape, ModelConfig c, Map<String, Weight> weights, Variable x, Positions positions) {
    return Blocks.layer(tape, c, weights, x, positions);
  }
}
