package dev.whittle.ggml;

import dev.whittle.ffi.llama_batch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.BitSet;

/// Tokens for one [LlamaContext#decode], each with its sequence and its position there
/// (`llama_batch`).
///
/// The memory is the garbage collector's: a batch is filled, decoded and cleared as often as one
/// likes, and need not be closed. It is not for several threads at once.
public final class Batch {
  private final int capacity;
  private final MemorySegment struct;
  private final MemorySegment tokens;
  private final MemorySegment positions;
  private final MemorySegment sequences;
  private final MemorySegment outputFlags;
  private final BitSet outputs = new BitSet();
  private int size;
  private int highestToken = -1;
  private int highestSequence = -1;

  /// @param capacity the most tokens that it can hold
  public Batch(int capacity) {
    if (capacity < 1) {
      throw new IllegalArgumentException("a batch for " + capacity + " tokens; 1 or more needed");
    }
    this.capacity = capacity;
    Arena arena = Arena.ofAuto();
    tokens = arena.allocate(ValueLayout.JAVA_INT, capacity);
    positions = arena.allocate(ValueLayout.JAVA_INT, capacity);
    sequences = arena.allocate(ValueLayout.JAVA_INT, capacity);
    outputFlags = arena.allocate(capacity);
    // Each token is in one sequence, so its list of sequences is its entry of `sequences`.
    MemorySegment counts = arena.allocate(ValueLayout.JAVA_INT, capacity);
    MemorySegment lists = arena.allocate(ValueLayout.ADDRESS, capacity);
    for (int i = 0; i < capacity; i++) {
      counts.setAtIndex(ValueLayout.JAVA_INT, i, 1);
      lists.setAtIndex(ValueLayout.ADDRESS, i, sequences.asSlice((long) i * Integer.BYTES));
    }
    struct = llama_batch.allocate(arena);
    llama_batch.token(struct, tokens);
    llama_batch.pos(struct, positions);
    llama_batch.n_seq_id(struct, counts);
    llama_batch.seq_id(struct, lists);
    llama_batch.logits(struct, outputFlags);
  }

  /// Appends a token.
  ///
  /// @param position from 0, one more than that of the sequence's token before it
  /// @param wantsLogits whether the logits for the token after this one are to be computed
  /// @return the token's index in the batch, by which its logits are asked for
  /// @throws IllegalStateException if the batch is full
  public int add(int token, int position, int sequence, boolean wantsLogits) {
    if (size == capacity) {
      throw new IllegalStateException("the batch is full: it holds " + capacity + " tokens");
    }
    if (token < 0 || position < 0 || sequence < 0) {
      throw new IllegalArgumentException(
          "token %d at position %d of sequence %d: none of them may be negative"
              .formatted(token, position, sequence));
    }
    int index = size++;
    tokens.setAtIndex(ValueLayout.JAVA_INT, index, token);
    positions.setAtIndex(ValueLayout.JAVA_INT, index, position);
    sequences.setAtIndex(ValueLayout.JAVA_INT, index, sequence);
    outputFlags.set(ValueLayout.JAVA_BYTE, index, (byte) (wantsLogits ? 1 : 0));
    outputs.set(index, wantsLogits);
    highestToken = Math.max(highestToken, token);
    highestSequence = Math.max(highestSequence, sequence);
    return index;
  }

  /// Forgets all tokens.
  public void clear() {
    size = 0;
    highestToken = -1;
    highestSequence = -1;
    outputs.clear();
  }

  public int size() {
    return size;
  }

  public int capacity() {
    return capacity;
  }

  public boolean isEmpty() {
    return size == 0;
  }

  public boolean isFull() {
    return size == capacity;
  }

  int highestToken() {
    return highestToken;
  }

  int highestSequence() {
    return highestSequence;
  }

  /// The indices that want logits.
  BitSet outputs() {
    return outputs;
  }

  MemorySegment struct() {
    llama_batch.n_tokens(struct, size);
    return struct;
  }
}
