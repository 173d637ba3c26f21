package dev.whittle.evaluation;

import dev.whittle.data.Example;
import dev.whittle.io.AtomicFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/// Collects the replies of an evaluation, to be read: JSON lines in the order of the questions.
public final class ReplyLog implements Consumer<GradedReply> {
  private static final JsonMapper JSON = new JsonMapper();

  /// A line of the file.
  ///
  /// @param line of the question in the data set
  /// @param question the last message, or the prompt
  /// @param tokens how many the reply has
  /// @param truncated whether it was cut off
  public record Line(
      long line,
      String domain,
      String question,
      String answer,
      String reply,
      int tokens,
      boolean truncated,
      boolean right) {

    private static Line of(GradedReply graded) {
      Example example = graded.question();
      return new Line(
          example.line(),
          Questions.domain(example),
          question(example),
          Objects.requireNonNull(example.answer()),
          graded.reply(),
          graded.tokens(),
          graded.truncated(),
          graded.right());
    }

    private static String question(Example example) {
      return switch (example) {
        case Example.Chat chat -> chat.question().getLast().content();
        case Example.PromptCompletion text -> text.prompt();
        case Example.Text text -> text.text();
      };
    }
  }

  private final List<Line> lines = new ArrayList<>();

  @Override
  public void accept(GradedReply reply) {
    lines.add(Line.of(reply));
  }

  /// Writes what was collected.
  ///
  /// @throws IOException if it cannot be written; the target is then as it was
  public void write(Path target, boolean overwrite) throws IOException {
    StringBuilder text = new StringBuilder();
    lines.stream()
        .sorted(Comparator.comparingLong(Line::line))
        .forEach(line -> text.append(JSON.writeValueAsString(line)).append('\n'));
    AtomicFile.write(
        target,
        overwrite,
        channel ->
            channel.write(ByteBuffer.wrap(text.toString().getBytes(StandardCharsets.UTF_8))));
  }

  /// Reads such a file.
  ///
  /// @throws IOException if it cannot be read, or holds something else
  public static List<Line> read(Path file) throws IOException {
    List<Line> lines = new ArrayList<>();
    for (String line : Files.readAllLines(file)) {
      try {
        lines.add(JSON.readValue(line, Line.class));
      } catch (JacksonException e) {
        throw new IOException(file + " holds no replies of 'whittle eval'; evaluate again", e);
      }
    }
    return lines;
  }
}
