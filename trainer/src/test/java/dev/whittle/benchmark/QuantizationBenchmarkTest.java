package dev.whittle.benchmark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.ggml.GgmlType;
import org.junit.jupiter.api.Test;

class QuantizationBenchmarkTest {
  private static final QuantizationBenchmark SHORT = new QuantizationBenchmark(1e-3, 3);

  @Test
  void encodersAreMeasuredBesideGgmls() {
    QuantizationBenchmark.Speed speed = SHORT.measure(GgmlType.Q2_K).weighted();
    assertNotNull(speed.ggmlWeightsPerSecond());
    assertEquals(
        speed.weightsPerSecond().median() / speed.ggmlWeightsPerSecond().median(),
        speed.speedup(),
        1e-12);
    double error = speed.relativeError();
    assertTrue(error > 0.5 && error < 1, () -> "relative error " + error);
  }

  @Test
  void ggmlsEncoderIsMeasuredOnceWhereItIsUsed() {
    QuantizationBenchmark.Result result = SHORT.measure(GgmlType.IQ2_XXS);
    assertNull(result.equal(), "it needs an importance");
    assertTrue(result.weighted().weightsPerSecond().min() > 0);
    assertNull(result.weighted().ggmlWeightsPerSecond());
  }
}
