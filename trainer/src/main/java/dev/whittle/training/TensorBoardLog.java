package dev.whittle.training;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.Map;
import java.util.zip.CRC32C;

/// Figures of a training run in a file that TensorBoard and its like read, as they come.
///
/// The file is a series of TFRecords: the length of a message as 8 bytes, their checksum, the
/// message, its checksum; the messages are TensorFlow's `Event`
/// (`tensorflow/core/util/event.proto`) in the wire format of Protocol Buffers. Only what scalars
/// need of it is written here: six fields, not worth a library.
final class TensorBoardLog {
  /// The fields of `Event`.
  private static final int WALL_TIME = 1;

  private static final int STEP = 2;
  private static final int FILE_VERSION = 3;
  private static final int SUMMARY = 5;
  private static final int SESSION_LOG = 7;

  /// `SessionLog.status` and its value START: what an earlier session wrote of this step and later
  /// ones does not count.
  private static final int STATUS = 1;

  private static final int START = 1;

  /// `Summary.value`, and the fields of `Summary.Value`.
  private static final int VALUE = 1;

  private static final int TAG = 1;
  private static final int SIMPLE_VALUE = 2;

  /// The wire types.
  private static final int VARINT = 0;

  private static final int FIXED64 = 1;
  private static final int LENGTH_DELIMITED = 2;
  private static final int FIXED32 = 5;

  private final Path file;

  private TensorBoardLog(Path file) {
    this.file = file;
  }

  /// Begins a file in a folder, beside those of earlier sessions.
  ///
  /// @param firstStep the step that comes next
  /// @throws IOException if it cannot be written
  static TensorBoardLog begin(Path folder, int firstStep) throws IOException {
    Files.createDirectories(folder);
    // TensorBoard knows its files by this name, and reads them in its order.
    long time = Instant.now().toEpochMilli();
    Path file = folder.resolve("events.out.tfevents.%d.whittle".formatted(time));
    TensorBoardLog log = new TensorBoardLog(file);
    Message version = event(0);
    version.text(FILE_VERSION, "brain.Event:2");
    log.append(version);
    Message status = new Message();
    status.varint(STATUS, START);
    Message start = event(firstStep);
    start.message(SESSION_LOG, status);
    log.append(start);
    return log;
  }

  /// Appends the figures of a step.
  ///
  /// @throws IOException if they cannot be written
  void append(int step, Map<String, Double> figures) throws IOException {
    Message summary = new Message();
    figures.forEach((name, value) -> {
      Message figure = new Message();
      figure.text(TAG, name);
      figure.fixed32(SIMPLE_VALUE, value.floatValue());
      summary.message(VALUE, figure);
    });
    Message event = event(step);
    event.message(SUMMARY, summary);
    append(event);
  }

  private static Message event(int step) {
    Message event = new Message();
    event.fixed64(WALL_TIME, Instant.now().toEpochMilli() / 1e3);
    event.varint(STEP, step);
    return event;
  }

  private void append(Message event) throws IOException {
    byte[] message = event.bytes.toByteArray();
    ByteBuffer length = little(Long.BYTES).putLong(message.length).flip();
    ByteBuffer record = little(Long.BYTES + message.length + 2 * Integer.BYTES);
    record.put(length.duplicate()).putInt(maskedCrc(length)).put(message);
    record.putInt(maskedCrc(ByteBuffer.wrap(message)));
    Files.write(file, record.array(), StandardOpenOption.APPEND, StandardOpenOption.CREATE);
  }

  private static ByteBuffer little(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /// TensorFlow masks checksums, lest data that holds its own checksum has one that says nothing
  /// (`tensorflow/core/lib/hash/crc32c.h`).
  private static int maskedCrc(ByteBuffer data) {
    CRC32C crc = new CRC32C();
    crc.update(data);
    return Integer.rotateRight((int) crc.getValue(), 15) + 0xa282ead8;
  }

  /// A message in the wire format.
  private static final class Message {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    private void key(int field, int wireType) {
      varint(field << 3 | wireType);
    }

    private void varint(long value) {
      long rest = value;
      while ((rest & ~0x7f) != 0) {
        bytes.write((int) (rest & 0x7f | 0x80));
        rest >>>= 7;
      }
      bytes.write((int) rest);
    }

    void varint(int field, long value) {
      key(field, VARINT);
      varint(value);
    }

    void fixed64(int field, double value) {
      key(field, FIXED64);
      bytes.writeBytes(little(Double.BYTES).putDouble(value).array());
    }

    void fixed32(int field, float value) {
      key(field, FIXED32);
      bytes.writeBytes(little(Float.BYTES).putFloat(value).array());
    }

    void text(int field, String value) {
      delimited(field, value.getBytes(StandardCharsets.UTF_8));
    }

    void message(int field, Message value) {
      delimited(field, value.bytes.toByteArray());
    }

    private void delimited(int field, byte[] value) {
      key(field, LENGTH_DELIMITED);
      varint(value.length);
      bytes.writeBytes(value);
    }
  }
}
