package dev.whittle.gguf;

import dev.whittle.ggml.GgmlType;
import java.nio.charset.StandardCharsets;
import java.util.List;

/// What a file says of one tensor.
///
/// @param name the name, at most [#MAX_NAME_BYTES] bytes in UTF-8
/// @param type how the elements are stored
/// @param shape 1 to 4 dimensions in ggml's order: the first is the contiguous row, so that a
///   matrix which takes vectors of n to vectors of m is [n, m]
/// @param offset where the data starts, in bytes from the start of the file's data section
public record TensorInfo(String name, GgmlType type, List<Long> shape, long offset) {

  /// The longest name that ggml takes (`GGML_MAX_NAME`, less the terminating zero).
  public static final int MAX_NAME_BYTES = 63;

  /// The most dimensions that ggml has (`GGML_MAX_DIMS`).
  public static final int MAX_DIMENSIONS = 4;

  /// @throws IllegalArgumentException if ggml could not hold such a tensor; the message continues a
  ///   sentence that starts with "tensor 'name' "
  public TensorInfo {
    shape = List.copyOf(shape);
    int nameBytes = name.getBytes(StandardCharsets.UTF_8).length;
    if (nameBytes == 0 || nameBytes > MAX_NAME_BYTES || name.indexOf('\0') >= 0) {
      throw new IllegalArgumentException(
          "has a name of "
              + nameBytes
              + " bytes, and ggml takes 1 to "
              + MAX_NAME_BYTES
              + " without a zero among them");
    }
    if (shape.isEmpty() || shape.size() > MAX_DIMENSIONS) {
      throw new IllegalArgumentException(
          "has " + shape.size() + " dimensions, and ggml takes 1 to " + MAX_DIMENSIONS);
    }
    if (shape.stream().anyMatch(dimension -> dimension <= 0)) {
      throw new IllegalArgumentException("has an empty or negative dimension in " + shape);
    }
    if (shape.getFirst() % type.blockSize() != 0) {
      throw new IllegalArgumentException(
          "has rows of "
              + shape.getFirst()
              + " elements, which is not a whole number of "
              + type
              + " blocks of "
              + type.blockSize());
    }
    if (offset < 0) {
      throw new IllegalArgumentException("has the negative offset " + offset);
    }
    try {
      // Both limits are ggml's: the elements, and their bytes, are counted in 63 bits.
      long elements = shape.stream().reduce(1L, Math::multiplyExact);
      Math.addExact(
          offset, Math.multiplyExact(elements / type.blockSize(), (long) type.blockBytes()));
    } catch (ArithmeticException e) {
      throw new IllegalArgumentException(
          "has the shape " + shape + ", which is too large to address", e);
    }
  }

  /// The number of elements.
  public long elements() {
    return rowLength() * rows();
  }

  /// The size of the data in bytes, without padding.
  public long bytes() {
    return type.rowBytes(rowLength()) * rows();
  }

  /// The number of elements of a row: the first dimension.
  public long rowLength() {
    return shape.getFirst();
  }

  /// The number of rows: the product of all dimensions but the first.
  public long rows() {
    return shape.stream().skip(1).reduce(1L, (a, b) -> a * b);
  }

  /// The size along one dimension, which is 1 beyond those that the shape has.
  ///
  /// @param index 0 to 3
  public long dimension(int index) {
    if (index < 0 || index >= MAX_DIMENSIONS) {
      throw new IndexOutOfBoundsException("dimension " + index + " of " + MAX_DIMENSIONS);
    }
    return index < shape.size() ? shape.get(index) : 1;
  }
}
