package dev.whittle.quantization;

import dev.whittle.ggml.GgmlType;
import dev.whittle.gguf.GgufMetadata;
import dev.whittle.gguf.GgufWriter;
import dev.whittle.gguf.TensorData;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/// A model of the right shape for llama.cpp's quantizer, which looks at names and metadata only.
///
/// @param embedding the length of most rows
/// @param feedForward the length of the down projection's rows
record SyntheticModel(
    String architecture,
    int layers,
    int heads,
    int keyValueHeads,
    int experts,
    boolean tied,
    int embedding,
    int feedForward) {

  static SyntheticModel dense(int layers) {
    return new SyntheticModel("llama", layers, 4, 2, 0, false, 256, 256);
  }

  SyntheticModel withHeads(int heads, int keyValueHeads) {
    return new SyntheticModel(
        architecture, layers, heads, keyValueHeads, experts, tied, embedding, feedForward);
  }

  SyntheticModel withExperts(int experts) {
    return new SyntheticModel(
        architecture, layers, heads, keyValueHeads, experts, tied, embedding, feedForward);
  }

  SyntheticModel withArchitecture(String architecture) {
    return new SyntheticModel(
        architecture, layers, heads, keyValueHeads, experts, tied, embedding, feedForward);
  }

  SyntheticModel withTiedOutput() {
    return new SyntheticModel(
        architecture, layers, heads, keyValueHeads, experts, true, embedding, feedForward);
  }

  SyntheticModel withRows(int embedding, int feedForward) {
    return new SyntheticModel(
        architecture, layers, heads, keyValueHeads, experts, tied, embedding, feedForward);
  }

  /// Writes it as F32, with two rows a matrix.
  void write(Path path) throws IOException {
    GgufMetadata.Builder metadata =
        GgufMetadata.builder().put("general.architecture", architecture);
    Map<String, Integer> numbers = new LinkedHashMap<>();
    numbers.put("context_length", 64);
    numbers.put("embedding_length", embedding);
    numbers.put("block_count", layers);
    numbers.put("feed_forward_length", feedForward);
    numbers.put("attention.head_count", heads);
    numbers.put("attention.head_count_kv", keyValueHeads);
    if (experts > 0) {
      numbers.put("expert_count", experts);
      numbers.put("expert_used_count", 2);
    }
    numbers.forEach((key, value) -> metadata.putU32(architecture + "." + key, value));
    metadata.putF32(architecture + ".attention.layer_norm_rms_epsilon", 1e-6);

    GgufWriter writer = new GgufWriter(metadata.build());
    Random random = new Random(5);
    for (Map.Entry<String, List<Long>> tensor : shapes().entrySet()) {
      long elements = tensor.getValue().stream().reduce(1L, (a, b) -> a * b);
      writer.add(
          tensor.getKey(), GgmlType.F32, tensor.getValue(), gaussian((int) elements, random));
    }
    writer.write(path, true);
  }

  private Map<String, List<Long>> shapes() {
    Map<String, List<Long>> shapes = new LinkedHashMap<>();
    long rows = 2;
    long row = embedding;
    if (!tied) {
      shapes.put("output.weight", List.of(row, rows));
    }
    shapes.put("token_embd.weight", List.of(row, rows));
    shapes.put("output_norm.weight", List.of(row));
    for (int layer = 0; layer < layers; layer++) {
      String prefix = "blk." + layer + ".";
      shapes.put(prefix + "attn_norm.weight", List.of(row));
      for (String name : List.of("attn_q", "attn_k", "attn_v", "attn_output")) {
        shapes.put(prefix + name + ".weight", List.of(row, rows));
      }
      if (experts == 0) {
        shapes.put(prefix + "ffn_gate.weight", List.of(row, rows));
        shapes.put(prefix + "ffn_up.weight", List.of(row, rows));
        shapes.put(prefix + "ffn_down.weight", List.of((long) feedForward, rows));
      } else {
        shapes.put(prefix + "ffn_gate_inp.weight", List.of(row, (long) experts));
        shapes.put(prefix + "ffn_gate_exps.weight", List.of(row, rows, (long) experts));
        shapes.put(prefix + "ffn_up_exps.weight", List.of(row, rows, (long) experts));
        shapes.put(
            prefix + "ffn_down_exps.weight", List.of((long) feedForward, rows, (long) experts));
      }
    }
    return shapes;
  }

  private static TensorData gaussian(int elements, Random random) {
    ByteBuffer bytes = ByteBuffer.allocateDirect(elements * Float.BYTES);
    MemorySegment values = MemorySegment.ofBuffer(bytes);
    for (int i = 0; i < elements; i++) {
      values.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian() / 50);
    }
    return TensorData.of(values);
  }

  /// The names of all tensors.
  List<String> names() {
    return new ArrayList<>(shapes().keySet());
  }

  /// Ones for each tensor's columns, and each expert's.
  Map<String, float[]> flatImportance() {
    Map<String, float[]> importance = new LinkedHashMap<>();
    shapes()
        .forEach((name, shape) -> {
          float[] ones = new float[(int) (shape.get(0) * (shape.size() > 2 ? shape.get(2) : 1))];
          Arrays.fill(ones, 1);
          importance.put(name, ones);
        });
    return importance;
  }
}
