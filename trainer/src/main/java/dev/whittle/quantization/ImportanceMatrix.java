package dev.whittle.quantization;

import dev.whittle.ggml.GgmlType;
import dev.whittle.gguf.GgufFile;
import dev.whittle.gguf.GgufMetadata;
import dev.whittle.gguf.GgufWriter;
import dev.whittle.gguf.TensorData;
import dev.whittle.gguf.TensorInfo;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// How much each input column of each matrix matters: the sum of its squared activations over some
/// text, as `llama-imatrix` collects and stores it.
///
/// The file is a GGUF file of `general.type` "imatrix", with two tensors for each matrix:
/// `<name>.in_sum2` [columns, experts] and `<name>.counts` [1, experts].
public final class ImportanceMatrix {
  private static final String SUMS = ".in_sum2";
  private static final String COUNTS = ".counts";
  private static final String DATASETS = "imatrix.datasets";
  private static final String CHUNK_COUNT = "imatrix.chunk_count";
  private static final String CHUNK_SIZE = "imatrix.chunk_size";

  private final SortedMap<String, Entry> entries;
  private final List<String> datasets;
  private final int chunkCount;
  private final int chunkSize;
  private final @Nullable Path file;

  /// What was collected for one matrix.
  ///
  /// @param sums [experts × columns] the sums of squared activations, an expert's columns together
  /// @param counts [experts] how many activations were summed
  record Entry(float[] sums, float[] counts) {
    /// @throws IllegalArgumentException if it cannot be an importance; the message continues a
    ///   sentence that starts with the entry's name
    Entry {
      if (counts.length == 0 || sums.length == 0 || sums.length % counts.length != 0) {
        throw new IllegalArgumentException(
            "has " + sums.length + " sums for " + counts.length + " counts");
      }
      requireCountable(sums, "sum");
      requireCountable(counts, "count");
    }

    private static void requireCountable(float[] values, String what) {
      for (float value : values) {
        if (!(value >= 0 && value < Float.POSITIVE_INFINITY)) {
          throw new IllegalArgumentException("has the " + what + " " + value);
        }
      }
    }

    /// The mean squares. An expert that saw nothing has ones, which weigh its columns equally.
    float[] means() {
      float[] means = new float[sums.length];
      int columns = sums.length / counts.length;
      for (int i = 0; i < means.length; i++) {
        float count = counts[i / columns];
        means[i] = count > 0 ? sums[i] / count : 1;
      }
      return means;
    }
  }

  /// @param file where it was read from, if it was
  ImportanceMatrix(
      Map<String, Entry> entries,
      List<String> datasets,
      int chunkCount,
      int chunkSize,
      @Nullable Path file) {
    this.entries = new TreeMap<>(entries);
    this.datasets = List.copyOf(datasets);
    this.chunkCount = chunkCount;
    this.chunkSize = chunkSize;
    this.file = file;
  }

  /// An importance matrix of means over a text.
  ///
  /// @param means of the squares of each matrix's inputs, [columns], by the matrix's name
  /// @param dataset the text
  /// @param tokens how many there were
  /// @param length of the longest document that was computed at once
  public static ImportanceMatrix of(
      Map<String, float[]> means, String dataset, long tokens, int length) {
    Map<String, Entry> entries = new TreeMap<>();
    means.forEach((name, columns) -> {
      float[] sums = new float[columns.length];
      for (int i = 0; i < sums.length; i++) {
        sums[i] = columns[i] * tokens;
      }
      entries.put(name, new Entry(sums, new float[] {tokens}));
    });
    int chunks = Math.toIntExact(Math.ceilDiv(tokens, length));
    return new ImportanceMatrix(entries, List.of(dataset), chunks, length, null);
  }

  /// Reads a file of `llama-imatrix`, in its GGUF form or in the older `.dat` form.
  ///
  /// @throws QuantizationException if it is neither, or not sound
  public static ImportanceMatrix read(Path path) {
    if (!LegacyImportance.startsLikeGguf(path)) {
      return LegacyImportance.read(path);
    }
    try (GgufFile file = GgufFile.open(path)) {
      return parse(path, file);
    }
  }

  private static ImportanceMatrix parse(Path path, GgufFile file) {
    GgufMetadata metadata = file.metadata();
    Set<String> names = new TreeSet<>();
    for (TensorInfo tensor : file.tensors()) {
      if (tensor.name().endsWith(SUMS)) {
        names.add(tensor.name().substring(0, tensor.name().length() - SUMS.length()));
      } else if (tensor.name().endsWith(COUNTS)) {
        names.add(tensor.name().substring(0, tensor.name().length() - COUNTS.length()));
      }
    }
    if (names.isEmpty()) {
      throw new QuantizationException(
          path + " holds no importance matrix; make one with 'whittle imatrix'");
    }
    SortedMap<String, Entry> entries = new TreeMap<>();
    for (String name : names) {
      float[] counts = floats(path, file, name + COUNTS);
      for (int i = 0; i < counts.length; i++) {
        counts[i] = (float) Math.rint(counts[i]);
      }
      entries.put(name, entry(path, name, floats(path, file, name + SUMS), counts));
    }
    return new ImportanceMatrix(
        entries,
        metadata.requireStrings(DATASETS),
        saturate(metadata.requireInteger(CHUNK_COUNT)),
        saturate(metadata.requireInteger(CHUNK_SIZE)),
        path);
  }

  static Entry entry(Path path, String name, float[] sums, float[] counts) {
    try {
      return new Entry(sums, counts);
    } catch (IllegalArgumentException e) {
      throw new QuantizationException(
          path + ": the entry '" + name + "' " + e.getMessage() + "; make the matrix again", e);
    }
  }

  private static float[] floats(Path path, GgufFile file, String name) {
    TensorInfo tensor = file.require(name);
    if (tensor.type() != GgmlType.F32) {
      throw new QuantizationException(
          path + ": the tensor '" + name + "' is of type " + tensor.type() + " and must be F32");
    }
    if (tensor.elements() > Integer.MAX_VALUE - 8) {
      throw new QuantizationException(path + ": the tensor '" + name + "' is too large");
    }
    return file.data(tensor).toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
  }

  private static int saturate(long value) {
    return (int) Math.clamp(value, 0, Integer.MAX_VALUE);
  }

  /// The names of the matrices that there is an importance for.
  public Set<String> tensors() {
    return Collections.unmodifiableSet(entries.keySet());
  }

  /// The importance of a matrix's columns: their mean squared activations, as `llama-quantize` uses
  /// them.
  ///
  /// @return [experts × columns], an expert's columns together; a copy
  public Optional<float[]> means(String tensor) {
    return Optional.ofNullable(entries.get(tensor)).map(Entry::means);
  }

  /// The importance of a tensor's columns, which has to be as long as they are many.
  ///
  /// @throws QuantizationException if it is not: the matrix was made for another model
  public Optional<float[]> means(TensorInfo tensor) {
    float[] means = means(tensor.name()).orElse(null);
    long columns = tensor.rowLength() * tensor.dimension(2);
    if (means == null || means.length == columns) {
      return Optional.ofNullable(means);
    }
    if (TensorRole.of(tensor.name()) == TensorRole.TOKEN_EMBEDDING) {
      // Old matrices have an entry for the embedding that cannot be used.
      return Optional.empty();
    }
    throw new QuantizationException(
        "tensor '"
            + tensor.name()
            + "' has "
            + columns
            + " columns and the importance matrix has "
            + means.length
            + "; make one for this model");
  }

  /// The means of all matrices, by name.
  public SortedMap<String, float[]> means() {
    SortedMap<String, float[]> means = new TreeMap<>();
    entries.forEach((name, entry) -> means.put(name, entry.means()));
    return means;
  }

  /// The texts that it was collected from.
  public List<String> datasets() {
    return datasets;
  }

  /// How many chunks of text it was collected from.
  public int chunkCount() {
    return chunkCount;
  }

  /// The length of a chunk in tokens; 0 if it is not known.
  public int chunkSize() {
    return chunkSize;
  }

  /// The file that it was read from, if it was.
  public Optional<Path> file() {
    return Optional.ofNullable(file);
  }

  /// Writes the file that `llama-imatrix` would, which `llama-quantize` reads.
  ///
  /// @param overwrite whether a file that is there already may be replaced
  /// @throws FileAlreadyExistsException if `target` exists and `overwrite` is false
  /// @throws IOException if the file cannot be written
  public void write(Path target, boolean overwrite) throws IOException {
    GgufWriter writer =
        new GgufWriter(
            GgufMetadata.builder()
                .put("general.type", "imatrix")
                .put(DATASETS, datasets)
                .putU32(CHUNK_COUNT, chunkCount)
                .putU32(CHUNK_SIZE, chunkSize)
                .build());
    entries.forEach((name, entry) -> {
      long experts = entry.counts.length;
      long columns = entry.sums.length / experts;
      add(writer, name + SUMS, columns, experts, entry.sums);
      add(writer, name + COUNTS, 1, experts, entry.counts);
    });
    writer.write(target, overwrite);
  }

  private static void add(
      GgufWriter writer, String name, long columns, long experts, float[] values) {
    // ggml drops trailing dimensions of one.
    List<Long> shape = experts == 1 ? List.of(columns) : List.of(columns, experts);
    ByteBuffer bytes =
        ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    writer.add(name, GgmlType.F32, shape, TensorData.of(MemorySegment.ofBuffer(bytes)));
  }
}
