package dev.whittle.transform;

import dev.whittle.model.ModelConfig;
import dev.whittle.model.SingleLayer;
import dev.whittle.transform.ScaleSearch.Reader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// The scales of all channels of a layer that can be folded: those behind each norm, those between
/// value heads and output projection, and those between `ffn_up` and `ffn_down`.
record LayerScales(ModelConfig config, Rule rule) {
  /// Gives the scales of one site.
  interface Rule {
    /// @return [inputs] what the columns of the matrices are to be multiplied with, all of them
    ///   positive
    float[] scales(SiteInputs inputs, List<Reader> readers, Sharing sharing);
  }

  LayerFolds of(int number, List<SiteInputs> inputs, SingleLayer layer) {
    LayerFolds folds = LayerFolds.none(config);
    for (SiteInputs site : inputs) {
      List<Reader> readers =
          site.matrices().stream()
              .map(
                  name -> new Reader("blk." + number + "." + name, layer.weight(name).readFloats()))
              .toList();
      folds =
          switch (Site.of(site.matrices())) {
            case ATTENTION -> folds.withAttentionNorm(rule.scales(site, readers, Sharing.NONE));
            case HEADS -> {
              Sharing sharing =
                  new Sharing(config.heads(), config.heads() / config.keyValueHeads());
              float[] scales = sharing.sources(rule.scales(site, readers, sharing));
              yield folds.withHeads(heads(scales));
            }
            case FEED_FORWARD ->
                folds.withFeedForwardNorm(rule.scales(site, readers, Sharing.NONE));
            case HIDDEN -> folds.withHidden(rule.scales(site, readers, Sharing.NONE));
          };
    }
    return folds;
  }

  /// The value heads' outputs are divided by what the columns behind them are multiplied with.
  private BlockDiagonal heads(float[] scales) {
    List<LinearMap> heads = new ArrayList<>();
    for (int first = 0; first < scales.length; first += config.headSize()) {
      heads.add(
          new Scaling(Arrays.copyOfRange(scales, first, first + config.headSize()))
              .inverseTransposed());
    }
    return new BlockDiagonal(heads);
  }
}
