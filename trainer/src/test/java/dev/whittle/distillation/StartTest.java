package dev.whittle.distillation;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.whittle.ggml.FileType;
import dev.whittle.ggml.GgmlType;
import dev.whittle.quantization.TypeSelection;
import dev.whittle.training.ScaleMode;
import java.nio.file.Path;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class StartTest {
  private static final Start FILE = new Start.Model(Path.of("start.gguf"));

  @ParameterizedTest
  @CsvSource({
    "Q4_0, FROZEN",
    "Q4_K_M, FROZEN",
    "MXFP4, FROZEN",
    "Q3_K_M, FROZEN",
    "Q2_K, REFIT",
    "TQ2_0, REFIT",
    "IQ4_XS, REFIT"
  })
  void scalesThatWereChosenStayFromThreeBitsOn(FileType type, ScaleMode expected) {
    TypeSelection types = TypeSelection.of(type);
    assertEquals(expected, new Start.Gptq().scales(types));
    assertEquals(expected, new Start.Blockwise().scales(types));
    assertEquals(expected, FILE.scales(types));
  }

  @Test
  void otherScalesAreFitted() {
    TypeSelection types = TypeSelection.of(FileType.Q4_0);
    assertEquals(ScaleMode.REFIT, new Start.RoundToNearest().scales(types));
    assertEquals(ScaleMode.REFIT, new Start.Importance().scales(types));
  }

  @Test
  void noScalesStayWhereAnyTypeHasOnesThatCannot() {
    TypeSelection types = TypeSelection.of(FileType.Q4_0);
    assertEquals(
        ScaleMode.REFIT,
        FILE.scales(types.withTensorType(Pattern.compile("ffn_down"), GgmlType.IQ4_XS)));
    assertEquals(ScaleMode.REFIT, FILE.scales(types.withOutputType(GgmlType.IQ4_XS)));
    assertEquals(ScaleMode.FROZEN, FILE.scales(types.withOutputType(GgmlType.Q6_K)));
  }
}
