package dev.whittle.distillation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.whittle.data.DataPosition;
import dev.whittle.data.PackedBatch;
import dev.whittle.data.PackedBatches;
import dev.whittle.data.TokenizedCorpus;
import dev.whittle.data.TokenizedDocument;
import dev.whittle.ggml.Backend;
import dev.whittle.ggml.Device;
import dev.whittle.ggml.DeviceSelection;
import dev.whittle.ggml.GgmlType;
import dev.whittle.huggingface.HuggingFaceCheckpoint;
import dev.whittle.huggingface.TinyCheckpoint;
import dev.whittle.model.BatchShape;
import dev.whittle.model.FrozenWeights;
import dev.whittle.model.ModelFile;
import dev.whittle.model.Trunk.Activations;
import dev.whittle.optimizer.AdamW;
import dev.whittle.training.Forward;
import dev.whittle.training.MomentType;
import dev.whittle.training.Parameter;
import dev.whittle.training.TrainedWeights;
import dev.whittle.training.Workers;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Loss, gradients and one update on every GPU there is, against those on the CPU; where there is
/// no GPU, there is nothing to compare.
///
/// Products read BF16 on both sides and TF32 on a GPU alone: the loss has to agree to 1e-2, and a
/// gradient to 5e-2 of its length.
class DeviceAgreementTest {
  private static final BatchShape SHAPE = new BatchShape(2, 32);

  @TempDir Path folder;

  private record Outcome(double loss, List<float[]> gradients, List<float[]> masters) {}

  @ParameterizedTest
  @CsvSource({
    "qwen3, forward-kl, KEPT, UNIFORM",
    "qwen3, 'reverse-kl:0.5,jsd:0.5', RECOMPUTED, UNIFORM",
    "qwen2, forward-kl, RECOMPUTED, UNIFORM",
    "llama, ce, KEPT, UNIFORM",
    "qwen3, 'cakld:0.7,ce:0.3', KEPT, UNIFORM",
    "qwen3, 'forward-kl:0.1,hidden', KEPT, UNIFORM",
    "llama, 'forward-kl:0.1,hidden', RECOMPUTED, UNIFORM",
    "qwen3, 'forward-kl,hidden', KEPT, ENTROPY",
    "llama, 'reverse-kl,ce:0.1', KEPT, CERTAINTY"
  })
  void aStepIsTheSameOnEveryDevice(
      String family, String loss, Activations activations, TokenWeights tokenWeights)
      throws Exception {
    List<Device> devices = DeviceSelection.automatic().accelerators();
    assumeFalse(devices.isEmpty(), "there is no GPU");
    Path teacher = write(checkpoint(family, 1), "teacher");
    Path student = write(checkpoint(family, 2), "student");
    LossMix mix = LossSchedule.parse(loss, 1, tokenWeights).widest();
    Outcome expected = step(Device.cpu(), teacher, student, mix, activations);
    for (Device device : devices) {
      Outcome actual = step(device, teacher, student, mix, activations);
      assertEquals(expected.loss(), actual.loss(), 1e-2 * expected.loss());
      double longest = expected.gradients().stream().mapToDouble(g -> norm(g)).max().orElseThrow();
      for (int i = 0; i < expected.gradients().size(); i++) {
        if (norm(expected.gradients().get(i)) > 2e-2 * longest) {
          double error = difference(expected.gradients().get(i), actual.gradients().get(i));
          assertTrue(error < 5e-2, "gradient " + i + " is off by " + error + " of its length");
        }
        assertTrue(difference(expected.masters().get(i), actual.masters().get(i)) < 1e-2);
      }
    }
  }

  private static Outcome step(
      Device device, Path teacherFile, Path studentFile, LossMix loss, Activations activations) {
    try (Backend backend = Backend.on(device, 1);
        Workers workers = new Workers(1);
        ModelFile teacher = ModelFile.open(teacherFile);
        ModelFile student = ModelFile.open(studentFile);
        FrozenWeights frozen = new FrozenWeights(backend, teacher);
        TrainedWeights weights =
            new TrainedWeights(
                backend,
                student,
                t -> t.rows() > 1 && t.rowLength() % 32 == 0 ? GgmlType.Q8_0 : GgmlType.F32,
                t -> null,
                Forward.DECODED,
                MomentType.F32,
                workers);
        DistillationEngine engine =
            new DistillationEngine(
                backend, teacher, frozen, null, weights, SHAPE, loss, 0.4, false, activations)) {
      weights.encode();
      List<PackedBatch> batches = batches();
      double value = engine.run(batches, engine.targets(batches));
      List<float[]> gradients = read(weights, true);
      weights.gradientNorm();
      weights.update(AdamW.DEFAULT, group -> new AdamW.Step(1, 1e-3f, 0.01f, 1f));
      return new Outcome(value, gradients, read(weights, false));
    }
  }

  private static List<float[]> read(TrainedWeights weights, boolean gradients) {
    List<float[]> values = new ArrayList<>();
    for (Parameter p : weights.parameters()) {
      values.add((gradients ? p.gradient() : p.master()).readFloats());
    }
    return values;
  }

  private static double norm(float[] values) {
    double sum = 0;
    for (float v : values) {
      sum += (double) v * v;
    }
    return Math.sqrt(sum);
  }

  private static double difference(float[] a, float[] b) {
    float[] d = new float[a.length];
    for (int i = 0; i < d.length; i++) {
      d[i] = a[i] - b[i];
    }
    return norm(d) / norm(a);
  }

  private static TinyCheckpoint checkpoint(String family, long seed) {
    return switch (family) {
      case "qwen3" -> TinyCheckpoint.qwen3(seed);
      case "qwen2" -> TinyCheckpoint.qwen2(seed);
      default -> TinyCheckpoint.llama(seed);
    };
  }

  private Path write(TinyCheckpoint checkpoint, String name) throws Exception {
    Path file = folder.resolve(name + ".gguf");
    try (HuggingFaceCheckpoint imported =
        HuggingFaceCheckpoint.open(checkpoint.write(folder.resolve(name)))) {
      imported.writeGguf(file, GgmlType.F32, false);
    }
    return file;
  }

  private static List<PackedBatch> batches() {
    Random random = new Random(5);
    List<TokenizedDocument> documents = new ArrayList<>();
    for (int i = 0; i < 24; i++) {
      documents.add(
          new TokenizedDocument(
              random.ints(4 + random.nextInt(20), 0, 256).toArray(), new BitSet()));
    }
    PackedBatches packed =
        new PackedBatches(TokenizedCorpus.of(documents), SHAPE, 0, DataPosition.START);
    return List.of(packed.next(), packed.next());
  }
}
