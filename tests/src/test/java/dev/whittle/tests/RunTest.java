package dev.whittle.tests;

import static dev.whittle.tests.CommandLine.whittle;
import static dev.whittle.tests.Expectations.UNUSABLE;
import static dev.whittle.tests.Expectations.assertDone;
import static dev.whittle.tests.Expectations.assertRefused;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.whittle.ggml.NativeRuntime;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunTest {
  private static final Path MODEL = Demo.model();

  @Test
  void a_model_with_a_chat_template_replies() {
    CommandLine run = whittle("run", "-m", MODEL, "-p", "What is 1901 + 510?", "-t", 1);
    assertDone(run);
    assertTrue(run.out().endsWith("\\boxed{2411}\n"), run.out());
    assertTrue(run.err().contains("tokens, "), run.err());
  }

  @Test
  void a_thought_that_the_template_opens_is_gone_on_with(@TempDir Path folder) throws Exception {
    String template =
        """
        {%- for message in messages %}
          {{- '<|im_start|>' ~ message.role ~ '\\n' ~ message.content ~ '<|im_end|>\\n' }}
        {%- endfor %}
        {%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n<think>\\n' }}{% endif %}
        """;
    Path model = Demo.model(folder, template);
    CommandLine run = whittle("run", "-m", model, "-p", "What is 1901 + 510?", "-t", 1);
    assertDone(run);
    assertTrue(run.out().endsWith("\\boxed{2411}\n"), run.out());
  }

  @Test
  void a_template_that_refuses_a_chat_says_why(@TempDir Path folder) throws Exception {
    Path model = Demo.model(folder, "{{ raise_exception('There must be a system message.') }}");
    assertRefused(
        whittle("run", "-m", model, "-p", "x"),
        UNUSABLE,
        "model.gguf",
        "There must be a system message.");
  }

  @Test
  void a_raw_prompt_is_continued() {
    CommandLine raw =
        whittle("run", "-m", MODEL, "--raw", "-p", "<|im_start|>user\nWhat is", "-n", 3, "-t", 1);
    assertDone(raw);
    assertTrue(raw.err().startsWith("3 tokens"), raw.err());
  }

  @Test
  void a_quantized_cache_and_unfused_attention_give_the_same_answer() {
    Object[] quantized = {
      "-ctk", "q8_0", "-ctv", "q8_0", "-fa", "on", "--device", "cpu", "-ngl", 0
    };
    Object[] unfused = {"--cache-type-k", "f32", "-fa", "off", "--device", "auto"};
    for (Object[] options : new Object[][] {quantized, unfused}) {
      CommandLine run = whittle(with(options, "-p", "What is 1901 + 510?"));
      assertDone(run);
      assertTrue(run.out().endsWith("\\boxed{2411}\n"), run.out());
    }
  }

  @Test
  void layers_for_a_gpu_that_is_not_used_are_remarked_upon() {
    CommandLine run =
        whittle(with(new Object[] {"-ngl", "all", "--device", "cpu"}, "-p", "x", "-n", 1));
    assertDone(run);
    assertTrue(run.err().startsWith("--n-gpu-layers changes nothing"), run.err());
  }

  private static Object[] with(Object[] options, Object... more) {
    return Stream.of(new Object[] {"run", "-m", MODEL, "-t", 1}, options, more)
        .flatMap(Arrays::stream)
        .toArray();
  }

  @Test
  void the_same_seed_draws_the_same_reply() {
    Object[] arguments = {
      "run", "-m", MODEL, "-p", "Tell me something.", "--temp", 1.5, "-s", 7, "-n", 20, "-t", 1
    };
    String first = whittle(arguments).out();
    assertEquals(first, whittle(arguments).out());
  }

  @Test
  void refuses_what_makes_no_sense(@TempDir Path folder) throws Exception {
    assertRefused(whittle("run", "-m", MODEL), UNUSABLE, "--prompt");
    assertRefused(whittle("run", "-m", MODEL, "-p", "x", "-n", 0), UNUSABLE, "--predict");
    assertRefused(whittle("run", "-m", MODEL, "-p", "x", "-n", "ten"), UNUSABLE, "ten");
    assertRefused(whittle("run", "-m", MODEL, "-p", "x", "-t", 0), UNUSABLE, "--threads");
    assertRefused(whittle("run", "-m", MODEL, "-p", "x", "-t", 513), UNUSABLE, "--threads", "512");
    assertRefused(whittle("run", "-m", MODEL, "-p", "x", "--temp", -1), UNUSABLE, "temperature");
    assertRefused(whittle("run", "-m", MODEL, "-p", "x", "-c", 4), UNUSABLE, "--ctx-size");
    assertRefused(whittle("run", "-m", MODEL, "-p", "", "--raw"), UNUSABLE, "--prompt is empty");
    assertRefused(whittle("run", "-m", "none", "-p", "x"), UNUSABLE, "none does not exist");
    assertRefused(
        whittle("run", "-m", MODEL, "-p", "x", "-ctv", "q8_0", "-fa", "off"),
        UNUSABLE,
        "values in Q8_0",
        "flash attention");
    assertRefused(whittle("run", "-m", MODEL, "-p", "x", "-ctk", "q4_K"), UNUSABLE, "q4_K", "q8_0");
    assertRefused(whittle("run", "-m", MODEL, "-p", "x", "-ngl", -2), UNUSABLE, "-2", "'all'");
    assertRefused(
        whittle("run", "-m", MODEL, "-p", "x", "--device", "TPU"), UNUSABLE, "--device", "'TPU'");
  }

  @Test
  void without_a_cuda_device_the_mend_is_named() {
    assumeTrue(NativeRuntime.load().devices().stream().noneMatch(d -> d.name().contains("CUDA")));
    assertRefused(
        whittle("run", "-m", MODEL, "-p", "x", "--device", "cuda"),
        UNUSABLE,
        "--device is cuda",
        "'whittle doctor'");
  }

  @Test
  void a_file_that_is_no_model_is_refused(@TempDir Path folder) throws Exception {
    Path sample = SampleModel.write(folder.resolve("sample.gguf"));
    assertRefused(whittle("run", "-m", sample, "-p", "x"), UNUSABLE, "sample.gguf");
  }
}
