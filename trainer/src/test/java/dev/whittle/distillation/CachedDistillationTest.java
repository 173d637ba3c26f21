package dev.whittle.distillation;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.data.Dataset;
import dev.whittle.ggml.Device;
import dev.whittle.ggml.FileType;
import dev.whittle.quantization.TypeSelection;
import dev.whittle.testing.DemoModel;
import dev.whittle.training.Forward;
import dev.whittle.training.MomentType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Runs on the bundled model with a teacher cache.
class CachedDistillationTest {
  @TempDir Path folder;
  private Path data;
  private Path cache;
  private Path run;

  @BeforeEach
  void begin() throws IOException {
    // Some 2,500 tokens, which take two micro-batches to cache.
    List<String> chats = Files.readAllLines(DemoModel.CHATS).subList(0, 34);
    data = Files.write(folder.resolve("data.jsonl"), chats);
    cache = folder.resolve("cache");
    run = folder.resolve("run");
  }

  private DistillationRequest request(
      String output, String loss, Path teacherCache, Path runDirectory, boolean resume) {
    return new DistillationRequest(
        DemoModel.file(),
        List.of(new Dataset(data)),
        folder.resolve(output),
        TypeSelection.of(FileType.TQ2_0),
        new Start.RoundToNearest(),
        null,
        new DistillationSettings(
            LossSchedule.parse(loss, 1),
            false,
            Forward.DECODED,
            MomentType.F32,
            3,
            448,
            2048,
            256,
            3e-4,
            1,
            2,
            0.1,
            0.01,
            1,
            3),
        teacherCache,
        List.of(Device.cpu()),
        1,
        null,
        runDirectory,
        2,
        resume,
        false);
  }

  private DistillationRequest request(String output, Path teacherCache) {
    return request(output, "forward-kl", teacherCache, null, false);
  }

  /// Writes down what it hears, and stops the run where it should.
  private static final class Recorder implements DistillationListener {
    final List<Long> cached = new ArrayList<>();
    final List<Double> losses = new ArrayList<>();
    int lastStep = Integer.MAX_VALUE;
    boolean killedWhileFilling;

    @Override
    public void teacherStates(long documents, long total) {
      cached.add(documents);
      if (killedWhileFilling) {
        throw new Killed();
      }
    }

    @Override
    public void step(StepReport report) {
      losses.add(report.loss());
      if (report.step() == lastStep) {
        throw new Killed();
      }
    }
  }

  private static final class Killed extends RuntimeException {
    private static final long serialVersionUID = 1;
  }

  private static Recorder run(DistillationRequest request) throws IOException {
    Recorder recorder = new Recorder();
    new DistillationJob(request, recorder).run();
    return recorder;
  }

  private byte[] bytes(String output) throws IOException {
    return Files.readAllBytes(folder.resolve(output));
  }

  @Test
  void everyRunThatUsesTheCacheEndsWithTheSameBytes() throws Exception {
    Recorder first = run(request("first.gguf", cache));
    assertEquals(List.of(34L), first.cached.subList(first.cached.size() - 1, first.cached.size()));
    Recorder second = run(request("second.gguf", cache));
    assertTrue(second.cached.isEmpty());
    assertEquals(first.losses, second.losses);
    assertArrayEquals(bytes("first.gguf"), bytes("second.gguf"));

    Files.delete(cache);
    Recorder killed = new Recorder();
    killed.killedWhileFilling = true;
    assertThrows(
        Killed.class, () -> new DistillationJob(request("third.gguf", cache), killed).run());
    assertTrue(killed.cached.getFirst() < 34);
    run(request("third.gguf", cache));
    assertArrayEquals(bytes("first.gguf"), bytes("third.gguf"));
  }

  /// The states are rounded to BF16 either way, but lie elsewhere in their rows while they are
  /// cached, which changes some by such a rounding: 2⁻⁹, and the loss of a step by less.
  @ParameterizedTest
  @ValueSource(strings = {"forward-kl", "cakld:0.8,ce:0.2"})
  void theLossIsThatWithoutACache(String loss) throws Exception {
    double cached = run(request("cached.gguf", loss, cache, null, false)).losses.getFirst();
    double computed = run(request("computed.gguf", loss, null, null, false)).losses.getFirst();
    assertEquals(computed, cached, 1e-3 * computed);
  }

  @Test
  void aResumedRunEndsWithTheSameBytesEvenIfTheCacheIsLost() throws Exception {
    run(request("whole.gguf", cache));
    Recorder killed = new Recorder();
    killed.lastStep = 2;
    DistillationRequest cut = request("cut.gguf", "forward-kl", cache, run, false);
    assertThrows(Killed.class, () -> new DistillationJob(cut, killed).run());
    Files.delete(cache);
    Recorder resumed = run(request("cut.gguf", "forward-kl", cache, run, true));
    assertEquals(1, resumed.losses.size());
    assertArrayEquals(bytes("whole.gguf"), bytes("cut.gguf"));
  }

  @Test
  void aRunGoesOnWithTheCacheThatItBeganWith() throws Exception {
    run(request("out.gguf", "forward-kl", cache, run, false));
    DistillationRequest without = request("other.gguf", "forward-kl", null, run, true);
    IOException e =
        assertThrows(IOException.class, () -> new DistillationJob(without, new Recorder()).run());
    assertTrue(e.getMessage().contains("teacher_cache was true and is false"), e.getMessage());
  }

  @Test
  void aCacheThatCannotBeUsedLeavesNoRunBehind() throws Exception {
    Files.writeString(cache, "precious");
    DistillationRequest request = request("out.gguf", "forward-kl", cache, run, false);
    assertThrows(
        TeacherCacheException.class, () -> new DistillationJob(request, new Recorder()).run());
    assertFalse(Files.exists(run));
  }

  @Test
  void aLossWithoutATeacherHasNothingToCache() {
    assertThrows(
        IllegalArgumentException.class, () -> request("out.gguf", "ce", cache, null, false));
  }
}
