package dev.whittle.distillation;

import dev.whittle.data.PackedBatch;
import dev.whittle.data.PackedBatches;
import dev.whittle.data.TokenizedCorpus;
import dev.whittle.ggml.Backend;
import dev.whittle.io.AtomicFile;
import dev.whittle.io.DiskSpace;
import dev.whittle.model.BatchInputs;
import dev.whittle.model.BatchShape;
import dev.whittle.model.FrozenWeights;
import dev.whittle.model.ModelFile;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/// What a teacher makes of a corpus, on disk: the hidden states behind its final norm, from which
/// its head gives the logits. Training from it runs nothing else of the teacher.
///
/// The states are computed once, before training, over the documents in the order of the corpus. So
/// they depend on teacher and corpus alone, and not on the run that is the first to need them:
/// where a document lies in a row changes the last bits of its states, and that depends on seed and
/// epoch.
///
/// A document's entry is written after its states, and [#fill] computes what has no entry, so that
/// it goes on where one that was killed left off. Only one process at a time may fill a file. A
/// full one is never written to again, and any number of runs may read it.
public final class TeacherCache implements AutoCloseable {
  /// Places of a micro-batch while filling.
  private static final int FILLING_TOKENS = 2048;

  private static final double MIB = 1 << 20;

  private final Path path;
  private final TeacherCacheLayout layout;
  private final FileChannel channel;
  private final long[] entries;
  private int missing;

  /// Hears of how many documents the states are there.
  @FunctionalInterface
  public interface FillingListener {
    void filled(int documents, int total);
  }

  /// Opens a cache, or makes an empty one. One that is not full is locked until it is closed.
  ///
  /// @param teacherDigest SHA-256 of the teacher's file
  /// @throws TeacherCacheException if the file is something else, damaged, or of another teacher or
  ///   corpus; if another process fills it; or if its disk has no room for what is missing
  /// @throws IOException if it cannot be read or written
  public static TeacherCache open(
      Path path, ModelFile teacher, String teacherDigest, TokenizedCorpus corpus)
      throws IOException {
    return open(path, TeacherCacheLayout.of(teacher, teacherDigest, corpus));
  }

  static TeacherCache open(Path path, TeacherCacheLayout layout) throws IOException {
    AtomicFile.checkWritable(path, true);
    if (!Files.exists(path)) {
      create(path, layout);
    }
    TeacherCache cache = new TeacherCache(path, layout, StandardOpenOption.READ);
    if (cache.isFull()) {
      return cache;
    }
    cache.close();
    TeacherCache unfinished =
        new TeacherCache(path, layout, StandardOpenOption.READ, StandardOpenOption.WRITE);
    try {
      requireRoom(path, unfinished.missingBytes());
      return unfinished;
    } catch (IOException | RuntimeException e) {
      unfinished.close();
      throw e;
    }
  }

  private static void create(Path path, TeacherCacheLayout layout) throws IOException {
    requireRoom(path, layout.fileBytes());
    try {
      AtomicFile.write(
          path,
          false,
          channel -> {
            channel.write(layout.header());
            channel.write(layout.newEntries());
          });
    } catch (FileAlreadyExistsException _) {
      // Another process was faster.
    }
  }

  private static void requireRoom(Path path, long bytes) throws IOException {
    long free = DiskSpace.at(path).bytes();
    if (bytes > free) {
      throw new TeacherCacheException(
          "%s needs %,.0f MiB, but there are only %,.0f MiB free; make room, or name a file on another disk"
              .formatted(path, bytes / MIB, free / MIB));
    }
  }

  private TeacherCache(Path path, TeacherCacheLayout layout, OpenOption... options)
      throws IOException {
    this.path = path;
    this.layout = layout;
    entries = new long[layout.documents()];
    channel = openChannel(path, options);
    try {
      if (options.length > 1) {
        lock();
      }
      readEntries();
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  private static FileChannel openChannel(Path path, OpenOption... options) throws IOException {
    try {
      return FileChannel.open(path, options);
    } catch (AccessDeniedException e) {
      throw new IOException(
          path + " cannot be opened: permission denied; change that, or name another file", e);
    }
  }

  private void lock() throws IOException {
    boolean locked;
    try {
      locked = channel.tryLock() != null;
    } catch (OverlappingFileLockException _) {
      locked = false;
    }
    if (!locked) {
      throw new TeacherCacheException(
          path + " is being filled by another run; wait until it is full, or name another file");
    }
  }

  private void readEntries() throws IOException {
    ByteBuffer header = layout.newHeader();
    read(header, 0);
    layout.check(path, header.flip());
    ByteBuffer table = layout.newEntries();
    read(table, layout.entry(0));
    if (table.hasRemaining()) {
      throw cutShort();
    }
    table.flip().asLongBuffer().get(entries);
    long size = channel.size();
    for (int document = 0; document < entries.length; document++) {
      if (!isPresent(document)) {
        missing++;
      } else if (layout.states(document + 1) > size) {
        throw cutShort();
      }
    }
  }

  /// Whether all documents are there.
  public boolean isFull() {
    return missing == 0;
  }

  /// Computes and stores the states of the documents that are not there yet.
  ///
  /// @param teacher the model that the cache was opened for
  /// @throws IOException if the file cannot be written; what is stored so far is kept
  public void fill(
      Backend backend, ModelFile teacher, FrozenWeights weights, FillingListener listener)
      throws IOException {
    if (isFull()) {
      return;
    }
    BatchShape shape =
        BatchPlan.of(FILLING_TOKENS, layout.corpus().longest(), FILLING_TOKENS, 1).shape();
    PackedBatches batches = PackedBatches.inOrder(layout.corpus(), shape);
    try (BatchInputs inputs = new BatchInputs(backend, shape);
        ComputedStates states = new ComputedStates(backend, teacher, weights, inputs, false);
        Arena arena = Arena.ofConfined()) {
      MemorySegment values = arena.allocate(layout.tokenBytes() * shape.tokens());
      while (!isFull()) {
        PackedBatch batch = batches.next();
        if (batch.placements().stream().allMatch(p -> isPresent(p.document()))) {
          continue;
        }
        inputs.load(batch.tokens(), batch.positions(), batch.documents());
        states.load(batch);
        states.tensor().read(values, 0);
        for (PackedBatch.Placement placement : batch.placements()) {
          store(placement.document(), layout.slice(values, placement).asByteBuffer());
        }
        listener.filled(entries.length - missing, entries.length);
      }
      channel.force(true);
    }
  }

  private void store(int document, ByteBuffer states) throws IOException {
    if (isPresent(document)) {
      return;
    }
    long entry = TeacherCacheLayout.entryOf(states);
    try {
      write(states, layout.states(document));
      ByteBuffer bytes = TeacherCacheLayout.allocate(Long.BYTES).putLong(entry).flip();
      write(bytes, layout.entry(document));
    } catch (IOException e) {
      throw new IOException(
          path
              + " cannot be written: "
              + e.getMessage()
              + "; make room and start again, which keeps what is there already",
          e);
    }
    entries[document] = entry;
    missing--;
  }

  /// Reads the states of a document.
  ///
  /// @param target as long as they are
  /// @throws TeacherCacheException if they are damaged or cannot be read
  void read(int document, MemorySegment target) {
    if (!isPresent(document)) {
      throw new IllegalStateException(path + " has no document " + document);
    }
    ByteBuffer states = target.asByteBuffer();
    try {
      read(states, layout.states(document));
    } catch (IOException e) {
      throw new TeacherCacheException(
          path + " cannot be read: " + e.getMessage() + "; name another file", e);
    }
    if (states.hasRemaining()) {
      throw cutShort();
    }
    if (TeacherCacheLayout.entryOf(states.flip()) != entries[document]) {
      throw TeacherCacheLayout.unusable(path, "is damaged");
    }
  }

  /// Reads until the buffer is full or the file ends.
  private void read(ByteBuffer target, long position) throws IOException {
    long at = position;
    while (target.hasRemaining()) {
      int count = channel.read(target, at);
      if (count < 0) {
        return;
      }
      at += count;
    }
  }

  private void write(ByteBuffer source, long position) throws IOException {
    long at = position;
    while (source.hasRemaining()) {
      at += channel.write(source, at);
    }
  }

  private long missingBytes() {
    long bytes = 0;
    for (int document = 0; document < entries.length; document++) {
      bytes += isPresent(document) ? 0 : layout.bytes(document);
    }
    return bytes;
  }

  private boolean isPresent(int document) {
    return entries[document] != 0;
  }

  private TeacherCacheException cutShort() {
    return TeacherCacheLayout.unusable(path, "is cut short");
  }

  TeacherCacheLayout layout() {
    return layout;
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
