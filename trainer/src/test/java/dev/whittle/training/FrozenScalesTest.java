package dev.whittle.training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import dev.whittle.blocks.BlockEncoders;
import dev.whittle.blocks.BlockFormat;
import dev.whittle.blocks.Effort;
import dev.whittle.ggml.Backend;
import dev.whittle.ggml.BlockCodec;
import dev.whittle.ggml.Device;
import dev.whittle.ggml.DeviceSelection;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Tensor;
import dev.whittle.ggml.TensorContext;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Blocks that are encoded again under the scales that they have, on the CPU and on every GPU there
/// is: byte for byte those that [BlockFormat#round] makes of the same masters.
class FrozenScalesTest {
  private static final int INPUTS = 512;
  private static final int ROWS = 70;
  private static final int N = INPUTS * ROWS;

  private final Arena arena = Arena.ofConfined();

  @AfterEach
  void close() {
    arena.close();
  }

  static Stream<Arguments> devicesAndTypes() {
    List<GgmlType> types =
        Arrays.stream(GgmlType.values()).filter(t -> BlockFormat.of(t).isPresent()).toList();
    return Stream.concat(
            Stream.of(Device.cpu()), DeviceSelection.automatic().accelerators().stream())
        .flatMap(device -> types.stream().map(type -> Arguments.of(device, type)));
  }

  /// Multiples of 2⁻¹⁰, so that some lie half-way between two levels, in rows of very different
  /// size; before they moved, every fifth row was zero.
  private MemorySegment masters(boolean moved) {
    Random random = new Random(3);
    MemorySegment values = arena.allocate(ValueLayout.JAVA_FLOAT, N);
    for (int i = 0; i < N; i++) {
      int row = i / INPUTS;
      double z = random.nextGaussian();
      double step = random.nextGaussian();
      double value = moved ? z + 0.3 * step : row % 5 == 0 ? 0 : z;
      values.setAtIndex(
          ValueLayout.JAVA_FLOAT, i, Math.scalb((float) Math.rint(value * 1024), -10 - row % 16));
    }
    return values;
  }

  private MemorySegment fitted(GgmlType type, MemorySegment values) {
    MemorySegment blocks = arena.allocate(ROWS * type.rowBytes(INPUTS));
    BlockEncoders.fitted(type, Effort.FAST).encode(values, blocks, ROWS, INPUTS, null);
    return blocks;
  }

  @ParameterizedTest
  @MethodSource("devicesAndTypes")
  void theCodesAreThoseOfTheHost(Device device, GgmlType type) {
    MemorySegment start = fitted(type, masters(false));
    MemorySegment masters = masters(true);
    MemorySegment expected = arena.allocate(start.byteSize()).copyFrom(start);
    BlockFormat.of(type).orElseThrow().round(masters, expected, ROWS, INPUTS);
    assertNotEquals(-1, expected.mismatch(start));
    try (Backend backend = Backend.on(device, 1);
        Workers workers = new Workers(1);
        TensorContext context = new TensorContext(8)) {
      Parameter p =
          new Parameter(
              "w",
              Parameter.Group.MATRIX,
              type,
              context.newTensor(GgmlType.F32, INPUTS, ROWS),
              context.newTensor(type, INPUTS, ROWS),
              context.newTensor(GgmlType.BF16, INPUTS, ROWS),
              context.newTensor(GgmlType.BF16, ROWS, INPUTS),
              context.newTensor(GgmlType.F32, INPUTS, ROWS),
              MomentType.F32.newMoments(context, INPUTS, ROWS),
              null,
              ScaleMode.FROZEN,
              null);
      context.allocate(backend);
      p.master().write(masters, 0);
      p.blocks().write(start, 0);
      try (ParameterKernels kernels = ParameterKernels.on(backend, workers, List.of(p))) {
        kernels.encodeAgain(List.of(p));
      }
      assertEquals(-1, read(p.blocks()).mismatch(expected));
      MemorySegment values = arena.allocate(ValueLayout.JAVA_FLOAT, N);
      BlockCodec.of(type).decode(expected, values, N);
      MemorySegment decoded = arena.allocate(ValueLayout.JAVA_SHORT, N);
      BFloat16.round(values, decoded, N);
      assertEquals(-1, read(p.decoded()).mismatch(decoded));
      MemorySegment transposed = arena.allocate(ValueLayout.JAVA_SHORT, N);
      BFloat16.transpose(values, ROWS, INPUTS, transposed, 0, ROWS);
      assertEquals(-1, read(p.transposed()).mismatch(transposed));
    }
  }

  private MemorySegment read(Tensor tensor) {
    MemorySegment bytes = arena.allocate(tensor.bytes());
    tensor.read(bytes, 0);
    return bytes;
  }
}
