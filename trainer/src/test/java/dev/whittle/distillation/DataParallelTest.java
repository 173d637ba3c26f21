package dev.whittle.distillation;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.data.Dataset;
import dev.whittle.data.TokenizedCorpus;
import dev.whittle.data.TokenizedDocument;
import dev.whittle.ggml.Device;
import dev.whittle.ggml.FileType;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Tensor;
import dev.whittle.model.BatchShape;
import dev.whittle.model.ModelFile;
import dev.whittle.model.Trunk.Activations;
import dev.whittle.quantization.TypeSelection;
import dev.whittle.testing.DemoModel;
import dev.whittle.training.Forward;
import dev.whittle.training.MomentType;
import dev.whittle.training.Parameter;
import dev.whittle.training.TrainedWeights;
import dev.whittle.training.Workers;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Several backends on the CPU in place of as many GPUs.
class DataParallelTest {
  private static final int ROW = 96;

  @TempDir Path folder;

  private static List<Device> cpus(int count) {
    return Collections.nCopies(count, Device.cpu());
  }

  private static DistillationSettings settings(int rowsPerStep, boolean completionOnly) {
    return new DistillationSettings(
        LossSchedule.of(Objective.FORWARD_KL),
        completionOnly,
        Forward.DECODED,
        MomentType.F32,
        4,
        rowsPerStep * ROW,
        ROW,
        256,
        3e-4,
        1,
        1,
        0.1,
        0.01,
        1,
        3);
  }

  /// Documents of unlike lengths, of which unlike shares are completions.
  private static TokenizedCorpus corpus(int vocabulary) {
    Random random = new Random(5);
    List<TokenizedDocument> documents = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      int length = ROW - 10 * (i % 4);
      BitSet completions = new BitSet();
      completions.set(10 + 5 * i, length);
      documents.add(
          new TokenizedDocument(random.ints(length, 0, vocabulary).toArray(), completions));
    }
    return TokenizedCorpus.of(documents);
  }

  private static StudentReplicas students(ReplicaGroup group, ModelFile model, Workers workers) {
    StudentReplicas students =
        new StudentReplicas(
            group,
            backend ->
                new TrainedWeights(
                    backend,
                    model,
                    t -> t.rows() > 1 ? GgmlType.TQ2_0 : GgmlType.F32,
                    t -> null,
                    Forward.DECODED,
                    MomentType.F32,
                    workers));
    students.encode();
    return students;
  }

  /// The loss of one step, and then the gradients that it left.
  private static List<float[]> firstStep(int devices) {
    try (Workers workers = new Workers(1);
        ModelFile model = ModelFile.open(DemoModel.file());
        ReplicaGroup group = new ReplicaGroup(cpus(devices), 1, model);
        StudentReplicas students = students(group, model, workers);
        Distillation distillation =
            new Distillation(
                settings(4, true),
                model,
                students,
                corpus(model.config().vocabulary()),
                null,
                0,
                Activations.KEPT)) {
      assertEquals(new BatchPlan(new BatchShape(1, ROW), 4), distillation.plan());
      List<float[]> results = new ArrayList<>();
      results.add(new float[] {(float) distillation.step().loss()});
      for (int replica = 0; replica < devices; replica++) {
        int at = 1;
        for (Parameter p : students.replica(replica).parameters()) {
          float[] gradient = p.gradient().readFloats();
          if (replica == 0) {
            results.add(gradient);
          } else {
            assertArrayEquals(results.get(at++), gradient, p.name());
          }
        }
      }
      students.requireEqual();
      return results;
    }
  }

  /// The same micro-batches, added up in another order: that alone is a few roundings of float32,
  /// 6e-8 each.
  @Test
  void twoReplicasHaveTheGradientsOfOne() {
    List<float[]> one = firstStep(1);
    List<float[]> two = firstStep(2);
    for (int i = 0; i < one.size(); i++) {
      double squares = 0;
      double differences = 0;
      for (int k = 0; k < one.get(i).length; k++) {
        double difference = (double) one.get(i)[k] - two.get(i)[k];
        squares += (double) one.get(i)[k] * one.get(i)[k];
        differences += difference * difference;
      }
      assertTrue(squares > 0, "tensor " + i);
      assertTrue(differences <= 1e-12 * squares, i + ": " + differences / squares);
    }
  }

  @Test
  void aBlockThatDiffersIsFoundByItsName() {
    try (Workers workers = new Workers(1);
        ModelFile model = ModelFile.open(DemoModel.file());
        ReplicaGroup group = new ReplicaGroup(cpus(3), 1, model);
        StudentReplicas students = students(group, model, workers)) {
      students.requireEqual();
      Tensor blocks = students.replica(2).parameter("blk.1.ffn_up.weight").blocks();
      MemorySegment host = blocks.host();
      host.set(ValueLayout.JAVA_BYTE, 77, (byte) (host.get(ValueLayout.JAVA_BYTE, 77) ^ 1));
      IllegalStateException e = assertThrows(IllegalStateException.class, students::requireEqual);
      assertTrue(e.getMessage().contains("blk.1.ffn_up.weight"), e.getMessage());
    }
  }

  @Test
  void everyDeviceHasAsManyMicroBatches() {
    BatchShape rows = new BatchShape(3, 512);
    assertEquals(new BatchPlan(rows, 3), BatchPlan.of(8 * 512, 500, 2048, 3));
    assertEquals(new BatchPlan(rows, 6), BatchPlan.of(18 * 512, 512, 3 * 512, 3));
    assertEquals(new BatchPlan(new BatchShape(1, 512), 4), BatchPlan.of(512, 512, 2048, 4));
  }

  private DistillationRequest request(String output, Path run, boolean resume) throws IOException {
    Path data = folder.resolve("data.jsonl");
    if (!Files.exists(data)) {
      Files.write(data, Files.readAllLines(DemoModel.CHATS).subList(0, 50));
    }
    return new DistillationRequest(
        DemoModel.file(),
        List.of(new Dataset(data)),
        folder.resolve(output),
        TypeSelection.of(FileType.TQ2_0),
        new Start.RoundToNearest(),
        null,
        settings(4, false),
        null,
        cpus(2),
        1,
        null,
        run,
        2,
        resume,
        false);
  }

  /// What a kill looks like from inside: the run goes no further.
  private static final class Killed extends RuntimeException {
    private static final long serialVersionUID = 1;
  }

  @Test
  void aRunOnTwoDevicesCanBeRepeatedAndTakenUpAgain() throws Exception {
    new DistillationJob(request("whole.gguf", null, false), new DistillationListener() {}).run();
    Path run = folder.resolve("run");
    DistillationListener killing =
        new DistillationListener() {
          @Override
          public void step(StepReport report) {
            if (report.step() == 3) {
              throw new Killed();
            }
          }
        };
    assertThrows(
        Killed.class,
        () -> new DistillationJob(request("resumed.gguf", run, false), killing).run());
    new DistillationJob(request("resumed.gguf", run, true), new DistillationListener() {}).run();
    assertArrayEquals(
        Files.readAllBytes(folder.resolve("whole.gguf")),
        Files.readAllBytes(folder.resolve("resumed.gguf")));
  }
}
