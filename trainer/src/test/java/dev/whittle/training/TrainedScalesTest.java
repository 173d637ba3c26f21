package dev.whittle.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.blocks.BlockEncoders;
import dev.whittle.blocks.BlockFormat;
import dev.whittle.blocks.Effort;
import dev.whittle.ggml.Backend;
import dev.whittle.ggml.BlockCodec;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.TensorContext;
import dev.whittle.optimizer.AdamW;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Random weights and random gradients at what they decode to.
class TrainedScalesTest {
  private static final int INPUTS = 512;
  private static final int ROWS = 3;
  private static final int N = INPUTS * ROWS;
  private static final double RATE = 1e-3;

  private final Backend backend = Backend.cpu(1);
  private final TensorContext context = new TensorContext(8);
  private final Arena arena = Arena.ofConfined();

  @AfterEach
  void close() {
    arena.close();
    context.close();
    backend.close();
  }

  private TrainedScales scales(GgmlType type) {
    TrainedScales scales =
        new TrainedScales(context, BlockFormat.of(type).orElseThrow(), INPUTS, ROWS);
    context.allocate(backend);
    return scales;
  }

  private MemorySegment gaussians(long seed, double deviation) {
    Random random = new Random(seed);
    MemorySegment values = arena.allocate(ValueLayout.JAVA_FLOAT, N);
    for (int i = 0; i < N; i++) {
      values.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (deviation * random.nextGaussian()));
    }
    return values;
  }

  private MemorySegment fitted(GgmlType type, MemorySegment master) {
    MemorySegment blocks = arena.allocate(ROWS * type.rowBytes(INPUTS));
    BlockEncoders.fitted(type, Effort.FAST).encode(master, blocks, ROWS, INPUTS, null);
    return blocks;
  }

  private float[] decode(GgmlType type, MemorySegment blocks) {
    MemorySegment decoded = arena.allocate(ValueLayout.JAVA_FLOAT, N);
    BlockCodec.of(type).decode(blocks, decoded, N);
    return decoded.toArray(ValueLayout.JAVA_FLOAT);
  }

  /// The derivative with rounding passed straight through is that of s · (clip(x) + r) + o, where x
  /// = (w − o) / s and r is what rounding adds, a constant.
  @ParameterizedTest
  @EnumSource(
      value = GgmlType.class,
      names = {"Q2_K", "Q3_K", "Q4_K", "Q4_0", "Q4_1", "TQ2_0", "Q2_0", "MXFP4", "NVFP4", "IQ4_NL"})
  void theGradientIsThatOfStraightThroughRounding(GgmlType type) {
    BlockFormat format = BlockFormat.of(type).orElseThrow();
    TrainedScales scales = scales(type);
    MemorySegment master = gaussians(3, 1);
    MemorySegment gradient = gaussians(4, 1);
    MemorySegment blocks = fitted(type, master);
    int count = N / format.subBlockSize();
    MemorySegment s = arena.allocate(ValueLayout.JAVA_FLOAT, count);
    MemorySegment o = arena.allocate(ValueLayout.JAVA_FLOAT, count);
    format.readScales(blocks, s, format.hasOffsets() ? o : null, ROWS, INPUTS);
    float[] w = master.toArray(ValueLayout.JAVA_FLOAT);
    float[] g = gradient.toArray(ValueLayout.JAVA_FLOAT);
    float[] y = decode(type, blocks);
    float[] scale = s.toArray(ValueLayout.JAVA_FLOAT);
    float[] offset = o.toArray(ValueLayout.JAVA_FLOAT);

    scales.take(blocks, 0, ROWS);
    // Without decay of the first moment, that is the gradient.
    AdamW adam = new AdamW(0, 0.9f, 1e-12f);
    scales.update(
        adam.at(new AdamW.Step(1, (float) RATE, 0.5f, 1)), master, gradient, blocks, 0, ROWS);

    float[] atScales = scales.tensors().get("scale.m").readFloats();
    float[] moved = scales.tensors().get("scale.master").readFloats();
    float[] masked = gradient.toArray(ValueLayout.JAVA_FLOAT);
    Range range = Range.of(format);
    for (int b = 0; b < count; b++) {
      double sum = 0;
      double size = 0;
      double atOffset = 0;
      for (int i = b * format.subBlockSize(); i < (b + 1) * format.subBlockSize(); i++) {
        double h = 1e-6 * scale[b];
        double slope =
            (range.value(w[i], scale[b] + h, offset[b], y[i], scale[b], offset[b])
                    - range.value(w[i], scale[b] - h, offset[b], y[i], scale[b], offset[b]))
                / (2 * h);
        sum += g[i] * slope;
        size += Math.abs(g[i] * slope);
        double x = ((double) w[i] - offset[b]) / scale[b];
        boolean inside = x >= range.lowest() && x <= range.highest();
        atOffset += inside ? 0 : g[i];
        assertEquals(inside ? g[i] : 0, masked[i]);
      }
      // Float32 sums against differences of float64: a thousandth of what is added up.
      assertEquals(sum, atScales[b], 1e-3 * size);
      assertEquals(scale[b] - RATE * scales.rate() * Math.signum(atScales[b]), moved[b], 1e-6);
      if (format.hasOffsets()) {
        float[] atOffsets = scales.tensors().get("offset.m").readFloats();
        assertEquals(atOffset, atOffsets[b], 1e-4);
      }
    }
  }

  private record Range(double lowest, double highest) {
    static Range of(BlockFormat format) {
      double lowest = 0;
      double highest = 0;
      for (int code = 0; code < format.codes(); code++) {
        lowest = Math.min(lowest, format.level(code));
        highest = Math.max(highest, format.level(code));
      }
      return new Range(lowest, highest);
    }

    /// What a weight that decoded to `y` under s0 and o0 decodes to under s and o.
    double value(double w, double s, double o, double y, double s0, double o0) {
      double rounding = (y - o0) / s0 - Math.clamp((w - o0) / s0, lowest, highest);
      return s * (Math.clamp((w - o) / s, lowest, highest) + rounding) + o;
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = GgmlType.class,
      names = {"Q2_K", "Q3_K", "Q4_K", "Q4_0", "Q4_1", "Q8_0", "NVFP4"})
  void aScaleOfZeroLearns(GgmlType type) {
    TrainedScales scales = scales(type);
    // The scales and offsets are zeros.
    MemorySegment master = gaussians(5, 0.1);
    float[] wanted = master.toArray(ValueLayout.JAVA_FLOAT);
    double energy = 0;
    for (float w : wanted) {
      energy += w * w;
    }
    MemorySegment blocks = arena.allocate(ROWS * type.rowBytes(INPUTS));
    MemorySegment gradient = arena.allocate(ValueLayout.JAVA_FLOAT, N);
    AdamW adam = new AdamW(0.9f, 0.99f, 1e-12f);
    double error = 0;
    for (int step = 1; step <= 200; step++) {
      scales.encode(master, blocks, 0, ROWS);
      float[] decoded = decode(type, blocks);
      error = 0;
      for (int i = 0; i < N; i++) {
        float apart = decoded[i] - wanted[i];
        gradient.setAtIndex(ValueLayout.JAVA_FLOAT, i, apart);
        error += apart * apart;
      }
      scales.update(adam.at(new AdamW.Step(step, 1e-2f, 0, 1)), master, gradient, blocks, 0, ROWS);
    }
    assertTrue(error < 0.5 * energy, error + " of " + energy);
  }

  @ParameterizedTest
  @EnumSource(
      value = GgmlType.class,
      names = {"Q2_K", "Q3_K", "Q6_K", "Q4_0", "TQ1_0", "MXFP4"})
  void scalesThatWereTakenEncodeTheSameBlocks(GgmlType type) {
    TrainedScales scales = scales(type);
    assertTrue(scales.bytes() > 0);
    MemorySegment master = gaussians(4, 1);
    MemorySegment blocks = fitted(type, master);
    float[] before = decode(type, blocks);
    scales.take(blocks, 0, ROWS);
    scales.encode(master, blocks, 0, ROWS);
    assertArrayEquals(before, decode(type, blocks));
  }
}
