package dev.whittle.gptq;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.data.TokenizedCorpus;
import dev.whittle.data.TokenizedDocument;
import dev.whittle.ggml.Backend;
import dev.whittle.ggml.BlockCodec;
import dev.whittle.ggml.GgmlType;
import dev.whittle.gguf.TensorInfo;
import dev.whittle.huggingface.TinyCheckpoint;
import dev.whittle.model.BatchInputs;
import dev.whittle.model.FrozenWeights;
import dev.whittle.model.ModelFile;
import dev.whittle.model.SingleLayer;
import dev.whittle.model.Trunk;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TokenSensitivityTest {
  private static final TinyCheckpoint.Sizes SIZES = new TinyCheckpoint.Sizes(2, 64, 96, 4, 2, 16);
  private static final int DOCUMENTS = 6;
  private static final int LENGTH = 16;

  /// Tokens of a document that the model is to produce.
  private static final int FIRST_OF_REPLY = 8;

  private static final int END_OF_REPLY = 12;

  @TempDir Path folder;

  /// A random change of one token's state costs the replies a divergence of that token's weight
  /// times a constant. One draw of the signs says the weight up to some noise.
  @Test
  void weightsAreWhatErrorsCostTheReplies() throws IOException {
    try (Session session = new Session(imported("qwen3", GgmlType.F32))) {
      float[] weights = session.sensitivity().behind(0, 0);
      float[] states = session.statesBehindFirst();
      double[][] wanted = session.distributions(states);
      Random random = new Random(3);
      List<Double> found = new ArrayList<>();
      List<Double> costs = new ArrayList<>();
      for (int token = 0; token < DOCUMENTS * LENGTH; token++) {
        double cost = 0;
        for (int draw = 0; draw < 4; draw++) {
          float[] changed = states.clone();
          for (int i = 0; i < SIZES.hidden(); i++) {
            changed[token * SIZES.hidden() + i] += (float) (0.05 * random.nextGaussian());
          }
          cost += session.divergence(wanted, session.distributions(changed));
        }
        if (token % LENGTH >= END_OF_REPLY - 1) {
          assertEquals(0, cost, 1e-9, "nothing of a reply comes behind token " + token);
          assertEquals(0.05, weights[token], 1e-3);
        } else {
          found.add((double) weights[token]);
          costs.add(cost);
        }
      }
      double correlation = correlation(found, costs);
      assertTrue(correlation > 0.9, "correlation " + correlation);
    }
  }

  /// Kernels take the matrices of one type as they lie and need transposed copies of the other.
  @ParameterizedTest
  @ValueSource(strings = {"llama", "qwen2", "qwen3", "llama-untied"})
  void everyFamilyIsMeasuredInEveryType(String family) throws IOException {
    List<String> matrices = List.of("blk.0.attn_k.weight", "blk.0.attn_v.weight");
    float[] plain;
    float[] small;
    try (Session session = new Session(imported(family, GgmlType.F32))) {
      plain = session.sensitivity().at(matrices, 0);
    }
    try (Session session = new Session(imported(family, GgmlType.BF16))) {
      small = session.sensitivity().at(matrices, 0);
    }
    double sum = 0;
    for (int i = 0; i < plain.length; i++) {
      sum += plain[i];
      // Products of BF16 factors.
      assertEquals(plain[i], small[i], 0.05 * (1 + plain[i]), "token " + i);
    }
    assertEquals(DOCUMENTS * LENGTH, sum, 1e-2);
  }

  /// Where no token is to be produced by the model, all tell what an error costs.
  @Test
  void textWithoutRepliesCountsWhole() throws IOException {
    try (Session session = new Session(imported("qwen3", GgmlType.F32), false)) {
      float[] weights = session.sensitivity().behind(1, 0);
      for (int token = 0; token < DOCUMENTS * LENGTH; token++) {
        boolean last = token % LENGTH == LENGTH - 1;
        assertTrue(last == weights[token] < 0.051, token + ": " + weights[token]);
      }
    }
  }

  /// E[‖g‖²] is the trace of diag(q) - q qᵀ.
  @Test
  void theHeadsGradientHasTheTraceOfTheFisherInformation() throws IOException {
    double temperature = 0.1;
    try (Session session = new Session(imported("qwen3", GgmlType.F32));
        FrozenWeights frozen = new FrozenWeights(session.backend, session.model);
        Trunk trunk =
            new Trunk(
                session.backend,
                session.model,
                frozen,
                session.inputs,
                (ops, layer, behind, atOutputs) -> List.of())) {
      double[][] distributions = session.distributions(session.statesBehindFirst(), temperature);
      session.batches.load(0, session.inputs);
      trunk.forward();
      int place = FIRST_OF_REPLY;
      double trace = 1;
      for (double q : distributions[place]) {
        trace -= q * q;
      }
      double mean = 0;
      int seeds = 100;
      for (int seed = 0; seed < seeds; seed++) {
        try (FisherHead head =
            new FisherHead(session.backend, session.model, frozen, trunk, temperature, seed)) {
          float[] squares = head.run(new int[] {place});
          assertEquals(0, squares[place + 1]);
          mean += squares[place] / seeds;
        }
      }
      assertTrue(trace < 0.9, "the distribution is too flat to show anything: " + trace);
      // The mean of so many draws.
      assertEquals(trace, mean, 0.1 * trace);
    }
  }

  private static double correlation(List<Double> a, List<Double> b) {
    double meanA = a.stream().mapToDouble(v -> v).average().orElseThrow();
    double meanB = b.stream().mapToDouble(v -> v).average().orElseThrow();
    double product = 0;
    double squareA = 0;
    double squareB = 0;
    for (int i = 0; i < a.size(); i++) {
      product += (a.get(i) - meanA) * (b.get(i) - meanB);
      squareA += Math.pow(a.get(i) - meanA, 2);
      squareB += Math.pow(b.get(i) - meanB, 2);
    }
    return product / Math.sqrt(squareA * squareB);
  }

  /// A model and one micro-batch of documents of equal length, one behind the other.
  private static final class Session implements AutoCloseable {
    final Backend backend = Backend.cpu(1);
    final ModelFile model;
    final CalibrationBatches batches;
    final BatchInputs inputs;
    final SingleLayer layer;

    Session(Path file) {
      this(file, true);
    }

    Session(Path file, boolean replies) {
      model = ModelFile.open(file);
      batches = new CalibrationBatches(corpus(replies), SIZES.hidden());
      inputs = new BatchInputs(backend, batches.shape());
      layer = new SingleLayer(backend, model, inputs);
      assertEquals(1, batches.size());
    }

    private static TokenizedCorpus corpus(boolean replies) {
      Random random = new Random(4);
      List<TokenizedDocument> documents = new ArrayList<>();
      for (int i = 0; i < DOCUMENTS; i++) {
        BitSet completion = new BitSet();
        completion.set(FIRST_OF_REPLY, END_OF_REPLY, replies);
        documents.add(new TokenizedDocument(random.ints(LENGTH, 0, 200).toArray(), completion));
      }
      return TokenizedCorpus.of(documents);
    }

    TokenSensitivity sensitivity() {
      return TokenSensitivity.of(backend, model, batches, inputs);
    }

    float[] statesBehindFirst() {
      batches.embed(model);
      layer.load(0);
      batches.load(0, inputs, layer);
      layer.forward();
      return layer.outputs().readFloats();
    }

    double[][] distributions(float[] statesBehindFirst) {
      return distributions(statesBehindFirst, 4);
    }

    /// Those of the tokens that follow each place.
    double[][] distributions(float[] statesBehindFirst, double temperature) {
      layer.load(1);
      layer.states().write(statesBehindFirst);
      layer.forward();
      layer.states().write(layer.outputs().readFloats());
      layer.headProducts().add();
      float[] x = layer.headProducts().inputs().readFloats();
      TensorInfo info = model.file().require(model.headName());
      int vocabulary = Math.toIntExact(info.rows());
      float[] head = new float[vocabulary * SIZES.hidden()];
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment decoded = arena.allocate((long) head.length * Float.BYTES, Float.BYTES);
        BlockCodec.of(info.type()).decode(model.file().data(info), decoded, head.length);
        MemorySegment.copy(decoded, ValueLayout.JAVA_FLOAT, 0, head, 0, head.length);
      }
      double[][] distributions = new double[DOCUMENTS * LENGTH][vocabulary];
      for (int place = 0; place < distributions.length; place++) {
        double sum = 0;
        for (int v = 0; v < vocabulary; v++) {
          double logit = 0;
          for (int i = 0; i < SIZES.hidden(); i++) {
            logit += x[place * SIZES.hidden() + i] * head[v * SIZES.hidden() + i];
          }
          distributions[place][v] = Math.exp(logit / temperature);
          sum += distributions[place][v];
        }
        for (int v = 0; v < vocabulary; v++) {
          distributions[place][v] /= sum;
        }
      }
      return distributions;
    }

    /// That of the replies' tokens.
    double divergence(double[][] p, double[][] q) {
      double sum = 0;
      for (int place = 0; place < p.length; place++) {
        int next = place % LENGTH + 1;
        if (next >= FIRST_OF_REPLY && next < END_OF_REPLY) {
          for (int v = 0; v < p[place].length; v++) {
            sum += p[place][v] * Math.log(p[place][v] / q[place][v]);
          }
        }
      }
      return sum;
    }

    @Override
    public void close() {
      layer.close();
      inputs.close();
      batches.close();
      model.close();
      backend.close();
    }
  }

  private Path imported(String family, GgmlType type) throws IOException {
    return TinyCheckpoint.ofFamily(family, SIZES).imported(folder, family + "-" + type, type);
  }
}
