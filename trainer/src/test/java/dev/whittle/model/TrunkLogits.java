package dev.whittle.model;

import dev.whittle.autograd.Kernels;
import dev.whittle.autograd.Tape;
import dev.whittle.autograd.Variable;
import dev.whittle.ggml.Backend;
import dev.whittle.ggml.Graph;
import dev.whittle.ggml.GraphAllocator;
import dev.whittle.ggml.Operations;
import dev.whittle.ggml.Tensor;
import dev.whittle.ggml.TensorContext;
import java.nio.file.Path;
import java.util.Arrays;

/// The logits that the trainer's forward pass gives for a model file, one document at a time.
final class TrunkLogits implements AutoCloseable {
  private final Backend backend = Backend.cpu(1);
  private final ModelFile model;
  private final FrozenWeights weights;
  private final BatchInputs inputs;
  private final Trunk trunk;
  private final TensorContext context = new TensorContext(32);
  private final GraphAllocator allocator;
  private final Graph graph;
  private final Tensor logits;

  TrunkLogits(Path file, int length) {
    model = ModelFile.open(file);
    weights = new FrozenWeights(backend, model);
    inputs = new BatchInputs(backend, new BatchShape(1, length));
    trunk =
        new Trunk(
            backend,
            model.config(),
            model.family(),
            weights,
            weights.ropeFactors(),
            inputs,
            Trunk.Activations.NONE);
    Tape tape = new Tape(new Operations(context), Kernels.of(backend));
    Variable hidden = tape.input(tape.operations().columns(trunk.output(), 0, length), false);
    logits =
        tape.linear(
                weights.weight(model.headName()),
                tape.rmsNorm(
                    hidden, weights.weight(ModelFile.OUTPUT_NORM), model.config().epsilon()))
            .tensor()
            .asOutput();
    graph = new Graph(context, "logits", 32).expand(logits);
    allocator = new GraphAllocator(backend);
    allocator.reserve(graph);
    allocator.allocate(graph);
  }

  int vocabulary() {
    return model.config().vocabulary();
  }

  /// The logits of each token of a document, [document.length × vocabulary].
  float[] of(int[] document) {
    int length = inputs.shape().tokens();
    int[] documents = new int[length];
    int[] positions = new int[length];
    Arrays.fill(documents, document.length, length, -1);
    for (int i = 0; i < document.length; i++) {
      positions[i] = i;
    }
    inputs.load(Arrays.copyOf(document, length), positions, documents);
    trunk.forward();
    backend.compute(graph);
    return Arrays.copyOf(logits.readFloats(), document.length * vocabulary());
  }

  @Override
  public void close() {
    allocator.close();
    context.close();
    trunk.close();
    inputs.close();
    weights.close();
    model.close();
    backend.close();
  }
}
