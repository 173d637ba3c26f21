package dev.whittle.tests;

import static dev.whittle.tests.CommandLine.whittle;
import static dev.whittle.tests.Expectations.UNUSABLE;
import static dev.whittle.tests.Expectations.assertDone;
import static dev.whittle.tests.Expectations.assertRefused;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.whittle.ggml.GgmlType;
import dev.whittle.gguf.GgufFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// `quantize` and `imatrix`, which feeds it.
class QuantizeTest {
  private static final Path MODEL = Demo.model();
  private static final String FFN_UP = "blk.0.ffn_up.weight";

  @TempDir Path folder;

  @Test
  void rounds_to_a_mix_to_one_type_and_by_patterns() {
    assertEquals(GgmlType.Q3_K, typeAfter("Q2_K", "blk.0.ffn_down.weight"));
    assertEquals(GgmlType.Q2_K, typeAfter("q2_k", "blk.0.ffn_down.weight", "--pure"));
    assertEquals(GgmlType.Q8_0, typeAfter("q2_K", FFN_UP, "--tensor-type", "ffn_up=q8_0"));
    assertEquals(GgmlType.TQ2_0, typeAfter("tq2_0", FFN_UP, "--method", "fitted"));
  }

  private GgmlType typeAfter(String type, String tensor, Object... options) {
    Path out = folder.resolve("out.gguf");
    Object[] arguments = new Object[options.length + 7];
    Object[] fixed = {"quantize", MODEL, out, type, "--force", "-t", 1};
    System.arraycopy(fixed, 0, arguments, 0, fixed.length);
    System.arraycopy(options, 0, arguments, fixed.length, options.length);
    CommandLine run = whittle(arguments);
    assertDone(run);
    assertEquals("", run.out());
    try (GgufFile file = GgufFile.open(out)) {
      return file.require(tensor).type();
    }
  }

  @Test
  void takes_the_importance_matrix_that_imatrix_writes() {
    Path matrix = importance("imatrix.gguf");
    assertEquals(GgmlType.IQ2_XXS, typeAfter("iq2_xxs", FFN_UP, "--imatrix", matrix));
    assertRefused(
        whittle("quantize", MODEL, folder.resolve("x.gguf"), "iq2_xxs"),
        UNUSABLE,
        "IQ2_XXS",
        "whittle imatrix");
  }

  @Test
  void takes_an_importance_matrix_of_weighed_tokens() throws IOException {
    Path weighed = importance("weighed.gguf", "--weigh-tokens");
    assertTrue(Files.mismatch(importance("plain.gguf"), weighed) >= 0);
    assertEquals(GgmlType.IQ2_XXS, typeAfter("iq2_xxs", FFN_UP, "--imatrix", weighed));
    Path cut = folder.resolve("short.gguf");
    assertRefused(imatrix(cut, "--weigh-tokens", "-c", 8), UNUSABLE, "-c");
    CommandLine told = imatrix(cut, "--weigh-tokens", "-c", 8, "--overlong", "cut");
    assertDone(told);
    assertTrue(
        told.err().contains("documents longer than 8 tokens, which were cut: 20"), told.err());
    assertRefused(imatrix(folder.resolve("tiny.gguf"), "-c", 8), UNUSABLE, "--ctx-size", "16");
  }

  private Path importance(String name, Object... options) {
    Path matrix = folder.resolve(name);
    assertDone(imatrix(matrix, options));
    return matrix;
  }

  private static CommandLine imatrix(Path out, Object... options) {
    Object[] fixed = {"imatrix", "-m", MODEL, "-f", Demo.CHATS, "-o", out, "--limit", 20, "-t", 1};
    return whittle(Stream.concat(Arrays.stream(fixed), Arrays.stream(options)).toArray());
  }

  @Test
  void gptq_learns_from_text() {
    Object[] calibration = {"-f", Demo.CHATS, "--calibration-documents", 20};
    assertEquals(GgmlType.Q2_K, typeAfter("q2_k", FFN_UP, calibration));
    Path out = folder.resolve("x.gguf");
    CommandLine warned =
        whittle(
            "quantize",
            MODEL,
            out,
            "Q4_0",
            "-f",
            Demo.CHATS,
            "--calibration-documents",
            2,
            "-c",
            16,
            "--overlong",
            "cut",
            "-t",
            1);
    assertDone(warned);
    assertTrue(
        warned.err().contains("warning: documents longer than 16 tokens, which were cut: 2\n"),
        warned.err());
    assertTrue(
        warned
            .err()
            .matches("(?s).*warning: .*too few for the 768 inputs of 'blk\\.0\\.ffn_down.*"),
        warned.err());
    assertRefused(
        whittle("quantize", MODEL, out, "Q4_0", "--force", "--method", "gptq"), UNUSABLE, "-f");
    assertRefused(
        whittle("quantize", MODEL, out, "Q4_0", "--force", "--method", "rtn", "-f", Demo.CHATS),
        UNUSABLE,
        "-f");
    assertRefused(
        whittle("quantize", MODEL, out, "Q4_0", "--force", "--imatrix", MODEL, "-f", Demo.CHATS),
        UNUSABLE,
        "--imatrix");
    assertRefused(
        whittle("quantize", MODEL, out, "Q4_0", "--force", "-f", folder.resolve("no.jsonl")),
        UNUSABLE,
        "no.jsonl");
    assertRefused(
        whittle("quantize", MODEL, out, "Q4_0", "--force", "--domain", "math"), UNUSABLE, "-f");
    assertRefused(
        whittle("quantize", MODEL, out, "Q4_0", "--force", "-f", Demo.CHATS, "--domain", "cooking"),
        UNUSABLE,
        "'cooking'; name one of code, facts, math, prose");
  }

  @Test
  void blockwise_trains_on_text() {
    Path kept = folder.resolve("layers");
    Object[] calibration = {
      "--method",
      "blockwise",
      "-f",
      Demo.CHATS,
      "--calibration-documents",
      80,
      "--calibration-epochs",
      1,
      "--keep-layers",
      kept
    };
    assertEquals(GgmlType.Q2_K, typeAfter("q2_k", FFN_UP, calibration));
    assertTrue(Files.exists(kept.resolve("layer-005.gguf")));
    assertRefused(
        whittle(
            "quantize",
            MODEL,
            folder.resolve("x.gguf"),
            "Q4_0",
            "--method",
            "blockwise",
            "-f",
            Demo.CHATS,
            "--keep-layers",
            kept),
        UNUSABLE,
        "layer-000.gguf",
        "name another");
    assertRefused(
        whittle("quantize", MODEL, folder.resolve("x.gguf"), "Q4_0", "--method", "blockwise"),
        UNUSABLE,
        "-f");
  }

  @Test
  void transforms_before_rounding() {
    Object[] calibration = {"-f", Demo.CHATS, "--calibration-documents", 20};
    assertEquals(GgmlType.Q4_0, typeAfter("q4_0", FFN_UP, with(calibration, "--method", "awq")));
    assertEquals("awq", transformOf(folder.resolve("out.gguf")));
    assertEquals(
        GgmlType.Q4_0,
        typeAfter(
            "q4_0",
            FFN_UP,
            with(calibration, "--transform", "smoothquant", "--method", "imatrix")));
    assertEquals(
        GgmlType.Q6_K, typeAfter("q4_0", "output.weight", "--transform", "quarot", "-s", 7));
    try (Stream<Path> files = Files.list(folder)) {
      assertEquals(List.of("out.gguf"), files.map(f -> f.getFileName().toString()).toList());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Object[] with(Object[] options, Object... more) {
    return Stream.concat(Stream.of(options), Stream.of(more)).toArray();
  }

  private static String transformOf(Path file) {
    try (GgufFile open = GgufFile.open(file)) {
      return open.metadata().requireString("whittle.quantization.transform");
    }
  }

  @Test
  void refuses_transforms_that_lack_something() {
    Path out = folder.resolve("out.gguf");
    Object[] plain = {"quantize", MODEL, out, "Q4_0"};
    assertRefused(whittle(with(plain, "--transform", "twist")), UNUSABLE, "'twist'", "quarot");
    assertRefused(whittle(with(plain, "--transform", "awq")), UNUSABLE, "awq", "-f");
    assertRefused(
        whittle("quantize", MODEL, out, "F32", "--transform", "awq", "-f", Demo.CHATS),
        UNUSABLE,
        "F32");
    assertRefused(whittle(with(plain, "--method", "quarot")), UNUSABLE, "gptq", "-f");
    assertRefused(
        whittle(with(plain, "--transform", "quarot", "--imatrix", MODEL)), UNUSABLE, "--imatrix");
    assertRefused(
        whittle(with(plain, "--transform", "quarot", "--method", "awq", "-f", Demo.CHATS)),
        UNUSABLE,
        "--transform");
    assertRefused(
        whittle(with(plain, "--transform", "smoothquant", "--alpha", 2, "-f", Demo.CHATS)),
        UNUSABLE,
        "--alpha");
  }

  @Test
  void chooses_types_that_keep_to_a_size() throws IOException {
    Path out = folder.resolve("out.gguf");
    Path kept = folder.resolve("kept.json");
    Object[] budget = {
      "quantize",
      MODEL,
      out,
      "--target-bytes",
      2_300_000,
      "-f",
      Demo.CHATS,
      "--sensitivity",
      kept,
      "--sensitivity-tokens",
      256,
      "--candidate-types",
      "q2_k,q4_k",
      "--method",
      "rtn",
      "-t",
      1
    };
    assertDone(whittle(budget));
    assertTrue(Files.size(out) <= 2_300_000 && Files.size(out) > 2_200_000, "" + Files.size(out));
    assertTrue(Files.readString(kept).contains("blk.0.ffn_up.weight"));
    Object[] again = Arrays.copyOf(budget, budget.length + 1);
    again[budget.length] = "--dry-run";
    CommandLine read = whittle(again);
    assertDone(read);
    assertTrue(read.out().matches("(?s).* Q2_K .* Q4_K .*"), read.out());
    assertFalse(read.err().contains("sensitivity"), "nothing is measured again: " + read.err());
    assertRefused(
        whittle("quantize", MODEL, out, "Q4_0", "--force", "--target-bpw", 3, "-f", Demo.CHATS),
        UNUSABLE,
        "leave out TYPE");
    assertRefused(
        whittle("quantize", MODEL, out, "--force", "--target-bpw", 3), UNUSABLE, "add -f CALIB");
    Files.writeString(kept, "{}");
    assertRefused(whittle(again), UNUSABLE, "kept.json");
    Files.delete(kept);
    again[4] = 100;
    assertRefused(whittle(again), UNUSABLE, "100 bytes");
  }

  @Test
  void a_dry_run_writes_nothing() {
    Path out = folder.resolve("out.gguf");
    CommandLine run = whittle("quantize", MODEL, out, "Q4_K_M", "--dry-run");
    assertDone(run);
    assertTrue(run.out().matches("(?s).*blk\\.0\\.ffn_up\\.weight +BF16 +Q4_K .*"), run.out());
    assertFalse(Files.exists(out));
  }

  @Test
  void mxfp4_is_for_all_matrices_of_a_dense_model() {
    Path out = folder.resolve("out.gguf");
    assertDone(whittle("quantize", MODEL, out, "mxfp4"));
    try (GgufFile file = GgufFile.open(out)) {
      assertEquals(GgmlType.MXFP4, file.tensor(FFN_UP).orElseThrow().type());
      assertEquals(GgmlType.MXFP4, file.tensor("token_embd.weight").orElseThrow().type());
    }
  }

  @Test
  void refuses_what_makes_no_sense() throws IOException {
    Path out = folder.resolve("out.gguf");
    assertRefused(whittle("quantize", MODEL, out, "Q9_K"), UNUSABLE, "'Q9_K'", "Q4_K_M");
    assertRefused(whittle("quantize", MODEL, out), UNUSABLE, "TYPE");
    assertRefused(
        whittle("quantize", MODEL, out, "--method", "awq", "-f", Demo.CHATS), UNUSABLE, "TYPE");
    assertRefused(
        whittle("quantize", MODEL, out, "Q4_0", "--tensor-type", "ffn_up"),
        UNUSABLE,
        "--tensor-type",
        "RE=TYPE");
    assertRefused(
        whittle("quantize", MODEL, out, "Q4_0", "--tensor-type", "(=q4_0"),
        UNUSABLE,
        "regular expression");
    assertRefused(
        whittle("quantize", MODEL, out, "Q4_0", "--tensor-type", "ffn_upp=q4_0"),
        UNUSABLE,
        "'ffn_upp'");
    assertRefused(
        whittle("quantize", MODEL, out, "Q4_0", "--method", "imatrix"), UNUSABLE, "--imatrix");
    assertRefused(
        whittle("quantize", MODEL, out, "Q4_0", "--imatrix", MODEL), UNUSABLE, "importance");
    assertRefused(
        whittle("quantize", folder.resolve("none.gguf"), out, "Q4_0"), UNUSABLE, "none.gguf");
    Files.writeString(out, "precious");
    assertRefused(whittle("quantize", MODEL, out, "Q4_0"), UNUSABLE, "--force");
    assertEquals("precious", Files.readString(out));
  }

  @Test
  void says_where_rows_do_not_fit_the_type() throws IOException {
    Path sample = SampleModel.write(folder.resolve("sample.gguf"));
    Path out = folder.resolve("out.gguf");
    CommandLine dry = whittle("quantize", sample, out, "Q2_K", "--allow-requantize", "--dry-run");
    assertTrue(dry.out().contains("(rows do not fit Q2_K)"), dry.out());
    CommandLine run = whittle("quantize", sample, out, "Q2_K", "--allow-requantize");
    assertDone(run);
    assertTrue(run.err().contains("1 of 2 tensors got another type"), run.err());
  }

  @Test
  void imatrix_refuses_a_data_set_that_it_cannot_use() throws IOException {
    Path out = folder.resolve("imatrix.gguf");
    Path empty = Files.createFile(folder.resolve("empty.jsonl"));
    assertRefused(whittle("imatrix", "-m", MODEL, "-f", empty, "-o", out), UNUSABLE, "empty.jsonl");
    Path malformed =
        Files.writeString(folder.resolve("bad.jsonl"), "{\"text\": \"good\"}\n{\"text\": oops\n");
    assertRefused(
        whittle("imatrix", "-m", MODEL, "-f", malformed, "-o", out, "-t", 1),
        UNUSABLE,
        "bad.jsonl",
        "line 2");
    Path few = Files.writeString(folder.resolve("few.jsonl"), "{\"text\": \"short\"}\n");
    assertRefused(
        whittle("imatrix", "-m", MODEL, "-f", few, "-o", out, "-t", 1), UNUSABLE, "few.jsonl");
    assertFalse(Files.exists(out));
  }
}
