package dev.whittle.data;

import dev.whittle.model.BatchShape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// A micro-batch of whole documents. All arrays have one element for each place, row after row:
/// [rows × rowLength].
///
/// @param shape rows and row length
/// @param tokens token ids; 0 at padding
/// @param positions the token's place in its document, from 0; 0 at padding
/// @param documents which document of its row the token belongs to, from 0; −1 at padding. Tokens
///   see only their own document
/// @param targets the token that follows in the document; −1 at its last token and at padding
/// @param targetIsCompletion whether the target is a token that the model is to produce, and not
///   one that it is given
/// @param placements which documents of the corpus these are, and where they lie
public record PackedBatch(
    BatchShape shape,
    int[] tokens,
    int[] positions,
    int[] documents,
    int[] targets,
    boolean[] targetIsCompletion,
    List<Placement> placements) {

  public static final int NONE = -1;

  /// Where a document lies.
  ///
  /// @param document its number in the corpus
  /// @param place of its first token; the others follow
  public record Placement(int document, int place) {}

  /// A micro-batch of padding.
  public static PackedBatch empty(BatchShape shape) {
    int places = shape.tokens();
    PackedBatch batch =
        new PackedBatch(
            shape,
            new int[places],
            new int[places],
            new int[places],
            new int[places],
            new boolean[places],
            new ArrayList<>());
    Arrays.fill(batch.documents(), NONE);
    Arrays.fill(batch.targets(), NONE);
    return batch;
  }

  /// The same without targets that the model is not to produce.
  public PackedBatch withoutGivenTargets() {
    int[] own = targets.clone();
    for (int i = 0; i < own.length; i++) {
      own[i] = targetIsCompletion[i] ? own[i] : NONE;
    }
    return new PackedBatch(
        shape, tokens, positions, documents, own, targetIsCompletion, placements);
  }

  /// How many places hold a token.
  public int tokenCount() {
    int count = 0;
    for (int document : documents) {
      count += document == NONE ? 0 : 1;
    }
    return count;
  }

  /// Whether a place has a target.
  ///
  /// @param completionOnly whether only targets count that the model is to produce
  public boolean isTarget(int place, boolean completionOnly) {
    return targets[place] != NONE && (targetIsCompletion[place] || !completionOnly);
  }

  /// How many places have a target.
  ///
  /// @param completionOnly whether only targets count that the model is to produce
  public int targetCount(boolean completionOnly) {
    int count = 0;
    for (int i = 0; i < targets.length; i++) {
      count += isTarget(i, completionOnly) ? 1 : 0;
    }
    return count;
  }
}
