package dev.whittle.synthesis;

import dev.whittle.data.Dataset;
import dev.whittle.data.Example;
import dev.whittle.data.ExampleWriter;
import dev.whittle.io.AtomicFile;
import dev.whittle.io.JsonProblem;
import dev.whittle.io.LockFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/// A data set that is being written: the lines so far in `OUT.part`, and in `OUT.part.json` how far
/// they are complete, by what settings.
///
/// Lines are appended and forced to the disk before they are accounted for, so that a run killed at
/// any moment goes on from the last account, and what was written behind it is cut off.
final class UnfinishedDataset implements AutoCloseable {
  private static final JsonMapper JSON = JsonMapper.shared();

  /// How far a data set is complete.
  ///
  /// @param settings what it is made by, names and values
  /// @param next the number of the first example that the model was not asked for yet
  /// @param bytes of the lines
  private record Account(
      Map<String, String> settings, long next, long bytes, SynthesisCounts counts) {}

  private final Path output;
  private final boolean overwrite;
  private final Map<String, String> settings;
  private final LockFile lock;
  private final FileChannel lines;
  private Account account;

  private UnfinishedDataset(
      Path output, boolean overwrite, LockFile lock, FileChannel lines, Account account) {
    this.lock = lock;
    this.output = output;
    this.overwrite = overwrite;
    this.settings = account.settings();
    this.lines = lines;
    this.account = account;
  }

  /// Begins a data set, or goes on with one.
  ///
  /// @param settings what decides the lines, by the names of the command line's options
  /// @throws SynthesisException if there is an unfinished one that is neither to be gone on with
  ///   nor to be overwritten, or one that was made by other settings, or that another process is
  ///   making now
  static UnfinishedDataset open(
      Path output, Map<String, String> settings, boolean resume, boolean overwrite)
      throws IOException {
    AtomicFile.checkWritable(output, overwrite);
    LockFile lock =
        LockFile.take(output.resolveSibling(output.getFileName() + ".part.lock"))
            .orElseThrow(() ->
                new SynthesisException(
                    "another process writes " + output + "; wait for it, or choose another name"));
    try {
      return open(output, settings, resume, overwrite, lock);
    } catch (IOException | RuntimeException e) {
      lock.close();
      throw e;
    }
  }

  private static UnfinishedDataset open(
      Path output, Map<String, String> settings, boolean resume, boolean overwrite, LockFile lock)
      throws IOException {
    Path accountFile = accountFile(output);
    boolean left = Files.exists(accountFile);
    if (left && !resume && !overwrite) {
      throw new SynthesisException(
          accountFile
              + " is left from an unfinished run; add --resume to go on with that, or --force to"
              + " begin anew");
    }
    Account account =
        left && resume
            ? read(accountFile, settings)
            : new Account(settings, 0, 0, SynthesisCounts.NONE);
    FileChannel lines =
        FileChannel.open(
            linesFile(output),
            StandardOpenOption.CREATE,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE);
    UnfinishedDataset dataset = new UnfinishedDataset(output, overwrite, lock, lines, account);
    try {
      dataset.cutOff();
    } catch (IOException | RuntimeException e) {
      lines.close();
      throw e;
    }
    return dataset;
  }

  private static Account read(Path file, Map<String, String> settings) throws IOException {
    Account account;
    try {
      account = JSON.readValue(Files.readString(file), Account.class);
    } catch (JacksonException e) {
      throw new SynthesisException(
          file + " is damaged (" + JsonProblem.of(e) + "); delete it and begin anew", e);
    }
    if (account.settings() == null || account.counts() == null) {
      throw new SynthesisException(file + " is damaged; delete it and begin anew");
    }
    settings.forEach((name, value) -> {
      String before = account.settings().get(name);
      if (!value.equals(before)) {
        throw new SynthesisException(
            "%s: %s was %s and is %s now; resume with the settings that the run began with"
                .formatted(file, name, before, value));
      }
    });
    return account;
  }

  private void cutOff() throws IOException {
    if (lines.size() < account.bytes()) {
      throw new SynthesisException(
          linesFile(output) + " is shorter than it was; delete it and begin anew");
    }
    lines.truncate(account.bytes());
    lines.position(account.bytes());
  }

  private static Path linesFile(Path output) {
    return output.resolveSibling(output.getFileName() + ".part");
  }

  private static Path accountFile(Path output) {
    return output.resolveSibling(output.getFileName() + ".part.json");
  }

  /// The number of the first example that the model was not asked for yet.
  long next() {
    return account.next();
  }

  SynthesisCounts counts() {
    return account.counts();
  }

  /// Hands out the examples so far.
  void forEach(Consumer<Example> consumer) {
    if (account.bytes() == 0) {
      return;
    }
    try (Stream<Example> examples = new Dataset(linesFile(output)).examples()) {
      examples.forEach(consumer);
    }
  }

  /// Adds examples, for good.
  ///
  /// @param upTo the number of the first example that the model was not asked for yet
  /// @param counts with these
  void append(List<Example> examples, long upTo, SynthesisCounts counts) throws IOException {
    StringBuilder text = new StringBuilder();
    examples.forEach(example -> text.append(ExampleWriter.line(example)).append('\n'));
    ByteBuffer bytes = ByteBuffer.wrap(text.toString().getBytes(StandardCharsets.UTF_8));
    while (bytes.hasRemaining()) {
      lines.write(bytes);
    }
    lines.force(true);
    Account next = new Account(settings, upTo, lines.position(), counts);
    AtomicFile.write(
        accountFile(output),
        true,
        channel -> channel.write(ByteBuffer.wrap(JSON.writeValueAsBytes(next))));
    account = next;
  }

  /// Makes it the finished data set.
  void finish() throws IOException {
    lines.close();
    AtomicFile.checkWritable(output, overwrite);
    Files.move(
        linesFile(output),
        output,
        StandardCopyOption.ATOMIC_MOVE,
        StandardCopyOption.REPLACE_EXISTING);
    Files.deleteIfExists(accountFile(output));
  }

  /// Deletes what there is of it.
  void discard() throws IOException {
    lines.close();
    Files.deleteIfExists(linesFile(output));
    Files.deleteIfExists(accountFile(output));
  }

  /// Leaves the files as they are, to be gone on with.
  @Override
  public void close() throws IOException {
    lines.close();
    lock.close();
  }
}
