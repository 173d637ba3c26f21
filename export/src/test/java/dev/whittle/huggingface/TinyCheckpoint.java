package dev.whittle.huggingface;

import dev.whittle.ggml.GgmlType;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// A complete checkpoint with seeded random weights: small, changed at will, then written.
///
/// Every weight is a multiple of a power of two with at most eight significant bits, so that F32,
/// F16 and BF16 all hold it exactly.
public final class TinyCheckpoint {

  /// The measures of a model, as `config.json` has them.
  public record Sizes(
      int layers, int hidden, int feedForward, int heads, int keyValueHeads, int headDim) {

    /// A model of a few thousand weights, no two of whose measures are equal.
    public static final Sizes SMALL = new Sizes(2, 48, 80, 4, 2, 16);
  }

  /// A tensor to be written; `shape` is in Hugging Face's order.
  public record Tensor(String dtype, List<Integer> shape, float[] values) {}

  /// The rows of the embedding: more than there are tokens, as real checkpoints have them.
  public static final int VOCABULARY = 288;

  private static final List<String> MERGES = List.of("t h", "th e", "Ġ the", "i n", "Ġ a");
  private static final List<String> SPECIAL =
      List.of("<|endoftext|>", "<|im_start|>", "<|im_end|>");

  private final JsonMapper mapper = JsonMapper.builder().build();
  private final ObjectNode config = mapper.createObjectNode();
  private final ObjectNode tokenizer = mapper.createObjectNode();
  private final ObjectNode tokenizerConfig = mapper.createObjectNode();
  private final Map<String, Tensor> tensors = new LinkedHashMap<>();
  private final Sizes sizes;
  private final Random random;

  private TinyCheckpoint(String architecture, Sizes sizes, long seed) {
    this.sizes = sizes;
    this.random = new Random(seed);
    config.putArray("architectures").add(architecture);
    config.put("hidden_act", "silu");
    config.put("hidden_size", sizes.hidden);
    config.put("intermediate_size", sizes.feedForward);
    config.put("max_position_embeddings", 512);
    config.put("num_attention_heads", sizes.heads);
    config.put("num_hidden_layers", sizes.layers);
    config.put("num_key_value_heads", sizes.keyValueHeads);
    config.put("rms_norm_eps", 1e-5);
    config.put("rope_theta", 10_000.0);
    config.put("tie_word_embeddings", true);
    config.put("vocab_size", VOCABULARY);
    fillTokenizer();
    fillTensors();
  }

  /// A Llama with a tied head and a head width that only the ratio of its sizes tells.
  public static TinyCheckpoint llama(long seed) {
    return llama(new Sizes(2, 64, 80, 4, 2, 16), seed);
  }

  /// A Llama of these sizes, whose `headDim` is `hidden / heads`.
  public static TinyCheckpoint llama(Sizes sizes, long seed) {
    TinyCheckpoint llama = new TinyCheckpoint("LlamaForCausalLM", sizes, seed);
    llama.setPreTokenizerRegex("\\p{N}{1,3}");
    ((ObjectNode) llama.tokenizer.get("model")).put("ignore_merges", true);
    return llama;
  }

  /// A Qwen2 with a tied head.
  public static TinyCheckpoint qwen2(long seed) {
    return qwen2(new Sizes(2, 64, 80, 4, 2, 16), seed);
  }

  /// A Qwen2 of these sizes, whose `headDim` is `hidden / heads`.
  public static TinyCheckpoint qwen2(Sizes sizes, long seed) {
    TinyCheckpoint qwen = new TinyCheckpoint("Qwen2ForCausalLM", sizes, seed);
    for (int layer = 0; layer < sizes.layers; layer++) {
      String attention = "model.layers." + layer + ".self_attn.";
      qwen.addMatrix(attention + "q_proj.bias", sizes.heads * sizes.headDim);
      qwen.addMatrix(attention + "k_proj.bias", sizes.keyValueHeads * sizes.headDim);
      qwen.addMatrix(attention + "v_proj.bias", sizes.keyValueHeads * sizes.headDim);
    }
    return qwen;
  }

  /// A Qwen3 with a tied head.
  public static TinyCheckpoint qwen3(long seed) {
    return qwen3(Sizes.SMALL, seed);
  }

  /// A Qwen3 of these sizes.
  public static TinyCheckpoint qwen3(Sizes sizes, long seed) {
    TinyCheckpoint qwen = new TinyCheckpoint("Qwen3ForCausalLM", sizes, seed);
    qwen.config.put("head_dim", sizes.headDim);
    for (int layer = 0; layer < sizes.layers; layer++) {
      String attention = "model.layers." + layer + ".self_attn.";
      qwen.addNorm(attention + "q_norm.weight", sizes.headDim);
      qwen.addNorm(attention + "k_norm.weight", sizes.headDim);
    }
    return qwen;
  }

  /// A model of a family that is trained and quantized: `llama`, `qwen2` or `qwen3`, with a tied
  /// head, or `llama-untied`, a Llama with a head of its own.
  public static TinyCheckpoint ofFamily(String family, Sizes sizes) {
    return switch (family) {
      case "llama" -> llama(sizes, 3);
      case "qwen2" -> qwen2(sizes, 4);
      case "qwen3" -> qwen3(sizes, 5);
      case "llama-untied" -> llama(sizes, 6).untied();
      default -> throw new IllegalArgumentException(family);
    };
  }

  /// Writes the checkpoint into a folder in `folder`, and imports it.
  ///
  /// @return the GGUF file beside it
  public Path imported(Path folder, String name, GgmlType type) throws IOException {
    Path file = folder.resolve(name + ".gguf");
    try (HuggingFaceCheckpoint checkpoint =
        HuggingFaceCheckpoint.open(write(folder.resolve(name)))) {
      checkpoint.writeGguf(file, type, false);
    }
    return file;
  }

  /// Gives the model a head of its own.
  public TinyCheckpoint untied() {
    config.put("tie_word_embeddings", false);
    addMatrix("lm_head.weight", VOCABULARY, sizes.hidden);
    return this;
  }

  /// Has all tensors written as `F32`, `F16` or `BF16`; they are `BF16` otherwise.
  public TinyCheckpoint dtype(String dtype) {
    tensors.replaceAll((_, tensor) -> new Tensor(dtype, tensor.shape, tensor.values));
    return this;
  }

  /// `config.json`, to be changed.
  public ObjectNode config() {
    return config;
  }

  /// `tokenizer.json`, to be changed.
  public ObjectNode tokenizer() {
    return tokenizer;
  }

  /// `tokenizer_config.json`, to be changed.
  public ObjectNode tokenizerConfig() {
    return tokenizerConfig;
  }

  /// The tensors by name, to be changed.
  public Map<String, Tensor> tensors() {
    return tensors;
  }

  /// Writes the checkpoint with one file of tensors, and returns the folder.
  public Path write(Path folder) throws IOException {
    writeJson(folder);
    Files.write(folder.resolve("model.safetensors"), safetensors(tensors));
    return folder;
  }

  /// Writes the checkpoint with several files of tensors and their index, and returns the folder.
  public Path writeSharded(Path folder, int shards) throws IOException {
    writeJson(folder);
    ObjectNode index = mapper.createObjectNode();
    ObjectNode weightMap = index.putObject("weight_map");
    List<String> names = new ArrayList<>(tensors.keySet());
    for (int shard = 0; shard < shards; shard++) {
      Map<String, Tensor> part = new LinkedHashMap<>();
      String file = "model-%05d-of-%05d.safetensors".formatted(shard + 1, shards);
      for (int i = shard; i < names.size(); i += shards) {
        part.put(names.get(i), tensors.get(names.get(i)));
        weightMap.put(names.get(i), file);
      }
      Files.write(folder.resolve(file), safetensors(part));
    }
    Files.write(folder.resolve("model.safetensors.index.json"), mapper.writeValueAsBytes(index));
    return folder;
  }

  /// The bytes of a safetensors file with these tensors.
  public static byte[] safetensors(Map<String, Tensor> tensors) {
    JsonMapper mapper = JsonMapper.builder().build();
    ObjectNode header = mapper.createObjectNode();
    header.putObject("__metadata__").put("format", "pt");
    ByteArrayOutputStream data = new ByteArrayOutputStream();
    tensors.forEach((name, tensor) -> {
      ObjectNode entry = header.putObject(name);
      entry.put("dtype", tensor.dtype);
      ArrayNode shape = entry.putArray("shape");
      tensor.shape.forEach(shape::add);
      ArrayNode offsets = entry.putArray("data_offsets").add(data.size());
      data.writeBytes(encode(tensor));
      offsets.add(data.size());
    });
    byte[] json = mapper.writeValueAsBytes(header);
    byte[] all = data.toByteArray();
    return ByteBuffer.allocate(Long.BYTES + json.length + all.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(json.length)
        .put(json)
        .put(all)
        .array();
  }

  private static byte[] encode(Tensor tensor) {
    int bytes = tensor.dtype.equals("F32") ? Float.BYTES : Short.BYTES;
    ByteBuffer buffer =
        ByteBuffer.allocate(bytes * tensor.values.length).order(ByteOrder.LITTLE_ENDIAN);
    for (float value : tensor.values) {
      switch (tensor.dtype) {
        case "F32" -> buffer.putFloat(value);
        case "F16" -> buffer.putShort(Float.floatToFloat16(value));
        case "BF16" -> buffer.putShort((short) (Float.floatToRawIntBits(value) >>> 16));
        default -> throw new IllegalArgumentException(tensor.dtype);
      }
    }
    return buffer.array();
  }

  private void writeJson(Path folder) throws IOException {
    Files.createDirectories(folder);
    Files.write(folder.resolve("config.json"), mapper.writeValueAsBytes(config));
    Files.write(folder.resolve("tokenizer.json"), mapper.writeValueAsBytes(tokenizer));
    Files.write(folder.resolve("tokenizer_config.json"), mapper.writeValueAsBytes(tokenizerConfig));
  }

  private void fillTokenizer() {
    ObjectNode model = tokenizer.putObject("model");
    model.put("type", "BPE");
    ObjectNode vocab = model.putObject("vocab");
    byteAlphabet().forEach(letter -> vocab.put(letter, vocab.size()));
    ArrayNode merges = model.putArray("merges");
    for (String merge : MERGES) {
      merges.add(merge);
      vocab.put(merge.replace(" ", ""), vocab.size());
    }
    ArrayNode added = tokenizer.putArray("added_tokens");
    for (String token : SPECIAL) {
      addToken(added, vocab.size() + added.size(), token, true);
    }
    addToken(added, vocab.size() + added.size(), "<think>", false);
    setPreTokenizerRegex("\\p{N}");
    tokenizerConfig.put("bos_token", "<|endoftext|>");
    tokenizerConfig.put("eos_token", "<|im_end|>");
    tokenizerConfig.put("pad_token", "<|endoftext|>");
    tokenizerConfig.put("chat_template", "{% for m in messages %}{{ m['content'] }}{% endfor %}");
  }

  private static void addToken(ArrayNode added, int id, String content, boolean special) {
    added.addObject().put("id", id).put("content", content).put("special", special);
  }

  /// The rule of Qwen2 or of Llama 3, which differ in how they take numbers.
  private void setPreTokenizerRegex(String numbers) {
    ObjectNode rule = tokenizer.putObject("pre_tokenizer").put("type", "Sequence");
    ArrayNode steps = rule.putArray("pretokenizers");
    ObjectNode split = steps.addObject().put("type", "Split");
    split
        .putObject("pattern")
        .put(
            "Regex",
            "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|"
                + numbers
                + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+");
    split.put("behavior", "Isolated").put("invert", false);
    steps
        .addObject()
        .put("type", "ByteLevel")
        .put("add_prefix_space", false)
        .put("use_regex", false);
  }

  /// The printable characters that byte-level BPE spells the 256 bytes with.
  private static List<String> byteAlphabet() {
    List<String> letters = new ArrayList<>();
    int next = 256;
    for (int value = 0; value < 256; value++) {
      boolean printable =
          value >= '!' && value <= '~' || value >= 0xA1 && value <= 0xFF && value != 0xAD;
      letters.add(Character.toString(printable ? value : next++));
    }
    return letters;
  }

  private void fillTensors() {
    addMatrix("model.embed_tokens.weight", VOCABULARY, sizes.hidden);
    addNorm("model.norm.weight", sizes.hidden);
    for (int layer = 0; layer < sizes.layers; layer++) {
      String prefix = "model.layers." + layer + ".";
      addNorm(prefix + "input_layernorm.weight", sizes.hidden);
      addNorm(prefix + "post_attention_layernorm.weight", sizes.hidden);
      addMatrix(prefix + "mlp.gate_proj.weight", sizes.feedForward, sizes.hidden);
      addMatrix(prefix + "mlp.up_proj.weight", sizes.feedForward, sizes.hidden);
      addMatrix(prefix + "mlp.down_proj.weight", sizes.hidden, sizes.feedForward);
      int queries = sizes.heads * sizes.headDim;
      int keys = sizes.keyValueHeads * sizes.headDim;
      addMatrix(prefix + "self_attn.q_proj.weight", queries, sizes.hidden);
      addMatrix(prefix + "self_attn.k_proj.weight", keys, sizes.hidden);
      addMatrix(prefix + "self_attn.v_proj.weight", keys, sizes.hidden);
      addMatrix(prefix + "self_attn.o_proj.weight", sizes.hidden, queries);
    }
  }

  private void addMatrix(String name, Integer... shape) {
    add(name, 0, 1 / 1024f, 128, shape);
  }

  private void addNorm(String name, Integer... shape) {
    add(name, 1, 1 / 128f, 16, shape);
  }

  private void add(String name, float mean, float unit, int spread, Integer... shape) {
    int size = 1;
    for (int dimension : shape) {
      size *= dimension;
    }
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = mean + unit * (random.nextInt(2 * spread + 1) - spread);
    }
    tensors.put(name, new Tensor("BF16", List.of(shape), values));
  }
}
