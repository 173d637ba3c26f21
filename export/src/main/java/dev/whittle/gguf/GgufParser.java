package dev.whittle.gguf;

import dev.whittle.ggml.GgmlType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Reads a file's header, trusting nothing in it: no count or length is used before it has been
/// checked against the bytes that are left.
final class GgufParser {
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final int MAGIC = 0x46554747; // "GGUF", read as a little-endian integer

  /// The largest metadata value that is taken. A vocabulary of a million tokens is a tenth of it.
  private static final int MAX_VALUE_BYTES = 1 << 28;

  /// A key of one character, a type and a value of one byte.
  private static final int LEAST_BYTES_OF_VALUE = Long.BYTES + 1 + Integer.BYTES + 1;

  /// A name of one character, the number of dimensions, one of them, a type and an offset.
  private static final int LEAST_BYTES_OF_TENSOR =
      Long.BYTES + 1 + Integer.BYTES + Long.BYTES + Integer.BYTES + Long.BYTES;

  private final Path path;
  private final MemorySegment file;
  private long position;

  GgufParser(Path path, MemorySegment file) {
    this.path = path;
    this.file = file;
  }

  /// @throws GgufException at the first thing that is wrong
  GgufHeader parse() {
    checkVersion();
    long tensorCount = nextLong("the number of tensors");
    long valueCount = nextLong("the number of metadata values");
    checkCount(valueCount, LEAST_BYTES_OF_VALUE, "metadata values");
    checkCount(tensorCount, LEAST_BYTES_OF_TENSOR, "tensors");
    GgufMetadata metadata = parseMetadata(valueCount);
    int alignment = GgufHeader.alignmentOf(metadata);
    List<TensorInfo> tensors = parseTensors(tensorCount);
    long dataStart = GgufHeader.align(position, alignment);
    checkLayout(tensors, alignment, dataStart);
    return new GgufHeader(metadata, tensors, alignment, dataStart);
  }

  private void checkVersion() {
    if (file.byteSize() < 2 * Integer.BYTES || nextInt("the magic number") != MAGIC) {
      throw new GgufException(
          path + " is not a GGUF file (it does not start with 'GGUF'); convert the model to GGUF");
    }
    int version = nextInt("the version");
    if ((version & 0xFFFF) == 0) {
      throw new GgufException(
          path
              + " is a big-endian GGUF file, which is not supported; convert the model again on a"
              + " little-endian machine");
    }
    if (version != 2 && version != 3) {
      throw new GgufException(
          path
              + " has the GGUF version "
              + Integer.toUnsignedString(version)
              + " and only 2 and 3 are supported; convert the model again with a current llama.cpp");
    }
  }

  private GgufMetadata parseMetadata(long count) {
    Map<String, GgufValue> values = new LinkedHashMap<>();
    for (long i = 0; i < count; i++) {
      String key = nextName("the key of metadata value " + i);
      if (key.isEmpty()) {
        throw malformed("has an empty key for metadata value " + i);
      }
      if (values.put(key, nextValue(key)) != null) {
        throw malformed("has the metadata '" + key + "' twice");
      }
    }
    return new GgufMetadata(path.toString(), values);
  }

  private GgufValue nextValue(String key) {
    String what = "the metadata '" + key + "'";
    GgufValueType type = nextValueType(what);
    return switch (type) {
      case STRING -> new GgufValue.Text(nextString(what));
      case ARRAY -> nextArray(what);
      default -> {
        ByteBuffer scalar = nextSlice(type.bytes(), what).asByteBuffer();
        yield Scalars.get(type, scalar.order(ByteOrder.LITTLE_ENDIAN));
      }
    };
  }

  private GgufArray nextArray(String what) {
    GgufValueType elementType = nextValueType("the elements of " + what);
    if (elementType == GgufValueType.ARRAY) {
      throw malformed("has arrays within " + what + ", which GGUF does not allow");
    }
    long size = nextLong("the size of " + what);
    int leastBytes = elementType == GgufValueType.STRING ? Long.BYTES : elementType.bytes();
    checkCount(size, leastBytes, "elements of " + what);
    long start = position;
    if (elementType == GgufValueType.STRING) {
      for (long i = 0; i < size; i++) {
        long length = nextLong("a string of " + what);
        nextSlice(length, "a string of " + what);
      }
    } else {
      position += size * leastBytes;
    }
    // Not more than 2^28 bytes, so the size is an int as well.
    byte[] encoded = copy(file.asSlice(start, position - start), what);
    return new GgufArray(elementType, (int) size, encoded);
  }

  private GgufValueType nextValueType(String what) {
    int id = nextInt("the type of " + what);
    return GgufValueType.ofId(id)
        .orElseThrow(() ->
            malformed("has the unknown type " + Integer.toUnsignedString(id) + " for " + what));
  }

  private List<TensorInfo> parseTensors(long count) {
    List<TensorInfo> tensors = new ArrayList<>();
    Set<String> names = new HashSet<>();
    for (long i = 0; i < count; i++) {
      TensorInfo tensor = nextTensor(i);
      if (!names.add(tensor.name())) {
        throw malformed("has the tensor '" + tensor.name() + "' twice");
      }
      tensors.add(tensor);
    }
    return List.copyOf(tensors);
  }

  private TensorInfo nextTensor(long index) {
    String name = nextName("the name of tensor " + index);
    String what = "tensor '" + name + "'";
    int dimensions = nextInt(what);
    if (dimensions < 1 || dimensions > TensorInfo.MAX_DIMENSIONS) {
      throw malformed(
          "has "
              + Integer.toUnsignedString(dimensions)
              + " dimensions for "
              + what
              + " where 1 to "
              + TensorInfo.MAX_DIMENSIONS
              + " are allowed");
    }
    List<Long> shape = new ArrayList<>();
    for (int i = 0; i < dimensions; i++) {
      shape.add(nextLong(what));
    }
    int typeId = nextInt(what);
    long offset = nextLong(what);
    GgmlType type =
        GgmlType.ofId(typeId)
            .orElseThrow(() ->
                malformed(
                    "has the unknown type " + Integer.toUnsignedString(typeId) + " for " + what));
    try {
      return new TensorInfo(name, type, shape, offset);
    } catch (IllegalArgumentException e) {
      throw malformed("holds " + what + ", which " + e.getMessage());
    }
  }

  /// Tensors follow each other without gaps other than padding, as ggml requires; so they are
  /// aligned and do not overlap either.
  private void checkLayout(List<TensorInfo> tensors, int alignment, long dataStart) {
    long expected = 0;
    for (TensorInfo tensor : tensors) {
      if (tensor.offset() != expected) {
        throw malformed(
            "has tensor '"
                + tensor.name()
                + "' at offset "
                + tensor.offset()
                + " of the data where "
                + expected
                + " follows from the tensors before it");
      }
      long end;
      try {
        end = Math.addExact(dataStart, Math.addExact(tensor.offset(), tensor.bytes()));
        expected = GgufHeader.align(tensor.offset() + tensor.bytes(), alignment);
      } catch (ArithmeticException e) {
        end = Long.MAX_VALUE;
      }
      if (end > file.byteSize()) {
        throw new GgufException(
            path
                + " is truncated: tensor '"
                + tensor.name()
                + "' ends at byte "
                + end
                + " and the file has "
                + file.byteSize()
                + "; download or write it again");
      }
    }
  }

  private void checkCount(long count, int leastBytes, String what) {
    if (Long.compareUnsigned(count, remaining() / leastBytes) > 0) {
      throw malformed(
          "claims "
              + Long.toUnsignedString(count)
              + " "
              + what
              + " where "
              + remaining()
              + " bytes are left");
    }
  }

  private int nextInt(String what) {
    return nextSlice(Integer.BYTES, what).get(INT, 0);
  }

  private long nextLong(String what) {
    return nextSlice(Long.BYTES, what).get(LONG, 0);
  }

  /// A string that must be UTF-8: tensors are looked up by name, and keys by theirs.
  private String nextName(String what) {
    byte[] bytes = nextString(what);
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      throw malformed("has " + what + " in something other than UTF-8");
    }
  }

  private byte[] nextString(String what) {
    long length = nextLong("the length of " + what);
    return copy(nextSlice(length, what), what);
  }

  private byte[] copy(MemorySegment bytes, String what) {
    if (bytes.byteSize() > MAX_VALUE_BYTES) {
      throw malformed(
          "has "
              + bytes.byteSize()
              + " bytes for "
              + what
              + " where "
              + MAX_VALUE_BYTES
              + " are the most");
    }
    return bytes.toArray(ValueLayout.JAVA_BYTE);
  }

  private MemorySegment nextSlice(long bytes, String what) {
    if (Long.compareUnsigned(bytes, remaining()) > 0) {
      throw new GgufException(
          path
              + " is truncated or damaged: "
              + what
              + " at byte "
              + position
              + " takes "
              + Long.toUnsignedString(bytes)
              + " bytes and the file has "
              + remaining()
              + " left; download or write it again");
    }
    MemorySegment slice = file.asSlice(position, bytes);
    position += bytes;
    return slice;
  }

  private long remaining() {
    return file.byteSize() - position;
  }

  private GgufException malformed(String problem) {
    return new GgufException(path + " is damaged: it " + problem + "; download or write it again");
  }
}
