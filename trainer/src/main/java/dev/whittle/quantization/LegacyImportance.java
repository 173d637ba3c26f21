package dev.whittle.quantization;

import dev.whittle.io.IoProblem;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/// The `.dat` form that `llama-imatrix` wrote before it took to GGUF: a count of entries, and for
/// each its name, the number of calls, and the mean squares times that number. The number of chunks
/// and the name of the text may follow. All numbers are little-endian, of 32 bits.
final class LegacyImportance {
  private static final byte[] GGUF = {'G', 'G', 'U', 'F'};
  private static final int LONGEST_NAME = 4096;

  private final Path path;
  private final DataInputStream in;
  private long left;

  private LegacyImportance(Path path, InputStream in, long size) {
    this.path = path;
    this.in = new DataInputStream(in);
    this.left = size;
  }

  static boolean startsLikeGguf(Path path) {
    try (InputStream in = Files.newInputStream(path)) {
      return Arrays.equals(in.readNBytes(GGUF.length), GGUF);
    } catch (IOException e) {
      throw unreadable(path, e);
    }
  }

  static ImportanceMatrix read(Path path) {
    try (InputStream in = Files.newInputStream(path)) {
      return new LegacyImportance(path, in, Files.size(path)).parse();
    } catch (IOException e) {
      throw unreadable(path, e);
    }
  }

  private ImportanceMatrix parse() throws IOException {
    SortedMap<String, ImportanceMatrix.Entry> entries = new TreeMap<>();
    int count = number();
    if (count < 1) {
      throw unsound();
    }
    for (int i = 0; i < count; i++) {
      String name = text();
      int calls = number();
      ByteBuffer bytes = bytes((long) number() * Float.BYTES);
      float[] sums = new float[bytes.remaining() / Float.BYTES];
      bytes.asFloatBuffer().get(sums);
      entries.put(name, ImportanceMatrix.entry(path, name, sums, new float[] {Math.max(1, calls)}));
    }
    int chunks = 0;
    List<String> datasets = new ArrayList<>();
    if (left > 0) {
      chunks = Math.max(0, number());
      if (left > 0) {
        datasets.add(text());
      }
    }
    return new ImportanceMatrix(entries, datasets, chunks, 0, path);
  }

  private String text() throws IOException {
    int length = number();
    if (length > LONGEST_NAME) {
      throw unsound();
    }
    return StandardCharsets.UTF_8.decode(bytes(length)).toString();
  }

  private int number() throws IOException {
    return bytes(Integer.BYTES).getInt();
  }

  /// A length is believed only as far as the file goes.
  private ByteBuffer bytes(long length) throws IOException {
    if (length < 0 || length > left || length > Integer.MAX_VALUE - 8) {
      throw unsound();
    }
    left -= length;
    byte[] bytes = new byte[(int) length];
    try {
      in.readFully(bytes);
    } catch (EOFException e) {
      throw unsound();
    }
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private QuantizationException unsound() {
    return new QuantizationException(
        path + " is no importance matrix; make one with 'whittle imatrix'");
  }

  private static QuantizationException unreadable(Path path, IOException e) {
    return new QuantizationException(
        path + " cannot be read (" + IoProblem.of(e) + "); give the path of an importance matrix",
        e);
  }
}
