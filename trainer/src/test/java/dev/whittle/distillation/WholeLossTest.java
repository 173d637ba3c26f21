package dev.whittle.distillation;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.autograd.FiniteDifference;
import dev.whittle.data.DataPosition;
import dev.whittle.data.PackedBatch;
import dev.whittle.data.PackedBatches;
import dev.whittle.data.TokenizedCorpus;
import dev.whittle.data.TokenizedDocument;
import dev.whittle.ggml.Backend;
import dev.whittle.ggml.GgmlType;
import dev.whittle.huggingface.HuggingFaceCheckpoint;
import dev.whittle.huggingface.TinyCheckpoint;
import dev.whittle.model.BatchShape;
import dev.whittle.model.FrozenWeights;
import dev.whittle.model.ModelFile;
import dev.whittle.model.Trunk.Activations;
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
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The gradient of the whole loss, from the token embedding to the divergence, at every parameter
/// of small models with float32 weights.
///
/// The backward products run in BF16 and attention rounds to F16, each an error of up to 2⁻⁹ a
/// factor, which adds up over the layers: 6e-2 of the gradient's length is allowed. A wrong rule is
/// off by its own size.
class WholeLossTest {
  private static final double TOLERANCE = 6e-2;
  private static final BatchShape SHAPE = new BatchShape(2, 32);

  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource({
    "qwen3, forward-kl, UNIFORM, KEPT",
    "qwen3, 'reverse-kl:0.5,jsd:0.5', UNIFORM, RECOMPUTED",
    "qwen2, forward-kl, UNIFORM, RECOMPUTED",
    "llama, ce, UNIFORM, KEPT",
    "llama-untied, 'cakld:0.7,ce:0.3', UNIFORM, RECOMPUTED",
    "qwen3, 'forward-kl:0.1,hidden', UNIFORM, KEPT",
    "llama, 'ce:0.1,hidden:0.5', UNIFORM, RECOMPUTED",
    "qwen3, 'forward-kl,hidden:0.5', ENTROPY, KEPT",
    "llama, reverse-kl, CERTAINTY, RECOMPUTED"
  })
  void theGradientIsTheSlope(
      String family, String loss, TokenWeights tokenWeights, Activations activations)
      throws Exception {
    Path teacherFile = write(checkpoint(family, 1), "teacher");
    Path studentFile = write(checkpoint(family, 2), "student");
    try (Backend backend = Backend.cpu(1);
        Workers workers = new Workers(1);
        ModelFile teacher = ModelFile.open(teacherFile);
        ModelFile student = ModelFile.open(studentFile);
        FrozenWeights frozen = new FrozenWeights(backend, teacher);
        TrainedWeights weights =
            new TrainedWeights(
                backend,
                student,
                t -> GgmlType.F32,
                t -> null,
                Forward.DEPLOYED,
                MomentType.F32,
                workers);
        DistillationEngine engine =
            new DistillationEngine(
                backend,
                teacher,
                frozen,
                null,
                weights,
                SHAPE,
                LossSchedule.parse(loss, 1, tokenWeights).widest(),
                0.4,
                false,
                activations)) {
      weights.encode();
      List<PackedBatch> batches = batches();
      long targets = engine.targets(batches);
      engine.run(batches, targets);
      List<float[]> gradients = new ArrayList<>();
      for (Parameter p : weights.parameters()) {
        gradients.add(p.gradient().readFloats());
      }
      double longest = gradients.stream().mapToDouble(WholeLossTest::norm).max().orElseThrow();
      int index = 0;
      for (Parameter p : weights.parameters()) {
        float[] gradient = gradients.get(index++);
        if (norm(gradient) < 2e-2 * longest) {
          // Too flat for a difference of float32 losses to show a slope. A bias of keys is one of
          // them: softmax hardly sees what all keys have in common.
          continue;
        }
        double error =
            FiniteDifference.error(
                p.master(), gradient, () -> engine.run(batches, targets), step(p), index);
        assertTrue(error < TOLERANCE, p.name() + " is off by " + error);
      }
    }
  }

  @Test
  void keptAndRecomputedActivationsGiveTheSameGradients() throws Exception {
    Path teacherFile = write(checkpoint("qwen3", 1), "teacher");
    List<float[]> kept = gradients(teacherFile, Activations.KEPT);
    List<float[]> recomputed = gradients(teacherFile, Activations.RECOMPUTED);
    assertEquals(kept.size(), recomputed.size());
    for (int i = 0; i < kept.size(); i++) {
      for (int j = 0; j < kept.get(i).length; j++) {
        assertEquals(kept.get(i)[j], recomputed.get(i)[j]);
      }
    }
  }

  /// What makes micro-batches as many for each device.
  @Test
  void aMicroBatchOfPaddingChangesNothing() throws Exception {
    Path file = write(checkpoint("qwen3", 1), "teacher");
    List<PackedBatch> padded = new ArrayList<>(batches());
    padded.add(PackedBatch.empty(SHAPE));
    List<float[]> alone = gradients(file, Activations.KEPT);
    List<float[]> beside = gradients(file, Activations.KEPT, padded);
    for (int i = 0; i < alone.size(); i++) {
      assertArrayEquals(alone.get(i), beside.get(i));
    }
  }

  private static List<float[]> gradients(Path file, Activations activations) {
    return gradients(file, activations, batches());
  }

  private static List<float[]> gradients(
      Path file, Activations activations, List<PackedBatch> batches) {
    try (Backend backend = Backend.cpu(1);
        Workers workers = new Workers(1);
        ModelFile teacher = ModelFile.open(file);
        FrozenWeights frozen = new FrozenWeights(backend, teacher);
        TrainedWeights weights =
            new TrainedWeights(
                backend,
                teacher,
                WholeLossTest::type,
                t -> null,
                Forward.DEPLOYED,
                MomentType.F32,
                workers);
        DistillationEngine engine =
            new DistillationEngine(
                backend,
                teacher,
                frozen,
                null,
                weights,
                SHAPE,
                LossMix.of(Objective.FORWARD_KL),
                0,
                false,
                activations)) {
      weights.encode();
      engine.run(batches, engine.targets(batches));
      return weights.parameters().stream().map(p -> p.gradient().readFloats()).toList();
    }
  }

  private static GgmlType type(dev.whittle.gguf.TensorInfo tensor) {
    return tensor.rows() > 1 && tensor.rowLength() % 32 == 0 ? GgmlType.Q4_0 : GgmlType.F32;
  }

  private static TinyCheckpoint checkpoint(String family, long seed) {
    return switch (family) {
      case "qwen3" -> TinyCheckpoint.qwen3(seed);
      case "qwen2" -> TinyCheckpoint.qwen2(seed);
      case "llama" -> TinyCheckpoint.llama(seed);
      default -> TinyCheckpoint.llama(seed).untied();
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

  /// Two micro-batches of documents of random tokens.
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

  /// A thirtieth of the weights' size: far above the rounding of F16 and small enough for a slope.
  /// Biases are small beside what they are added to, so they get a step of that size.
  private static double step(Parameter p) {
    double size = norm(p.master().readFloats()) / Math.sqrt(p.elements());
    return p.name().endsWith(".bias") ? 0.02 : 0.03 * size;
  }

  private static double norm(float[] values) {
    double sum = 0;
    for (float v : values) {
      sum += (double) v * v;
    }
    return Math.sqrt(sum);
  }
}
