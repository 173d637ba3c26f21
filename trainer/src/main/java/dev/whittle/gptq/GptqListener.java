package dev.whittle.gptq;

/// Hears how far GPTQ has come.
public interface GptqListener {
  /// A listener that does nothing.
  GptqListener NONE =
      new GptqListener() {
        @Override
        public void layer(int done, int count) {}

        @Override
        public void warning(String sentence) {}
      };

  /// Called before the first layer and after each.
  void layer(int done, int count);

  /// Something about the calibration leaves to be desired: a sentence that names the tensor.
  void warning(String sentence);
}
