package dev.whittle.inference;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.whittle.ggml.LlamaModel;
import dev.whittle.ggml.Vocabulary;
import dev.whittle.gguf.GgufFile;
import dev.whittle.testing.DemoModel;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ThoughtsTest {
  /// `LLAMA_TOKEN_TYPE_USER_DEFINED`: a token of its own that is text.
  private static final int USER_DEFINED = 4;

  private static final String REPLY = "So <think>a < b</think>\n\nyes <th";

  @Test
  void are_shown_as_opened_by_the_prompt_unless_control_tokens_do(@TempDir Path folder)
      throws IOException {
    String prompt = "<|im_start|>assistant\n<think>\n";
    try (LlamaModel control = DemoModel.loadVocabulary();
        GgufFile file = GgufFile.open(DemoModel.file())) {
      Vocabulary vocabulary = control.vocabulary();
      assertEquals("", Thoughts.openedBy(prompt, vocabulary));
      int[] types = file.metadata().requireInts("tokenizer.ggml.token_type").clone();
      types[vocabulary.tokenize("<think>", false, true)[0]] = USER_DEFINED;
      try (LlamaModel plain =
          DemoModel.loadVocabulary(
              folder, metadata -> metadata.put("tokenizer.ggml.token_type", types))) {
        assertEquals("<think>\n", Thoughts.openedBy(prompt, plain.vocabulary()));
        assertEquals("", Thoughts.openedBy("<|im_start|>assistant\n", plain.vocabulary()));
      }
    }
  }

  /// Thoughts in brackets, wherever a piece ends.
  @Test
  void are_told_from_the_reply_however_it_is_cut() {
    for (int length = 1; length <= REPLY.length(); length++) {
      StringBuilder plain = new StringBuilder();
      StringBuilder thought = new StringBuilder();
      Thoughts thoughts =
          new Thoughts((text, thinking) -> (thinking ? thought : plain).append(text));
      for (int at = 0; at < REPLY.length(); at += length) {
        thoughts.append(REPLY.substring(at, Math.min(REPLY.length(), at + length)));
      }
      thoughts.finish();
      assertEquals("So \n\nyes <th", plain.toString(), "pieces of " + length);
      assertEquals("<think>a < b</think>", thought.toString(), "pieces of " + length);
    }
  }
}
