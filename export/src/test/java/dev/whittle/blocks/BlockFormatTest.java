package dev.whittle.blocks;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.ggml.GgmlType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class BlockFormatTest {
  private static final int BLOCKS = 200;

  static Stream<BlockFormat> formats() {
    return Blocks.formats();
  }

  @ParameterizedTest
  @MethodSource("formats")
  void decodesAsGgmlDoes(BlockFormat format) {
    byte[] blocks = randomBlocks(format);
    float[] decoded = Blocks.decode(format.type(), blocks);
    Grid grid = format.newGrid();
    byte[] codes = new byte[format.blockSize()];
    for (int b = 0; b < BLOCKS; b++) {
      int at = b * format.type().blockBytes();
      grid.read(blocks, at);
      format.readCodes(blocks, at, codes);
      for (int i = 0; i < codes.length; i++) {
        float value = grid.value(i, codes[i] & 0xff);
        assertEquals(decoded[b * codes.length + i], value, 0, () -> "block at " + at);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("formats")
  void writesWhatItReads(BlockFormat format) {
    byte[] blocks = randomBlocks(format);
    byte[] written = rewrite(format, blocks);
    assertArrayEquals(Blocks.decode(format.type(), blocks), Blocks.decode(format.type(), written));
    if (format.type() != GgmlType.TQ1_0) {
      assertArrayEquals(blocks, written);
    } else {
      // Several bytes stand for the same five digits.
      assertArrayEquals(written, rewrite(format, written));
    }
  }

  private static byte[] rewrite(BlockFormat format, byte[] blocks) {
    byte[] written = new byte[blocks.length];
    Grid grid = format.newGrid();
    byte[] codes = new byte[format.blockSize()];
    for (int at = 0; at < blocks.length; at += format.type().blockBytes()) {
      grid.read(blocks, at);
      format.readCodes(blocks, at, codes);
      grid.write(codes, written, at);
    }
    return written;
  }

  @ParameterizedTest
  @MethodSource("formats")
  void scalesThatWereReadCanBeSetAgain(BlockFormat format) {
    byte[] blocks = randomBlocks(format);
    Grid read = format.newGrid();
    Grid set = format.newGrid();
    for (int at = 0; at < blocks.length; at += format.type().blockBytes()) {
      read.read(blocks, at);
      set.set(scales(read), format.hasOffsets() ? offsets(read) : null);
      for (int s = 0; s < format.subBlocks(); s++) {
        // Zero may change its sign.
        assertEquals(read.scale(s), set.scale(s), 0);
        assertEquals(read.offset(s), set.offset(s), 0);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("formats")
  void roundingKeepsTheScales(BlockFormat format) {
    float[] values = Rows.GAUSSIAN.generate();
    float[] moved = Rows.MODEL.generate();
    BlockEncoder encoder = BlockEncoders.fitted(format.type(), Effort.FAST);
    byte[] blocks = Blocks.encode(encoder, values, Rows.LENGTH, null);
    byte[] rounded;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment segment = arena.allocateFrom(ValueLayout.JAVA_BYTE, blocks);
      format.round(
          arena.allocateFrom(ValueLayout.JAVA_FLOAT, moved), segment, Rows.COUNT, Rows.LENGTH);
      rounded = segment.toArray(ValueLayout.JAVA_BYTE);
    }
    float[] decoded = Blocks.decode(format.type(), rounded);
    Grid before = format.newGrid();
    Grid after = format.newGrid();
    int size = format.blockSize();
    for (int b = 0; b < values.length / size; b++) {
      before.read(blocks, b * format.type().blockBytes());
      after.read(rounded, b * format.type().blockBytes());
      assertArrayEquals(scales(before), scales(after));
      assertArrayEquals(offsets(before), offsets(after));
      for (int i = 0; i < size; i++) {
        float value = moved[b * size + i];
        float nearest = before.value(i, before.code(i, value));
        float error = Math.abs(value - decoded[b * size + i]);
        // The middle between two levels may go either way.
        assertTrue(error <= Math.abs(value - nearest) + 1e-6f * Math.abs(nearest));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("formats")
  void confinedValuesAreRoundedToTheLevelsThereAre(BlockFormat format) {
    float[] values = Rows.GAUSSIAN.generate();
    float[] others = Rows.MODEL.generate();
    BlockEncoder encoder = BlockEncoders.fitted(format.type(), Effort.FAST);
    byte[] blocks = Blocks.encode(encoder, values, Rows.LENGTH, null);
    float[] decoded = Blocks.decode(format.type(), blocks);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment segment = arena.allocateFrom(ValueLayout.JAVA_BYTE, blocks);
      MemorySegment confined = arena.allocateFrom(ValueLayout.JAVA_FLOAT, others);
      format.confine(confined, segment, Rows.COUNT, Rows.LENGTH);
      format.round(confined, segment, Rows.COUNT, Rows.LENGTH);
      assertArrayEquals(
          decoded, Blocks.decode(format.type(), segment.toArray(ValueLayout.JAVA_BYTE)));

      // What is rounded so already is not moved.
      MemorySegment same = arena.allocateFrom(ValueLayout.JAVA_FLOAT, decoded);
      format.confine(same, segment, Rows.COUNT, Rows.LENGTH);
      assertArrayEquals(decoded, same.toArray(ValueLayout.JAVA_FLOAT));
    }
  }

  @ParameterizedTest
  @MethodSource("formats")
  void wantedScalesAreEncoded(BlockFormat format) {
    float[] values = Rows.GAUSSIAN.generate();
    BlockEncoder encoder = BlockEncoders.fitted(format.type(), Effort.FAST);
    byte[] blocks = Blocks.encode(encoder, values, Rows.LENGTH, null);
    try (Arena arena = Arena.ofConfined()) {
      int count = values.length / format.subBlockSize();
      MemorySegment scales = arena.allocate(ValueLayout.JAVA_FLOAT, count);
      MemorySegment offsets =
          format.hasOffsets() ? arena.allocate(ValueLayout.JAVA_FLOAT, count) : null;
      MemorySegment segment = arena.allocateFrom(ValueLayout.JAVA_BYTE, blocks);
      format.readScales(segment, scales, offsets, Rows.COUNT, Rows.LENGTH);
      MemorySegment again = arena.allocate(blocks.length);
      MemorySegment src = arena.allocateFrom(ValueLayout.JAVA_FLOAT, values);
      format.encode(src, scales, offsets, again, Rows.COUNT, Rows.LENGTH);
      // The steps of superblocks may be written differently; what is decoded is the same.
      assertArrayEquals(
          Blocks.decode(format.type(), blocks),
          Blocks.decode(format.type(), again.toArray(ValueLayout.JAVA_BYTE)));

      scales.setAtIndex(ValueLayout.JAVA_FLOAT, 5, Float.NaN);
      var e =
          assertThrows(
              IllegalArgumentException.class,
              () -> format.encode(src, scales, offsets, again, Rows.COUNT, Rows.LENGTH));
      assertEquals("the scale of sub-block 5 is NaN", e.getMessage());
    }
  }

  @ParameterizedTest
  @MethodSource("formats")
  void negativeScalesAreEncodedAsTheNearest(BlockFormat format) {
    float[] values = Rows.GAUSSIAN.generate();
    BlockEncoder encoder = BlockEncoders.fitted(format.type(), Effort.FAST);
    try (Arena arena = Arena.ofConfined()) {
      int count = values.length / format.subBlockSize();
      MemorySegment src = arena.allocateFrom(ValueLayout.JAVA_FLOAT, values);
      byte[] blocks = Blocks.encode(encoder, values, Rows.LENGTH, null);
      MemorySegment segment = arena.allocateFrom(ValueLayout.JAVA_BYTE, blocks);
      MemorySegment scales = arena.allocate(ValueLayout.JAVA_FLOAT, count);
      format.readScales(segment, scales, null, Rows.COUNT, Rows.LENGTH);
      float[] wanted = new float[count];
      for (int s = 0; s < count; s++) {
        wanted[s] = -Math.abs(scales.getAtIndex(ValueLayout.JAVA_FLOAT, s));
      }
      scales.copyFrom(MemorySegment.ofArray(wanted));
      format.encode(src, scales, null, segment, Rows.COUNT, Rows.LENGTH);
      format.readScales(segment, scales, null, Rows.COUNT, Rows.LENGTH);
      for (int s = 0; s < count; s++) {
        // Zero can be encoded, or next to nothing.
        float scale = scales.getAtIndex(ValueLayout.JAVA_FLOAT, s);
        assertTrue(Math.abs(scale - wanted[s]) <= Math.abs(wanted[s]) + 1e-30f);
      }
    }
  }

  /// One element after the other, as GPTQ quantizes, gives the block that encoding gives.
  @ParameterizedTest
  @MethodSource("formats")
  void fittedGridsQuantizeElementByElement(BlockFormat format) {
    float[] values = Rows.MODEL.generate();
    BlockEncoder encoder = BlockEncoders.fitted(format.type(), Effort.FAST);
    float[] expected =
        Blocks.decode(format.type(), Blocks.encode(encoder, values, Rows.LENGTH, null));
    int size = format.blockSize();
    Grid[] grids = grids(format, values.length / size);
    format.fit(grids, values, null, Effort.FAST);
    byte[] codes = new byte[size];
    byte[] block = new byte[format.type().blockBytes()];
    for (int b = 0; b < grids.length; b++) {
      for (int i = 0; i < size; i++) {
        codes[i] = (byte) grids[b].code(i, values[b * size + i]);
      }
      grids[b].write(codes, block, 0);
      float[] decoded = Blocks.decode(format.type(), block);
      for (int i = 0; i < size; i++) {
        double ours = Math.abs((double) values[b * size + i] - decoded[i]);
        double encoded = Math.abs((double) values[b * size + i] - expected[b * size + i]);
        assertEquals(encoded, ours, 1e-6 * Math.abs(decoded[i]), "the middle may go either way");
      }
    }
  }

  @ParameterizedTest
  @MethodSource("formats")
  void refittedSubBlocksFollowTheirValues(BlockFormat format) {
    float[] values = Rows.MODEL.generate();
    int size = format.blockSize();
    int part = format.subBlockSize();
    Grid[] grids = grids(format, values.length / size);
    format.fit(grids, values, null, Effort.FAST);
    for (int sub = 0; sub < format.subBlocks(); sub++) {
      float[] moved = new float[grids.length * part];
      double before = 0;
      for (int b = 0; b < grids.length; b++) {
        for (int i = 0; i < part; i++) {
          moved[b * part + i] = 0.7f * values[b * size + sub * part + i];
        }
        before += error(grids[b], sub, moved, b);
      }
      float step = grids[0].scale((sub + 1) % format.subBlocks());
      format.refit(grids, sub, moved, null, Effort.FAST);
      double after = 0;
      for (int b = 0; b < grids.length; b++) {
        after += error(grids[b], sub, moved, b);
      }
      // Powers of two may have been the best already.
      assertTrue(format.type() == GgmlType.MXFP4 ? after <= before : after < before);
      if (format.subBlocks() > 1) {
        assertEquals(step, grids[0].scale((sub + 1) % format.subBlocks()), "others are as before");
      }
    }
  }

  private static double error(Grid grid, int sub, float[] values, int index) {
    int part = grid.format().subBlockSize();
    double error = 0;
    for (int i = 0; i < part; i++) {
      float value = values[index * part + i];
      int element = sub * part + i;
      error += Math.pow((double) value - grid.value(element, grid.code(element, value)), 2);
    }
    return error;
  }

  private static Grid[] grids(BlockFormat format, int count) {
    return Stream.generate(format::newGrid).limit(count).toArray(Grid[]::new);
  }

  @ParameterizedTest
  @MethodSource("formats")
  void refusesToFitWhatIsNotFinite(BlockFormat format) {
    float[] values = new float[2 * format.blockSize()];
    values[format.blockSize() + 3] = Float.NaN;
    Grid[] grids = grids(format, 2);
    var e =
        assertThrows(
            IllegalArgumentException.class, () -> format.fit(grids, values, null, Effort.FAST));
    assertEquals("value 3 of block 1 is NaN", e.getMessage());
    Grid grid = format.newGrid();
    float[] infinite = new float[format.subBlocks()];
    infinite[0] = Float.POSITIVE_INFINITY;
    assertThrows(IllegalArgumentException.class, () -> grid.set(infinite, null));
  }

  /// Blocks of random bytes, with float16s that are finite.
  private static byte[] randomBlocks(BlockFormat format) {
    Random random = new Random(format.type().id());
    byte[] blocks = new byte[BLOCKS * format.type().blockBytes()];
    Grid grid = format.newGrid();
    for (int at = 0; at < blocks.length; ) {
      byte[] block = new byte[format.type().blockBytes()];
      random.nextBytes(block);
      for (int s = 0; s < format.subBlocks() && format.type() == GgmlType.NVFP4; s++) {
        // Scales have seven bits.
        block[s] &= 0x7f;
      }
      grid.read(block, 0);
      boolean finite = true;
      for (int s = 0; s < format.subBlocks(); s++) {
        finite &= Float.isFinite(grid.scale(s)) && Float.isFinite(grid.offset(s));
      }
      if (finite) {
        System.arraycopy(block, 0, blocks, at, block.length);
        at += block.length;
      }
    }
    return blocks;
  }

  private static float[] scales(Grid grid) {
    float[] scales = new float[grid.format().subBlocks()];
    for (int s = 0; s < scales.length; s++) {
      scales[s] = grid.scale(s);
    }
    return scales;
  }

  private static float[] offsets(Grid grid) {
    float[] offsets = new float[grid.format().subBlocks()];
    for (int s = 0; s < offsets.length; s++) {
      offsets[s] = grid.offset(s);
    }
    return offsets;
  }
}
