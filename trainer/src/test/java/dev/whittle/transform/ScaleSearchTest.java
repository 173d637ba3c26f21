package dev.whittle.transform;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.ggml.Backend;
import dev.whittle.ggml.FileType;
import dev.whittle.ggml.GgmlType;
import dev.whittle.gguf.TensorInfo;
import dev.whittle.gptq.Hessian;
import dev.whittle.model.ModelConfig;
import dev.whittle.quantization.QuantizationMethod;
import dev.whittle.quantization.QuantizationPlan;
import dev.whittle.quantization.QuantizationPlan.Assignment;
import dev.whittle.training.Workers;
import dev.whittle.transform.ScaleSearch.Reader;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class ScaleSearchTest {
  private static final String NAME = "blk.0.attn_output.weight";
  private static final String VALUE = "blk.0.attn_v.weight";
  private static final int COLUMNS = 64;
  private static final int ROWS = 48;
  private static final int TOKENS = 200;

  private final Backend backend = Backend.cpu(1);
  private final Workers workers = new Workers(1);

  @AfterEach
  void close() {
    workers.close();
    backend.close();
  }

  /// Every eighth input is twenty times as large as the others.
  @Test
  void largeInputsGetFinerSteps() {
    SiteInputs inputs = inputs(20);
    Reader reader = reader();
    ScaleSearch search = search(GgmlType.Q4_0);
    float[] scales = search.search(inputs, List.of(reader), Sharing.NONE);
    double plain = search.rounded(reader, inputs, LayerFolds.ones(COLUMNS)).error();
    double scaled = search.rounded(reader, inputs, scales).error();
    assertTrue(scaled < 0.5 * plain, scaled + " against " + plain);
    assertTrue(scales[8] > 2 * scales[9], scales[8] + " against " + scales[9]);
  }

  @Test
  void inputsThatShareAChannelShareItsScale() {
    float[] scales = search(GgmlType.Q4_0).search(inputs(20), List.of(reader()), new Sharing(4, 2));
    assertTrue(scales[8] > 1.5 * scales[9], scales[8] + " against " + scales[9]);
    for (int i = 0; i < COLUMNS; i++) {
      if (i / 16 % 2 == 0) {
        assertEquals(scales[i], scales[i + 16], "inputs " + i + " and " + (i + 16));
      }
    }
  }

  @Test
  void whatStaysAsItIsGetsNoScales() {
    float[] scales = search(GgmlType.F16).search(inputs(20), List.of(reader()), Sharing.NONE);
    assertArrayEquals(LayerFolds.ones(COLUMNS), scales);
  }

  @Test
  void learningImprovesOnTheSearch() {
    SiteInputs inputs = inputs(20);
    Reader reader = reader();
    ScaleSearch search = search(GgmlType.Q4_0);
    OutputError errors = new OutputError(new Products(backend), rounding(GgmlType.Q4_0));
    float[] searched = search.search(inputs, List.of(reader), Sharing.NONE);
    float[] learned =
        new LearnedScales(search, errors, 60).learn(inputs, List.of(reader), Sharing.NONE);
    double before = search.rounded(reader, inputs, searched).error();
    double after = search.rounded(reader, inputs, learned).error();
    assertTrue(after < 0.97 * before, after + " against " + before);
  }

  @Test
  void headsAreLearned() {
    ModelConfig config =
        new ModelConfig("qwen3", COLUMNS, 1, 4, 2, 16, 64, 8, 8, 1e-5f, 1e4f, 1, true);
    OutputError errors = new OutputError(new Products(backend), rounding(GgmlType.Q4_0));
    Reader value = new Reader(VALUE, Arrays.copyOf(reader().values(), 32 * COLUMNS));
    float[] hessian = inputs(20).hessian().sums();
    BlockDiagonal start =
        BlockDiagonal.repeated(new Scaling(LayerFolds.ones(16)), config.keyValueHeads());
    LearnedHeads heads = new LearnedHeads(config, errors, 60);
    Reader output = reader(COLUMNS);
    BlockDiagonal learned = heads.learn(value, hessian, output, hessian, List.of(start));
    double before = heads.error(value, hessian, output, hessian, start);
    double after = heads.error(value, hessian, output, hessian, learned);
    assertTrue(after < 0.97 * before, after + " against " + before);
  }

  private TrialRounding rounding(GgmlType type) {
    TensorInfo tensor = new TensorInfo(NAME, GgmlType.F32, List.of((long) COLUMNS, (long) ROWS), 0);
    TensorInfo value = new TensorInfo(VALUE, GgmlType.F32, List.of((long) COLUMNS, 32L), 0);
    QuantizationPlan plan =
        new QuantizationPlan(
            FileType.Q4_0,
            List.of(
                new Assignment(tensor, type, type, false),
                new Assignment(value, type, type, false)));
    return new TrialRounding(plan, QuantizationMethod.RTN, workers);
  }

  private ScaleSearch search(GgmlType type) {
    return new ScaleSearch(new OutputError(new Products(backend), rounding(type)));
  }

  private static Reader reader() {
    return reader(ROWS);
  }

  private static Reader reader(int rows) {
    Random random = new Random(2);
    float[] values = new float[rows * COLUMNS];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return new Reader(NAME, values);
  }

  private static SiteInputs inputs(float large) {
    Random random = new Random(1);
    float[] sums = new float[COLUMNS * COLUMNS];
    float[] maxima = new float[COLUMNS];
    for (int token = 0; token < TOKENS; token++) {
      float[] x = new float[COLUMNS];
      for (int i = 0; i < COLUMNS; i++) {
        x[i] = (float) random.nextGaussian() * (i % 8 == 0 ? large : 1);
        maxima[i] = Math.max(maxima[i], Math.abs(x[i]));
      }
      for (int i = 0; i < COLUMNS; i++) {
        for (int j = 0; j < COLUMNS; j++) {
          sums[i * COLUMNS + j] += x[i] * x[j];
        }
      }
    }
    return new SiteInputs(
        List.of("attn_output.weight"), new Hessian(COLUMNS, sums, TOKENS), maxima);
  }
}
