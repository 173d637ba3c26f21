package dev.whittle.gguf;

import dev.whittle.ggml.GgmlType;
import dev.whittle.io.AtomicFile;
import dev.whittle.io.CompleteChannel;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// Writes a GGUF file of version 3.
///
/// Metadata and tensors appear in the order in which they were given. The bytes are those that
/// llama.cpp's own writers produce for the same content.
public final class GgufWriter {
  private static final byte[] MAGIC = "GGUF".getBytes(StandardCharsets.US_ASCII);
  private static final int VERSION = 3;

  private final GgufMetadata metadata;
  private final int alignment;
  private final List<TensorInfo> tensors = new ArrayList<>();
  private final List<TensorData> data = new ArrayList<>();
  private final Set<String> names = new HashSet<>();
  private long dataBytes;

  /// A writer of a file with this metadata. Its `general.alignment`, or else 32 bytes, is what
  /// tensors are aligned to.
  ///
  /// @throws GgufException if `general.alignment` is not a power of two
  public GgufWriter(GgufMetadata metadata) {
    this.metadata = metadata;
    this.alignment = GgufHeader.alignmentOf(metadata);
  }

  /// Adds a tensor, to follow those that were added before.
  ///
  /// @param shape as in [TensorInfo#shape]
  /// @throws IllegalArgumentException if there is a tensor of that name already, or ggml could not
  ///   hold this one
  public GgufWriter add(String name, GgmlType type, List<Long> shape, TensorData data) {
    TensorInfo tensor;
    try {
      tensor = new TensorInfo(name, type, shape, dataBytes);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("tensor '" + name + "' " + e.getMessage(), e);
    }
    if (!names.add(name)) {
      throw new IllegalArgumentException("tensor '" + name + "' is there already");
    }
    tensors.add(tensor);
    this.data.add(data);
    dataBytes = GgufHeader.align(dataBytes + tensor.bytes(), alignment);
    return this;
  }

  /// Writes the file, whole or not at all (see [AtomicFile]).
  ///
  /// @param overwrite whether a file that is there already may be replaced
  /// @throws FileAlreadyExistsException if `target` exists and `overwrite` is false
  /// @throws IOException if the file cannot be written
  public void write(Path target, boolean overwrite) throws IOException {
    write(target, overwrite, ProgressListener.NONE);
  }

  /// As [#write(Path, boolean)], with a listener that hears of each tensor.
  ///
  /// @throws FileAlreadyExistsException if `target` exists and `overwrite` is false
  /// @throws IOException if the file cannot be written
  public void write(Path target, boolean overwrite, ProgressListener listener) throws IOException {
    AtomicFile.write(target, overwrite, channel -> writeTo(channel, listener));
  }

  /// The size that the file will have.
  public long fileBytes() {
    return GgufHeader.align(header().length, alignment) + dataBytes;
  }

  private void writeTo(WritableByteChannel channel, ProgressListener listener) throws IOException {
    CompleteChannel out = new CompleteChannel(channel);
    out.write(ByteBuffer.wrap(header()));
    pad(out);
    long total = tensors.stream().mapToLong(TensorInfo::bytes).sum();
    long done = 0;
    for (int i = 0; i < tensors.size(); i++) {
      TensorInfo tensor = tensors.get(i);
      long start = out.written();
      data.get(i).writeTo(out);
      if (out.written() - start != tensor.bytes()) {
        throw new IOException(
            "tensor '"
                + tensor.name()
                + "' has "
                + tensor.bytes()
                + " bytes and its source gave "
                + (out.written() - start));
      }
      pad(out);
      done += tensor.bytes();
      listener.written(tensor.name(), done, total);
    }
  }

  private void pad(CompleteChannel out) throws IOException {
    int padding = (int) (GgufHeader.align(out.written(), alignment) - out.written());
    out.write(ByteBuffer.allocate(padding));
  }

  private byte[] header() {
    HeaderBuffer out = new HeaderBuffer();
    out.bytes(MAGIC);
    out.u32(VERSION);
    out.u64(tensors.size());
    out.u64(metadata.asMap().size());
    metadata
        .asMap()
        .forEach((key, value) -> {
          out.string(key);
          out.u32(value.type().id());
          out.value(value);
        });
    for (TensorInfo tensor : tensors) {
      out.string(tensor.name());
      out.u32(tensor.shape().size());
      tensor.shape().forEach(out::u64);
      out.u32(tensor.type().id());
      out.u64(tensor.offset());
    }
    return out.toByteArray();
  }
}
