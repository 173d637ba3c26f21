package dev.whittle.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.ggml.Backend;
import dev.whittle.ggml.BlockCodec;
import dev.whittle.ggml.FileType;
import dev.whittle.ggml.GgmlType;
import dev.whittle.gguf.TensorInfo;
import dev.whittle.huggingface.HuggingFaceCheckpoint;
import dev.whittle.huggingface.TinyCheckpoint;
import dev.whittle.model.ModelFile;
import dev.whittle.optimizer.AdamW;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Weights of a small random model.
class TrainedWeightsTest {
  /// Its rows are whole blocks.
  private static final String MATRIX = "blk.1.attn_output.weight";

  private static final String NORM = "blk.0.attn_norm.weight";

  @TempDir Path folder;

  private Backend backend;
  private Workers workers;
  private ModelFile model;

  @BeforeEach
  void open() throws Exception {
    backend = Backend.cpu(1);
    workers = new Workers(1);
    Path file = folder.resolve("model.gguf");
    try (HuggingFaceCheckpoint checkpoint =
        HuggingFaceCheckpoint.open(TinyCheckpoint.qwen3(1).write(folder.resolve("model")))) {
      checkpoint.writeGguf(file, GgmlType.F32, false);
    }
    model = ModelFile.open(file);
  }

  @AfterEach
  void close() {
    model.close();
    workers.close();
    backend.close();
  }

  private TrainedWeights weights(ScaleMode scales, DecayTarget target) {
    return weights(scales, target, 0);
  }

  private TrainedWeights weights(ScaleMode scales, DecayTarget target, double averageDecay) {
    return new TrainedWeights(
        backend,
        model,
        TrainedWeightsTest::type,
        tensor -> null,
        new WeightSettings(Forward.DECODED, MomentType.F32, scales, target, averageDecay),
        workers);
  }

  private static GgmlType type(TensorInfo tensor) {
    return tensor.rows() > 1 && tensor.rowLength() % 32 == 0 ? GgmlType.Q4_0 : GgmlType.F32;
  }

  private static void perturb(Parameter p, double share) {
    float[] values = p.master().readFloats();
    Random random = new Random(7);
    double size = 0;
    for (float v : values) {
      size += v * v;
    }
    double step = share * Math.sqrt(size / values.length);
    for (int i = 0; i < values.length; i++) {
      values[i] += (float) (step * random.nextGaussian());
    }
    p.master().write(values);
  }

  @ParameterizedTest
  @EnumSource
  void weightsWithoutAGradientDecayToTheTarget(DecayTarget target) {
    try (TrainedWeights weights = weights(ScaleMode.REFIT, target)) {
      weights.encode();
      Parameter p = weights.parameter(MATRIX);
      float[] start = p.master().readFloats();
      perturb(p, 0.3);
      float[] moved = p.master().readFloats();
      weights.clearGradients();
      weights.update(AdamW.DEFAULT, group -> new AdamW.Step(1, 0.1f, 0.5f, 1));
      float[] decayed = p.master().readFloats();
      for (int i = 0; i < start.length; i++) {
        float goal = target == DecayTarget.START ? start[i] : 0;
        assertEquals(moved[i] + 0.05f * (goal - moved[i]), decayed[i], 1e-6);
      }
    }
  }

  /// With a decay of 0.6, two steps count the same, and the third one 0.4.
  @ParameterizedTest
  @EnumSource
  void theAverageTakesThePlaceOfTheWeightsAndGivesItBack(ScaleMode mode) {
    try (TrainedWeights weights = weights(mode, DecayTarget.ZERO, 0.6)) {
      weights.encode();
      Parameter matrix = weights.parameter(MATRIX);
      Parameter norm = weights.parameter(NORM);
      float[] expected = new float[(int) matrix.elements()];
      float[] expectedNorm = new float[(int) norm.elements()];
      for (int step = 1; step <= 3; step++) {
        perturb(matrix, 0.1 * step);
        perturb(norm, 0.1 * step);
        weights.clearGradients();
        AdamW.Step still = new AdamW.Step(step, 0, 0, 1);
        weights.update(AdamW.DEFAULT, group -> still);
        float share = step == 3 ? 0.4f : 1f / step;
        approach(expected, matrix, share);
        approach(expectedNorm, norm, share);
      }
      weights.encodeAgain();
      float[] latest = matrix.master().readFloats();
      float[] latestNorm = norm.master().readFloats();
      float[] blocks = decode(matrix);

      weights.swapAverage();
      assertArrayEquals(expected, matrix.master().readFloats(), 1e-6f);
      assertArrayEquals(expectedNorm, norm.blocks().readFloats(), 1e-6f);
      float[] averaged = decode(matrix);
      assertTrue(distance(averaged, expected) < distance(blocks, expected));

      weights.swapAverage();
      assertArrayEquals(latest, matrix.master().readFloats());
      assertArrayEquals(latestNorm, norm.blocks().readFloats());
      assertArrayEquals(blocks, decode(matrix));
    }
  }

  private static void approach(float[] mean, Parameter p, float share) {
    float[] values = p.master().readFloats();
    for (int i = 0; i < mean.length; i++) {
      mean[i] += share * (values[i] - mean[i]);
    }
  }

  /// The noise moves about a tenth of the weights to other levels.
  @ParameterizedTest
  @EnumSource
  void aFilesBlocksStayUntilSomethingMoves(ScaleMode mode) throws Exception {
    Path file = folder.resolve("start.gguf");
    try (TrainedWeights other = weights(ScaleMode.REFIT, DecayTarget.ZERO)) {
      perturb(other.parameter(MATRIX), 0.03);
      other.encode();
      TrainedModelFile.write(file, false, model.file(), other, FileType.Q4_0, "by another method");
    }
    try (TrainedWeights weights = weights(mode, DecayTarget.ZERO);
        ModelFile start = ModelFile.open(file)) {
      weights.startFrom(start);
      Parameter p = weights.parameter(MATRIX);
      MemorySegment data = start.file().data(start.file().require(MATRIX));
      assertEquals(GgmlType.Q4_0, p.type());
      assertEquals(-1, p.blocks().host().mismatch(data));
      float[] decoded = decode(p);
      float[] original = floats(model.file().data(model.file().require(MATRIX)));
      float[] master = p.master().readFloats();
      if (mode == ScaleMode.REFIT) {
        assertArrayEquals(decoded, master);
      } else {
        assertTrue(distance(master, original) < 0.5 * distance(decoded, original));
        weights.encodeAgain();
        assertArrayEquals(decoded, decode(p));
      }
    }
  }

  /// The blocks of other weights say nothing of where in an interval these ones lie.
  @Test
  void mastersFollowAFileOfOtherWeights() throws Exception {
    Path file = folder.resolve("rotated.gguf");
    try (TrainedWeights other = weights(ScaleMode.REFIT, DecayTarget.ZERO)) {
      perturb(other.parameter(MATRIX), 2);
      other.encode();
      TrainedModelFile.write(file, false, model.file(), other, FileType.Q4_0, "rotated");
    }
    try (TrainedWeights weights = weights(ScaleMode.FROZEN, DecayTarget.ZERO);
        ModelFile start = ModelFile.open(file)) {
      weights.startFrom(start);
      Parameter p = weights.parameter(MATRIX);
      assertArrayEquals(decode(p), p.master().readFloats());
    }
  }

  private static float[] decode(Parameter p) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment values = arena.allocate(ValueLayout.JAVA_FLOAT, p.elements());
      BlockCodec.of(p.type()).decode(p.blocks().host(), values, p.elements());
      return values.toArray(ValueLayout.JAVA_FLOAT);
    }
  }

  private static float[] floats(MemorySegment data) {
    return data.toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
  }

  private static double distance(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += Math.pow((double) a[i] - b[i], 2);
    }
    return Math.sqrt(sum);
  }
}
