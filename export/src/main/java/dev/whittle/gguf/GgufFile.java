package dev.whittle.gguf;

import dev.whittle.io.IoProblem;
import dev.whittle.io.MappedFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// A GGUF file, mapped into memory and open for reading.
///
/// Opening it checks everything but the weights themselves: once a file is open, each tensor has a
/// type and a shape that ggml can hold, and its data lies inside the file, where llama.cpp would
/// look for it. Files are read in versions 2 and 3, little-endian.
///
/// Safe for use by several threads. Closing unmaps the file, and every segment that [#data] gave
/// out with it. Nobody may shorten the file while it is open; writing a new file over it by
/// renaming is harmless.
public final class GgufFile implements AutoCloseable {
  private final Path path;
  private final MappedFile mapping;
  private final GgufHeader header;
  private final Map<String, TensorInfo> byName;

  private GgufFile(Path path, MappedFile mapping, GgufHeader header) {
    this.path = path;
    this.mapping = mapping;
    this.header = header;
    this.byName = new LinkedHashMap<>();
    header.tensors().forEach(tensor -> byName.put(tensor.name(), tensor));
  }

  /// Opens and checks a file.
  ///
  /// @throws GgufException if it cannot be read, or is not a sound GGUF file
  public static GgufFile open(Path path) {
    if (!Files.isRegularFile(path)) {
      throw new GgufException(
          path
              + (Files.exists(path) ? " is not a file" : " does not exist")
              + "; give the path of a GGUF file");
    }
    MappedFile mapping = map(path);
    try {
      return new GgufFile(path, mapping, new GgufParser(path, mapping.bytes()).parse());
    } catch (RuntimeException | Error e) {
      mapping.close();
      throw e;
    }
  }

  private static MappedFile map(Path path) {
    try {
      return MappedFile.open(path);
    } catch (IOException e) {
      throw new GgufException(
          path + " cannot be read (" + IoProblem.of(e) + "); check its permissions and the disk",
          e);
    }
  }

  /// The path that the file was opened by.
  public Path path() {
    return path;
  }

  /// The metadata, in the file's order.
  public GgufMetadata metadata() {
    return header.metadata();
  }

  /// The tensors, in the file's order.
  public List<TensorInfo> tensors() {
    return header.tensors();
  }

  /// The tensor of this name.
  public Optional<TensorInfo> tensor(String name) {
    return Optional.ofNullable(byName.get(name));
  }

  /// The tensor of this name, which must be there.
  ///
  /// @throws GgufException if it is not
  public TensorInfo require(String name) {
    return tensor(name)
        .orElseThrow(() ->
            new GgufException(
                path
                    + " lacks the tensor '"
                    + name
                    + "'; convert the model again, or choose another"));
  }

  /// The data of one of this file's tensors: its blocks, row by row, read-only and valid until the
  /// file is closed.
  ///
  /// @throws IllegalArgumentException if `tensor` is not from this file
  public MemorySegment data(TensorInfo tensor) {
    if (!tensor.equals(byName.get(tensor.name()))) {
      throw new IllegalArgumentException("'" + tensor.name() + "' is not a tensor of " + path);
    }
    return mapping.bytes().asSlice(header.dataStart() + tensor.offset(), tensor.bytes());
  }

  /// Gives back the memory that the data of a tensor takes in this process. Reading it again brings
  /// it back, from the system's cache of the file if it is still there.
  ///
  /// @throws IllegalArgumentException if `tensor` is not from this file
  public void release(TensorInfo tensor) {
    data(tensor).unload();
  }

  /// The size of the file.
  public long fileBytes() {
    return mapping.bytes().byteSize();
  }

  /// What the data section and each tensor's offset are multiples of, in bytes.
  public int alignment() {
    return header.alignment();
  }

  @Override
  public void close() {
    mapping.close();
  }
}
