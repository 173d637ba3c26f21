package dev.whittle.quantization;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.ggml.FileType;
import dev.whittle.ggml.ModelQuantizer;
import dev.whittle.gguf.GgufFile;
import dev.whittle.gguf.GgufMetadata;
import dev.whittle.gguf.GgufWriter;
import dev.whittle.gguf.TensorData;
import dev.whittle.gguf.TensorInfo;
import dev.whittle.quantization.ImportanceMatrix.Entry;
import dev.whittle.quantization.QuantizationListener.TensorReport;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class PostTrainingQuantizerTest {
  @TempDir static Path folder;
  private static Path model;
  private final Path ours = folder.resolve("ours.gguf");
  private final Path theirs = folder.resolve("theirs.gguf");

  @BeforeAll
  static void importModel() throws IOException {
    model = SampleModel.importTo(folder);
  }

  @ParameterizedTest
  @CsvSource({
    "Q2_K, false", "Q2_K, true", "Q3_K_M, false", "Q4_0, false", "Q4_K_M, false", "Q4_K_M, true",
    "Q8_0, false", "Q8_0, true", "MXFP4_MOE, true", "TQ2_0, false", "Q2_0, true", "F16, false"
  })
  void writesTheFileThatLlamaCppWrites(FileType type, boolean pure) throws IOException {
    quantize(PostTrainingQuantizer.of(TypeSelection.of(type).withPure(pure)));
    ModelQuantizer.of(type).withPure(pure).quantize(model, theirs);
    assertEquals(-1, Files.mismatch(ours, theirs));
  }

  @ParameterizedTest
  @CsvSource({
    "Q2_K, false",
    "Q3_K_M, false",
    "Q4_0, false",
    "Q4_0, true",
    "Q4_K_M, false",
    "Q8_0, false"
  })
  void writesTheTensorsThatLlamaCppWritesWithImportance(FileType type, boolean pure)
      throws IOException {
    ImportanceMatrix importance = randomImportance(model);
    quantize(
        PostTrainingQuantizer.of(TypeSelection.of(type).withPure(pure))
            .withMethod(QuantizationMethod.IMATRIX, importance));
    ModelQuantizer.of(type)
        .withPure(pure)
        .withImportance(importance.means())
        .quantize(model, theirs);
    assertSameTensors();
    assertImportanceIsNoted();
  }

  private void assertImportanceIsNoted() {
    try (GgufFile file = GgufFile.open(ours)) {
      GgufMetadata metadata = file.metadata();
      assertEquals("some text", metadata.requireString("quantize.imatrix.dataset"));
      assertEquals(43, metadata.requireInteger("quantize.imatrix.entries_count"));
      assertEquals(7, metadata.requireInteger("quantize.imatrix.chunks_count"));
      assertTrue(metadata.value("quantize.imatrix.file").isEmpty());
    }
  }

  @Test
  void eachExpertHasItsOwnImportance() throws IOException {
    Path experts = folder.resolve("experts.gguf");
    SyntheticModel.dense(2).withExperts(4).write(experts);
    ImportanceMatrix importance = randomImportance(experts);
    try (GgufFile source = GgufFile.open(experts)) {
      PostTrainingQuantizer.of(TypeSelection.of(FileType.Q4_K_M))
          .withMethod(QuantizationMethod.IMATRIX, importance)
          .quantize(source, ours, true, QuantizationListener.NONE);
    }
    ModelQuantizer.of(FileType.Q4_K_M).withImportance(importance.means()).quantize(experts, theirs);
    assertSameTensors();
  }

  @ParameterizedTest
  @CsvSource({
    "Q8_0, false, 5340416",
    "Q4_K_M, false, 3035904",
    "Q4_0, false, 2917632",
    "MXFP4_MOE, true, 2694208",
    "Q3_K_M, false, 2534144",
    "IQ3_XXS, false, 2016512",
    "Q2_K, false, 1991424",
    "IQ2_XXS, false, 1458944",
    "Q2_0, false, 1590528",
    "TQ2_0, false, 1479936"
  })
  void filesAreAsLargeAsThoseOfLlamaQuantize(FileType type, boolean pure, long bytes) {
    try (GgufFile file = GgufFile.open(model)) {
      var plan = QuantizationPlan.of(TypeSelection.of(type).withPure(pure), file, true);
      long header = file.fileBytes() - file.tensors().stream().mapToLong(TensorInfo::bytes).sum();
      // Metadata about the importance matrix makes up the difference.
      assertEquals(bytes, plan.bytes() + header, 512);
    }
  }

  @ParameterizedTest
  @EnumSource(
      mode = EnumSource.Mode.EXCLUDE,
      names = {"GPTQ", "BLOCKWISE"})
  void bytesDoNotDependOnThreads(QuantizationMethod method) throws IOException {
    PostTrainingQuantizer quantizer =
        PostTrainingQuantizer.of(TypeSelection.of(FileType.TQ2_0))
            .withMethod(method, method == QuantizationMethod.RTN ? null : randomImportance(model));
    quantize(quantizer.withThreads(1));
    Files.move(ours, theirs, StandardCopyOption.REPLACE_EXISTING);
    quantize(quantizer.withThreads(3));
    assertEquals(-1, Files.mismatch(ours, theirs));
  }

  @Test
  void fittedScalesLoseLessThanGgmls() throws IOException {
    TypeSelection selection = TypeSelection.of(FileType.TQ2_0).withPure(true);
    List<TensorReport> plain = quantize(PostTrainingQuantizer.of(selection));
    List<TensorReport> fitted =
        quantize(PostTrainingQuantizer.of(selection).withMethod(QuantizationMethod.FITTED, null));
    for (int i = 0; i < plain.size(); i++) {
      if (plain.get(i).assignment().isCopy()) {
        assertEquals(0, fitted.get(i).relativeError());
      } else {
        // A Gaussian block loses 0.19 of its energy at best, and about 0.65 with its maximum.
        assertTrue(fitted.get(i).relativeError() < 0.25, fitted.get(i).toString());
        assertTrue(plain.get(i).relativeError() > 0.4, plain.get(i).toString());
      }
    }
    try (GgufFile file = GgufFile.open(ours)) {
      assertEquals("fitted", file.metadata().requireString("whittle.quantization.method"));
    }
  }

  @Test
  void reportsEachTensorInTheOrderOfTheFile() throws IOException {
    List<TensorReport> reports =
        quantize(PostTrainingQuantizer.of(TypeSelection.of(FileType.Q8_0)));
    try (GgufFile file = GgufFile.open(ours)) {
      assertEquals(
          file.tensors().stream().map(TensorInfo::name).toList(),
          reports.stream().map(report -> report.assignment().tensor().name()).toList());
    }
    assertEquals(
        IntStream.range(0, reports.size()).boxed().toList(),
        reports.stream().map(TensorReport::index).toList());
    for (TensorReport report : reports) {
      // Eight bits a weight leave about a 256th of a block's range, squared.
      assertTrue(report.relativeError() < 1e-4);
      assertEquals(reports.size(), report.count());
      assertFalse(report.weighted());
    }
  }

  @Test
  void namesTheWeightThatIsNotFinite() throws IOException {
    assertEquals(
        "tensor 'blk.0.ffn_up.weight' has NaN in row 700, column 5; the model is damaged, or was"
            + " trained into overflow",
        refusalOf(broken("blk.0.ffn_up.weight", 700 * 256 + 5, Float.NaN), FileType.Q4_0));
    assertEquals(
        "tensor 'output_norm.weight' has -Infinity in row 0, column 3; the model is damaged, or was"
            + " trained into overflow",
        refusalOf(broken("output_norm.weight", 3, Float.NEGATIVE_INFINITY), FileType.Q4_0));
    assertEquals(
        "tensor 'blk.0.ffn_up.weight' has values in rows 512 to 767 that are too large for F16;"
            + " choose another type for it",
        refusalOf(broken("blk.0.ffn_up.weight", 700 * 256 + 5, 1e6f), FileType.F16));
  }

  @Test
  void refusesToRoundTwiceUnlessAllowed() throws IOException {
    quantize(PostTrainingQuantizer.of(TypeSelection.of(FileType.Q8_0)));
    Path once = Files.move(ours, folder.resolve("once.gguf"));
    String refusal = refusalOf(once, FileType.Q4_0);
    assertTrue(refusal.contains("'token_embd.weight' is quantized already, to Q8_0"), refusal);

    try (GgufFile source = GgufFile.open(once)) {
      PostTrainingQuantizer.of(TypeSelection.of(FileType.Q4_0))
          .withRequantize(true)
          .quantize(source, ours, true, QuantizationListener.NONE);
    }
    ModelQuantizer.of(FileType.Q4_0).withRequantize(true).quantize(once, theirs);
    assertEquals(-1, Files.mismatch(ours, theirs));
  }

  @Test
  void refusesVeryLowBitsWithoutImportance() {
    String refusal = refusalOf(model, FileType.IQ2_XXS);
    assertTrue(
        refusal.contains("'blk.0.attn_k.weight' cannot become IQ2_XXS without an importance"),
        refusal);
  }

  @Test
  void refusesAnImportanceOfAnotherModel() throws IOException {
    Path other = folder.resolve("other.gguf");
    SyntheticModel.dense(1).withRows(512, 512).write(other);
    try (GgufFile source = GgufFile.open(model)) {
      var quantizer =
          PostTrainingQuantizer.of(TypeSelection.of(FileType.Q4_0))
              .withMethod(QuantizationMethod.IMATRIX, randomImportance(other));
      var e = assertThrows(QuantizationException.class, () -> quantizer.plan(source));
      assertTrue(e.getMessage().contains("has 256 columns and the importance matrix has 512"));
    }
  }

  @Test
  void leavesTheTargetAloneOnFailure() throws IOException {
    Files.writeString(ours, "precious");
    Path broken = broken("blk.0.ffn_up.weight", 9, Float.NaN);
    try (GgufFile source = GgufFile.open(broken)) {
      var quantizer = PostTrainingQuantizer.of(TypeSelection.of(FileType.Q4_0));
      assertThrows(
          FileAlreadyExistsException.class,
          () -> quantizer.quantize(source, ours, false, QuantizationListener.NONE));
      assertThrows(
          QuantizationException.class,
          () -> quantizer.quantize(source, ours, true, QuantizationListener.NONE));
    }
    assertEquals("precious", Files.readString(ours));
  }

  private List<TensorReport> quantize(PostTrainingQuantizer quantizer) throws IOException {
    List<TensorReport> reports = new ArrayList<>();
    try (GgufFile source = GgufFile.open(model)) {
      quantizer.quantize(source, ours, true, reports::add);
    }
    return reports;
  }

  private String refusalOf(Path source, FileType type) {
    try (GgufFile file = GgufFile.open(source)) {
      return assertThrows(
              QuantizationException.class,
              () ->
                  PostTrainingQuantizer.of(TypeSelection.of(type))
                      .quantize(file, ours, true, QuantizationListener.NONE))
          .getMessage();
    }
  }

  /// The bundled model as F32, with one value replaced.
  private static Path broken(String tensor, long index, float value) throws IOException {
    Path plain = folder.resolve("plain.gguf");
    Path broken = folder.resolve("broken.gguf");
    try (GgufFile bf16 = GgufFile.open(model)) {
      PostTrainingQuantizer.of(TypeSelection.of(FileType.F32))
          .quantize(bf16, plain, true, QuantizationListener.NONE);
    }
    try (GgufFile source = GgufFile.open(plain)) {
      GgufWriter writer = new GgufWriter(source.metadata());
      for (TensorInfo info : source.tensors()) {
        byte[] bytes = source.data(info).toArray(ValueLayout.JAVA_BYTE);
        if (info.name().equals(tensor)) {
          MemorySegment.ofArray(bytes)
              .set(ValueLayout.JAVA_FLOAT_UNALIGNED, index * Float.BYTES, value);
        }
        TensorData data = TensorData.of(MemorySegment.ofArray(bytes));
        writer.add(info.name(), info.type(), info.shape(), data);
      }
      writer.write(broken, true);
    }
    return broken;
  }

  private void assertSameTensors() {
    try (GgufFile actual = GgufFile.open(ours);
        GgufFile expected = GgufFile.open(theirs)) {
      assertEquals(expected.tensors(), actual.tensors());
      for (TensorInfo tensor : expected.tensors()) {
        assertArrayEquals(
            expected.data(tensor).toArray(ValueLayout.JAVA_BYTE),
            actual.data(tensor).toArray(ValueLayout.JAVA_BYTE),
            tensor.name());
      }
    }
  }

  /// An importance of each matrix but the embedding, as llama-imatrix would leave it.
  private static ImportanceMatrix randomImportance(Path model) {
    Random random = new Random(21);
    Map<String, Entry> entries = new HashMap<>();
    try (GgufFile file = GgufFile.open(model)) {
      for (TensorInfo tensor : file.tensors()) {
        if (tensor.rows() > 1 && !tensor.name().equals("token_embd.weight")) {
          int experts = (int) tensor.dimension(2);
          float[] sums = new float[(int) tensor.rowLength() * experts];
          for (int i = 0; i < sums.length; i++) {
            sums[i] = (float) Math.exp(3 * random.nextGaussian());
          }
          float[] counts = new float[experts];
          for (int i = 0; i < experts; i++) {
            counts[i] = 100 * i;
          }
          counts[0] = 512;
          entries.put(tensor.name(), new Entry(sums, counts));
        }
      }
    }
    // An entry for no tensor of the model does no harm.
    entries.put("other.weight", new Entry(new float[4], new float[1]));
    return new ImportanceMatrix(entries, List.of("some text", "more text"), 7, 512, null);
  }
}
