package dev.whittle.training;

import dev.whittle.blocks.BlockFormat;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Tensor;
import dev.whittle.ggml.TensorContext;
import dev.whittle.optimizer.AdamW;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.LinkedHashMap;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/// The scales of a parameter's sub-blocks, and their offsets in formats with such, as parameters
/// beside its master: LSQ (Esser et al. 2020), with offsets as in LSQ+ (Bhalgat et al. 2020).
///
/// A master w under the scale s and the offset o decodes to q·s + o, where q is the level nearest
/// to x = (w − o) / s. With rounding passed straight through, the derivative within the range of
/// the levels is 1 at w, q − x at s and 0 at o; beyond it, 0 at w, q at s and 1 at o. Here s and o
/// are those that the blocks have; rounding scales to ones that can be encoded, to multiples of a
/// step in K-quants, is passed straight through too.
///
/// LSQ multiplies the gradient at the scale of N elements with levels up to Q by 1/√(N·Q), so that
/// it moves about as much for its size as they do. AdamW divides a gradient by its own size, so
/// here the factor is on the learning rate.
///
/// They are in the host's memory, wherever the parameter is.
public final class TrainedScales {
  private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT;

  /// Numbers that are trained, and the optimizer's moments of them, each [inputs / subBlockSize,
  /// outputs] F32.
  private record Numbers(Tensor values, Tensor first, Tensor second) {
    static Numbers in(TensorContext context, long count, long outputs) {
      return new Numbers(
          context.newTensor(GgmlType.F32, count, outputs),
          context.newTensor(GgmlType.F32, count, outputs),
          context.newTensor(GgmlType.F32, count, outputs));
    }

    void addTo(SequencedMap<String, Tensor> tensors, String name) {
      tensors.put(name + ".master", values);
      tensors.put(name + ".m", first);
      tensors.put(name + ".v", second);
    }

    MemorySegment rows(long from, long rows) {
      return rows(values, from, rows);
    }

    private static MemorySegment rows(Tensor tensor, long from, long rows) {
      long bytes = tensor.dimension(0) * Float.BYTES;
      return tensor.host().asSlice(from * bytes, rows * bytes);
    }

    void update(AdamW.Update update, float[] gradient, long from, long rows) {
      MemorySegment w = rows(values, from, rows);
      MemorySegment m = rows(first, from, rows);
      MemorySegment v = rows(second, from, rows);
      float[] values = w.toArray(F32);
      float[] firsts = m.toArray(F32);
      float[] seconds = v.toArray(F32);
      update.apply(values, gradient, firsts, seconds, values.length);
      w.copyFrom(MemorySegment.ofArray(values));
      m.copyFrom(MemorySegment.ofArray(firsts));
      v.copyFrom(MemorySegment.ofArray(seconds));
    }
  }

  private final BlockFormat format;
  private final long inputs;
  private final float lowest;
  private final float highest;
  private final Numbers scales;
  private final @Nullable Numbers offsets;

  /// @param context gets memory on the host
  TrainedScales(TensorContext context, BlockFormat format, long inputs, long outputs) {
    this.format = format;
    this.inputs = inputs;
    long count = inputs / format.subBlockSize();
    scales = Numbers.in(context, count, outputs);
    offsets = format.hasOffsets() ? Numbers.in(context, count, outputs) : null;
    float low = Float.POSITIVE_INFINITY;
    float high = Float.NEGATIVE_INFINITY;
    for (int code = 0; code < format.codes(); code++) {
      low = Math.min(low, format.level(code));
      high = Math.max(high, format.level(code));
    }
    lowest = low;
    highest = high;
  }

  /// The tensors by their endings in a checkpoint.
  SequencedMap<String, Tensor> tensors() {
    SequencedMap<String, Tensor> tensors = new LinkedHashMap<>();
    scales.addTo(tensors, "scale");
    if (offsets != null) {
      offsets.addTo(tensors, "offset");
    }
    return tensors;
  }

  long bytes() {
    return tensors().values().stream().mapToLong(Tensor::bytes).sum();
  }

  /// LSQ's factor.
  float rate() {
    return (float) (1 / Math.sqrt((double) format.subBlockSize() * Math.max(highest, -lowest)));
  }

  /// Takes over the scales of some rows' blocks.
  void take(MemorySegment blocks, long from, long rows) {
    format.readScales(
        blocks,
        scales.rows(from, rows),
        offsets == null ? null : offsets.rows(from, rows),
        rows,
        inputs);
  }

  /// Encodes some rows with the encodable scales nearest to these.
  void encode(MemorySegment master, MemorySegment blocks, long from, long rows) {
    format.encode(
        master,
        scales.rows(from, rows),
        offsets == null ? null : offsets.rows(from, rows),
        blocks,
        rows,
        inputs);
  }

  /// Moves the scales of some rows by their gradients, and takes from the gradient at the masters
  /// what is beyond the range of the levels.
  ///
  /// @param update of weights; scales move by [#rate] times as much and do not decay
  /// @param master of the rows
  /// @param gradient at what the blocks decode to; it becomes that at the master
  /// @param blocks of the rows, as the pass used them
  void update(
      AdamW.Update update,
      MemorySegment master,
      MemorySegment gradient,
      MemorySegment blocks,
      long from,
      long rows) {
    int count = Math.toIntExact(rows * scales.values().dimension(0));
    float[] atScales = new float[count];
    float[] atOffsets = new float[count];
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment encodedScales = arena.allocate(F32, count);
      MemorySegment encodedOffsets = arena.allocate(F32, count);
      format.readScales(
          blocks, encodedScales, offsets == null ? null : encodedOffsets, rows, inputs);
      byte[] block = new byte[format.type().blockBytes()];
      byte[] codes = new byte[format.blockSize()];
      int size = format.subBlockSize();
      for (int s = 0; s < count; s++) {
        int inBlock = s % format.subBlocks();
        if (inBlock == 0) {
          long at = (long) (s / format.subBlocks()) * block.length;
          MemorySegment.copy(blocks, ValueLayout.JAVA_BYTE, at, block, 0, block.length);
          format.readCodes(block, 0, codes);
        }
        float scale = encodedScales.getAtIndex(F32, s);
        float offset = encodedOffsets.getAtIndex(F32, s);
        float atScale = 0;
        float atOffset = 0;
        for (int i = 0; i < size; i++) {
          long element = (long) s * size + i;
          float g = gradient.getAtIndex(F32, element);
          float level = format.level(codes[inBlock * size + i] & 0xff);
          float apart = master.getAtIndex(F32, element) - offset;
          // Under a scale of zero everything but the offset is beyond the range.
          float x = apart == 0 ? 0 : apart / scale;
          if (x >= lowest && x <= highest) {
            atScale += g * (level - x);
          } else {
            atScale += g * level;
            atOffset += g;
            gradient.setAtIndex(F32, element, 0);
          }
        }
        atScales[s] = atScale;
        atOffsets[s] = atOffset;
      }
    }
    AdamW.Update own = update.withoutDecay(rate());
    scales.update(own, atScales, from, rows);
    if (offsets != null) {
      offsets.update(own, atOffsets, from, rows);
    }
  }
}
