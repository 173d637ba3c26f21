package dev.whittle.distillation;

import dev.whittle.data.PackedBatch;
import dev.whittle.data.TokenizedCorpus;
import dev.whittle.ggml.GgmlType;
import dev.whittle.model.ModelFile;
import dev.whittle.training.Digests;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.zip.CRC32C;

/// Where everything lies in the file of a [TeacherCache], all of it little-endian:
///
/// - a header of one page: what the file is, in which version, and of which teacher and documents
/// - an entry of 8 bytes for each document: 0 where its states are not there yet, else what
///   [#entryOf] says
/// - from the next whole page on, the states of each token, in the order of the corpus
///
/// @param corpus the documents
/// @param corpusDigest SHA-256 of the documents as they are tokenized: a data file can be cut into
///   documents in several ways
/// @param teacherDigest SHA-256 of the teacher's file
/// @param type of the states
/// @param width elements of a token's state
record TeacherCacheLayout(
    TokenizedCorpus corpus, String corpusDigest, String teacherDigest, GgmlType type, int width) {
  private static final byte[] MAGIC = "whittle teacher\n".getBytes(StandardCharsets.US_ASCII);
  private static final int VERSION = 1;
  private static final int PAGE = 4096;
  private static final long PRESENT = 1L << Integer.SIZE;

  // Where the parts of the header begin.
  private static final int VERSION_AT = MAGIC.length;
  private static final int TEACHER_AT = VERSION_AT + Integer.BYTES;
  private static final int CORPUS_AT = TEACHER_AT + 32;
  private static final int SHAPE_AT = CORPUS_AT + 32;
  private static final int CRC_AT = SHAPE_AT + 4 * Integer.BYTES;

  static TeacherCacheLayout of(ModelFile teacher, String teacherDigest, TokenizedCorpus corpus) {
    return new TeacherCacheLayout(
        corpus,
        Digests.sha256(corpus::update),
        teacherDigest,
        TeacherStates.type(teacher),
        teacher.config().width());
  }

  int documents() {
    return corpus.size();
  }

  /// The bytes of a token's state.
  long tokenBytes() {
    return type.rowBytes(width);
  }

  /// The bytes of a document's states.
  long bytes(int document) {
    return tokenBytes() * corpus.length(document);
  }

  /// A document's states among those of a micro-batch.
  MemorySegment slice(MemorySegment states, PackedBatch.Placement placement) {
    return states.asSlice(placement.place() * tokenBytes(), bytes(placement.document()));
  }

  /// Where a document's entry is.
  long entry(int document) {
    return PAGE + (long) Long.BYTES * document;
  }

  /// Where a document's states begin, or, for the number behind the last one, where the file ends.
  long states(int document) {
    long begin = Math.ceilDiv(entry(documents()), (long) PAGE) * PAGE;
    return begin + tokenBytes() * corpus.start(document);
  }

  /// The length of the file once all states are there.
  long fileBytes() {
    return states(documents());
  }

  /// The entry of a document with these states: not 0, and their CRC-32C in the lower half.
  static long entryOf(ByteBuffer states) {
    return PRESENT | Integer.toUnsignedLong(crc(states, states.limit()));
  }

  /// Room for all entries, each 0.
  ByteBuffer newEntries() {
    return allocate(Math.multiplyExact(Long.BYTES, documents()));
  }

  /// Room for a header.
  ByteBuffer newHeader() {
    return allocate(PAGE);
  }

  /// Room for so many bytes, in the file's byte order.
  static ByteBuffer allocate(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /// The header, ready to be written.
  ByteBuffer header() {
    HexFormat hex = HexFormat.of();
    ByteBuffer header =
        newHeader()
            .put(MAGIC)
            .putInt(VERSION)
            .put(hex.parseHex(teacherDigest))
            .put(hex.parseHex(corpusDigest))
            .putInt(type.id())
            .putInt(width)
            .putInt(documents())
            .putInt(corpus.tokens());
    return header.putInt(CRC_AT, crc(header, CRC_AT)).rewind();
  }

  /// Checks the header of a file.
  ///
  /// @param found the file's bytes before the entries
  /// @throws TeacherCacheException if it is not the header of this layout
  void check(Path path, ByteBuffer found) {
    ByteBuffer wanted = header();
    if (found.limit() < PAGE || differ(found, wanted, 0, VERSION_AT)) {
      throw new TeacherCacheException(path + " is not a teacher cache; name another file");
    }
    if (differ(found, wanted, VERSION_AT, TEACHER_AT)) {
      throw unusable(path, "is a teacher cache of another version of Whittle");
    }
    if (found.getInt(CRC_AT) != crc(found, CRC_AT)) {
      throw unusable(path, "is damaged in its header");
    }
    if (differ(found, wanted, TEACHER_AT, CORPUS_AT)) {
      throw unusable(path, "was made with another teacher");
    }
    if (differ(found, wanted, CORPUS_AT, SHAPE_AT)) {
      throw unusable(path, "was made from other data or with another context length");
    }
    if (differ(found, wanted, SHAPE_AT, CRC_AT)) {
      throw unusable(path, "does not fit the teacher");
    }
  }

  /// Whether two headers differ in the bytes from one to another, exclusive.
  private static boolean differ(ByteBuffer a, ByteBuffer b, int from, int to) {
    return !a.slice(from, to - from).equals(b.slice(from, to - from));
  }

  /// CRC-32C of the first bytes.
  private static int crc(ByteBuffer bytes, int count) {
    CRC32C crc = new CRC32C();
    crc.update(bytes.slice(0, count));
    return (int) crc.getValue();
  }

  /// The error for a file that has to be made again.
  static TeacherCacheException unusable(Path path, String why) {
    return new TeacherCacheException(
        path + " " + why + "; name another file, or delete this one to have it made again");
  }
}
