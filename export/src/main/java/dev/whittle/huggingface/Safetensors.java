package dev.whittle.huggingface;

import dev.whittle.io.IoProblem;
import dev.whittle.io.MappedFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// A safetensors file, mapped into memory: eight bytes of header length, a JSON header, the data.
///
/// Opening it checks that every tensor lies inside the file, has the bytes that its shape and type
/// ask for, and overlaps no other.
final class Safetensors implements AutoCloseable {
  private static final ValueLayout.OfLong LENGTH =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /// A third of what the format allows, and a hundred times what large checkpoints have: the header
  /// is held in memory as a tree.
  private static final long MAX_HEADER_BYTES = 32 << 20;

  private final MappedFile mapping;
  private final Map<String, SafetensorsTensor> tensors;

  private Safetensors(MappedFile mapping, Map<String, SafetensorsTensor> tensors) {
    this.mapping = mapping;
    this.tensors = tensors;
  }

  /// Opens and checks a file.
  ///
  /// @throws CheckpointException if it cannot be read, or is not a sound safetensors file
  static Safetensors open(Path file) {
    if (!Files.isRegularFile(file)) {
      throw new CheckpointException(
          file + " is missing; download the checkpoint again, with all its files");
    }
    MappedFile mapping;
    try {
      mapping = MappedFile.open(file);
    } catch (IOException e) {
      throw new CheckpointException(
          file + " cannot be read (" + IoProblem.of(e) + "); check its permissions and the disk",
          e);
    }
    try {
      return new Safetensors(mapping, parse(file, mapping.bytes()));
    } catch (RuntimeException | Error e) {
      mapping.close();
      throw e;
    }
  }

  /// The tensors, ordered by name, as the format's own library lists them.
  Collection<SafetensorsTensor> tensors() {
    return Collections.unmodifiableCollection(tensors.values());
  }

  @Override
  public void close() {
    mapping.close();
  }

  private static Map<String, SafetensorsTensor> parse(Path file, MemorySegment bytes) {
    if (bytes.byteSize() < Long.BYTES) {
      throw damaged(file, "has " + bytes.byteSize() + " bytes and no header");
    }
    long headerBytes = bytes.get(LENGTH, 0);
    if (headerBytes < 0 || headerBytes > bytes.byteSize() - Long.BYTES) {
      throw damaged(
          file,
          "claims a header of "
              + Long.toUnsignedString(headerBytes)
              + " bytes in a file of "
              + bytes.byteSize());
    }
    if (headerBytes > MAX_HEADER_BYTES) {
      throw damaged(file, "has a header of more than " + MAX_HEADER_BYTES + " bytes");
    }
    byte[] json = bytes.asSlice(Long.BYTES, headerBytes).toArray(ValueLayout.JAVA_BYTE);
    JsonObject header = JsonObject.parse(file, json);
    MemorySegment data = bytes.asSlice(Long.BYTES + headerBytes);

    List<Entry> entries =
        header.names().stream()
            .filter(name -> !name.equals("__metadata__"))
            .map(name -> Entry.parse(file, name, header.requireObject(name), data.byteSize()))
            .sorted(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end))
            .toList();
    checkDisjoint(file, entries);

    Map<String, SafetensorsTensor> tensors = new TreeMap<>();
    for (Entry entry : entries) {
      MemorySegment content = data.asSlice(entry.begin, entry.end - entry.begin);
      tensors.put(
          entry.name, new SafetensorsTensor(file, entry.name, entry.dtype, entry.shape, content));
    }
    return tensors;
  }

  private static void checkDisjoint(Path file, List<Entry> sorted) {
    for (int i = 1; i < sorted.size(); i++) {
      Entry before = sorted.get(i - 1);
      Entry after = sorted.get(i);
      if (after.begin < before.end) {
        throw damaged(file, "has tensors '" + before.name + "' and '" + after.name + "' overlap");
      }
    }
  }

  private static CheckpointException damaged(Path file, String problem) {
    return new CheckpointException(
        file + " is truncated or damaged: it " + problem + "; download it again");
  }

  /// What the header says of one tensor, with its place in bytes from the start of the data.
  private record Entry(String name, String dtype, List<Long> shape, long begin, long end) {

    static Entry parse(Path file, String name, JsonObject json, long dataBytes) {
      List<Long> offsets = json.integers("data_offsets");
      if (offsets.size() != 2
          || offsets.getFirst() < 0
          || offsets.getFirst() > offsets.getLast()
          || offsets.getLast() > dataBytes) {
        throw damaged(
            file,
            "has tensor '" + name + "' at bytes " + offsets + " of " + dataBytes + " of data");
      }
      List<Long> shape = List.copyOf(json.integers("shape"));
      Entry entry =
          new Entry(
              name, json.requireString("dtype"), shape, offsets.getFirst(), offsets.getLast());
      if (!entry.fitsItsShape()) {
        throw damaged(
            file,
            "gives tensor '"
                + name
                + "' of shape "
                + shape
                + " and type "
                + entry.dtype
                + " "
                + (entry.end - entry.begin)
                + " bytes");
      }
      return entry;
    }

    /// Types that are unknown here pass: they only matter if the tensor is asked for.
    private boolean fitsItsShape() {
      if (shape.stream().anyMatch(dimension -> dimension < 0)) {
        return false;
      }
      try {
        long elements = shape.stream().reduce(1L, Math::multiplyExact);
        return SafetensorsType.ofName(dtype)
            .map(type -> Math.multiplyExact(elements, type.bytes()) == end - begin)
            .orElse(true);
      } catch (ArithmeticException e) {
        return false;
      }
    }
  }
}
