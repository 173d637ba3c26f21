package dev.whittle.quantization;

import dev.whittle.ggml.Batch;
import dev.whittle.ggml.EvalCallback;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.LlamaContext;
import dev.whittle.ggml.LlamaContextOptions;
import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.ObservedNode;
import dev.whittle.ggml.ObservedTensor;
import java.nio.FloatBuffer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.function.IntConsumer;

/// Collects an importance matrix as `llama-imatrix` does: it runs text through the model and sums
/// the squares of what goes into each matrix product.
///
/// The documents are joined to one stream of tokens, which is cut into chunks; each chunk starts
/// with the beginning-of-sequence token if the model wants one, in place of the chunk's first
/// token. What is left at the end and does not fill a chunk is not used.
///
/// @param chunkSize the length of a chunk in tokens
/// @param output whether `output.weight` gets an importance too. As with `llama-imatrix`, a token
///   embedding that serves as the output gets none
/// @param threads how many threads compute
public record ImportanceCollector(int chunkSize, boolean output, int threads) {
  /// Products of fewer columns are not of tokens; `llama-imatrix` has the same bound.
  private static final int FEWEST_TOKENS = 16;

  public ImportanceCollector {
    if (chunkSize < FEWEST_TOKENS) {
      throw new IllegalArgumentException(
          "chunks of " + chunkSize + " tokens; " + FEWEST_TOKENS + " or more needed");
    }
  }

  /// Chunks of 512 tokens, without the output, on all processors.
  public static ImportanceCollector withDefaults() {
    return new ImportanceCollector(512, false, Runtime.getRuntime().availableProcessors());
  }

  /// This collector on another number of threads.
  public ImportanceCollector withThreads(int count) {
    return new ImportanceCollector(chunkSize, output, count);
  }

  /// Collects the importance of a model's matrices.
  ///
  /// @param documents token ids, in order
  /// @param dataset what the matrix will say that it was made from
  /// @param progress hears of the number of chunks that are done, after each
  /// @throws QuantizationException if the documents do not fill a chunk, if activations are not
  ///   finite, or if the model has experts
  public ImportanceMatrix collect(
      LlamaModel model, Iterable<int[]> documents, String dataset, IntConsumer progress) {
    Sums sums = new Sums();
    LlamaContextOptions options =
        LlamaContextOptions.builder()
            .contextLength(chunkSize)
            .batchSize(chunkSize)
            .threads(threads)
            .evalCallback(sums)
            .build();
    int chunks = 0;
    try (LlamaContext context = model.newContext(options)) {
      Chunk chunk = new Chunk(beginning(model));
      for (int[] document : documents) {
        for (int token : document) {
          if (chunk.add(token)) {
            chunk.decode(context);
            progress.accept(++chunks);
          }
        }
      }
    }
    if (chunks == 0) {
      throw new QuantizationException(
          dataset + " has fewer than " + chunkSize + " tokens; give more text, or smaller chunks");
    }
    return new ImportanceMatrix(sums.entries(), List.of(dataset), chunks, chunkSize, null);
  }

  private static OptionalInt beginning(LlamaModel model) {
    return model.vocabulary().addsBeginning()
        ? model.vocabulary().beginning()
        : OptionalInt.empty();
  }

  private final class Chunk {
    private final OptionalInt beginning;
    private final Batch batch = new Batch(chunkSize);

    Chunk(OptionalInt beginning) {
      this.beginning = beginning;
    }

    /// Whether the chunk is full now.
    boolean add(int token) {
      int position = batch.size();
      int actual = position == 0 ? beginning.orElse(token) : token;
      // A token without logits would not go through the last layer's products.
      batch.add(actual, position, 0, true);
      return batch.isFull();
    }

    void decode(LlamaContext context) {
      context.clear();
      context.decode(batch);
      batch.clear();
    }
  }

  /// The sums over all chunks so far, filled while the model computes.
  private final class Sums implements EvalCallback {
    private final Map<String, Sum> byName = new HashMap<>();

    @Override
    public boolean wants(ObservedNode node) {
      boolean experts = node.operation().equals("MUL_MAT_ID");
      if (!experts && !node.operation().equals("MUL_MAT")) {
        return false;
      }
      String weight = weightName(node);
      if (!weight.startsWith("blk.") && !(output && weight.equals("output.weight"))) {
        return false;
      }
      if (experts) {
        throw new QuantizationException(
            "the model has experts, in '"
                + weight
                + "', and their importance is not collected here; use llama-imatrix");
      }
      ObservedTensor input = node.source(1).orElseThrow();
      return input.type() == GgmlType.F32 && input.shape()[1] >= FEWEST_TOKENS;
    }

    @Override
    public void computed(ObservedNode node) {
      long[] weightShape = node.source(0).orElseThrow().shape();
      ObservedTensor input = node.source(1).orElseThrow();
      long[] inputShape = input.shape();
      int columns = (int) inputShape[0];
      int matrices = Math.toIntExact(weightShape[2] * weightShape[3]);
      Sum sum = byName.computeIfAbsent(weightName(node), name -> new Sum(columns, matrices));
      FloatBuffer values = input.floats();
      for (long i3 = 0; i3 < inputShape[3]; i3++) {
        for (long i2 = 0; i2 < inputShape[2]; i2++) {
          long matrix = i3 % weightShape[3] * weightShape[2] + i2 % weightShape[2];
          sum.add((int) matrix, values, inputShape[1]);
        }
      }
    }

    Map<String, ImportanceMatrix.Entry> entries() {
      Map<String, ImportanceMatrix.Entry> entries = new HashMap<>();
      byName.forEach((name, sum) -> entries.put(name, sum.entry(name)));
      return entries;
    }

    /// A scheduler that copies a weight to another device calls the copy `CUDA0#name#0`.
    private static String weightName(ObservedNode node) {
      String name = node.source(0).orElseThrow().name();
      String[] parts = name.split("#", 3);
      return parts.length == 1 ? name : parts[1];
    }
  }

  /// In double precision: over a long text a float would stop growing.
  private static final class Sum {
    private final int columns;
    private final double[] squares;
    private final float[] row;
    private final int matrices;
    private long rows;

    Sum(int columns, int matrices) {
      this.columns = columns;
      this.matrices = matrices;
      this.squares = new double[Math.multiplyExact(columns, matrices)];
      this.row = new float[columns];
    }

    void add(int matrix, FloatBuffer values, long count) {
      int start = matrix * columns;
      for (long i = 0; i < count; i++) {
        values.get(row);
        for (int j = 0; j < columns; j++) {
          squares[start + j] += (double) row[j] * row[j];
        }
      }
      rows += count;
    }

    /// All matrices of one tensor share a count.
    ImportanceMatrix.Entry entry(String name) {
      float[] sums = new float[squares.length];
      for (int i = 0; i < sums.length; i++) {
        sums[i] = (float) squares[i];
      }
      try {
        return new ImportanceMatrix.Entry(sums, new float[] {(float) rows / matrices});
      } catch (IllegalArgumentException e) {
        throw new QuantizationException(
            "the input of '" + name + "' is not finite; the model's weights are damaged", e);
      }
    }
  }
}
