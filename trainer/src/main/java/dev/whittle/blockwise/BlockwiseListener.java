package dev.whittle.blockwise;

import dev.whittle.gptq.GptqListener;

/// Hears how far block-wise reconstruction has come.
public interface BlockwiseListener extends GptqListener {
  /// A listener that does nothing.
  BlockwiseListener NONE =
      new BlockwiseListener() {
        @Override
        public void layer(int done, int count) {}

        @Override
        public void warning(String sentence) {}

        @Override
        public void reconstructed(Reconstruction result) {}
      };

  /// Called when a layer is done.
  void reconstructed(Reconstruction result);
}
