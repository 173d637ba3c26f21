package dev.whittle.gptq;

import dev.whittle.data.PackedBatch;
import dev.whittle.data.PackedBatches;
import dev.whittle.data.TokenizedCorpus;
import dev.whittle.ggml.BlockCodec;
import dev.whittle.ggml.Tensor;
import dev.whittle.gguf.TensorInfo;
import dev.whittle.model.BatchInputs;
import dev.whittle.model.BatchShape;
import dev.whittle.model.ModelFile;
import dev.whittle.model.SingleLayer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/// The calibration text in micro-batches, and the hidden states of all its tokens at the place in
/// the model that has been reached.
public final class CalibrationBatches implements AutoCloseable {
  /// Tokens that are computed at a time, unless a document is longer.
  private static final int TOKENS = 2048;

  private final List<PackedBatch> batches;
  private final List<float[]> counted = new ArrayList<>();
  private final BatchShape shape;
  private final int width;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment states;
  private final long tokens;

  public CalibrationBatches(TokenizedCorpus corpus, int width) {
    this.width = width;
    shape = new BatchShape(Math.max(1, TOKENS / corpus.longest()), corpus.longest());
    batches = PackedBatches.once(corpus, shape);
    long count = 0;
    for (PackedBatch batch : batches) {
      float[] ones = new float[shape.tokens()];
      for (int i = 0; i < ones.length; i++) {
        ones[i] = batch.documents()[i] == PackedBatch.NONE ? 0 : 1;
        count += batch.documents()[i] == PackedBatch.NONE ? 0 : 1;
      }
      counted.add(ones);
    }
    tokens = count;
    states = arena.allocate(batches.size() * stateBytes(), 64);
  }

  private long stateBytes() {
    return (long) shape.tokens() * width * Float.BYTES;
  }

  public BatchShape shape() {
    return shape;
  }

  public int size() {
    return batches.size();
  }

  /// How many tokens count.
  public long tokens() {
    return tokens;
  }

  /// A micro-batch.
  public PackedBatch batch(int batch) {
    return batches.get(batch);
  }

  /// Sets the states to the embeddings of the tokens.
  ///
  /// @param type how the table's rows are encoded, by the block codec of that type
  /// @param table [vocabulary, width]
  public void embed(BlockCodec type, MemorySegment table, TensorInfo embedding) {
    long rowBytes = type.type().rowBytes(embedding.rowLength());
    for (int b = 0; b < batches.size(); b++) {
      int[] ids = batches.get(b).tokens();
      for (int i = 0; i < ids.length; i++) {
        MemorySegment state =
            states.asSlice(
                b * stateBytes() + (long) i * width * Float.BYTES, (long) width * Float.BYTES);
        type.decode(table.asSlice(ids[i] * rowBytes, rowBytes), state, width);
      }
    }
  }

  /// Sets the states to the embeddings that the model has.
  public void embed(ModelFile model) {
    TensorInfo embedding = model.file().require(ModelFile.EMBEDDING);
    embed(BlockCodec.of(embedding.type()), model.file().data(embedding), embedding);
  }

  /// Moves the states to behind a layer.
  public void forward(BatchInputs inputs, SingleLayer layer) {
    for (int b = 0; b < size(); b++) {
      load(b, inputs, layer);
      layer.forward();
      store(b, layer);
    }
  }

  /// Gives a micro-batch to a layer.
  public void load(int batch, BatchInputs inputs, SingleLayer layer) {
    load(batch, inputs);
    layer.states().write(slice(batch), 0);
    layer.counted().write(counted.get(batch));
  }

  /// Takes what came out of a layer as the states that the next one gets.
  public void store(int batch, SingleLayer layer) {
    layer.outputs().read(slice(batch), 0);
  }

  /// Takes a micro-batch as the one that is computed next, without its states.
  public void load(int batch, BatchInputs inputs) {
    PackedBatch packed = batches.get(batch);
    inputs.load(packed.tokens(), packed.positions(), packed.documents());
  }

  /// Writes the states of a micro-batch to a tensor, [width, tokens] F32.
  public void read(int batch, Tensor target) {
    target.write(slice(batch), 0);
  }

  /// Ones for the tokens of a micro-batch that count in sums, zeros for the others, [tokens].
  public float[] counted(int batch) {
    return counted.get(batch);
  }

  private MemorySegment slice(int batch) {
    return states.asSlice(batch * stateBytes(), stateBytes());
  }

  @Override
  public void close() {
    arena.close();
  }
}
