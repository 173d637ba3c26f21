package dev.whittle.cli;

import dev.whittle.data.CorpusLimits;
import dev.whittle.data.Dataset;
import dev.whittle.data.DocumentTokenizer;
import dev.whittle.data.TokenizedCorpus;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.LlamaModelOptions;
import dev.whittle.inference.ModelLoader;
import java.nio.file.Path;
import java.util.List;

/// Text that something is measured on, in a model's tokens.
final class CalibrationText {
  private static final long SEED = 1;

  private CalibrationText() {}

  /// Reads data sets as if they were one, and tokenizes them for a model. Says how many documents
  /// were left out or cut.
  ///
  /// @param limits how long a document may be
  /// @param documents take so many, chosen at random
  /// @throws dev.whittle.data.DataException if a line is malformed or too long, or there is no text
  static TokenizedCorpus read(
      Path model, List<Dataset> data, CorpusLimits limits, long documents, Terminal terminal) {
    try (LlamaModel tokenizer = ModelLoader.load(model, LlamaModelOptions.vocabulary())) {
      TokenizedCorpus corpus =
          TokenizedCorpus.read(
              data, new DocumentTokenizer(tokenizer), limits.withDocuments(documents, SEED));
      limits.notice(corpus).ifPresent(terminal::warn);
      return corpus;
    }
  }
}
