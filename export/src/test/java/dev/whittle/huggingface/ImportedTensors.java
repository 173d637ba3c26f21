package dev.whittle.huggingface;

import dev.whittle.ggml.GgmlType;
import dev.whittle.gguf.GgufFile;
import dev.whittle.gguf.TensorInfo;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;

/// Converts checkpoints and reads tensors back as numbers.
final class ImportedTensors {
  private ImportedTensors() {}

  static GgufFile convert(Path folder, GgmlType type) throws IOException {
    Path target = folder.resolve("model-" + type + ".gguf");
    try (HuggingFaceCheckpoint checkpoint = HuggingFaceCheckpoint.open(folder)) {
      checkpoint.writeGguf(target, type, true);
    }
    return GgufFile.open(target);
  }

  static float[] values(GgufFile file, String name) {
    TensorInfo tensor = file.require(name);
    ByteBuffer data = file.data(tensor).asByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
    float[] values = new float[(int) tensor.elements()];
    for (int i = 0; i < values.length; i++) {
      values[i] =
          switch (tensor.type()) {
            case F32 -> data.getFloat();
            case F16 -> Float.float16ToFloat(data.getShort());
            case BF16 -> Float.intBitsToFloat(data.getShort() << 16);
            default -> throw new AssertionError(tensor.type());
          };
    }
    return values;
  }
}
