package dev.whittle.training;

import dev.whittle.autograd.Weight;
import dev.whittle.ggml.GgmlType;
import dev.whittle.ggml.Tensor;
import org.jspecify.annotations.Nullable;

/// One trained tensor.
///
/// A quantized matrix has a float32 *master* that the optimizer moves, and *blocks*, the bytes of
/// its GGUF type, which the forward pass uses and which are shipped. After each step the blocks are
/// encoded from the master; the gradient at what they decode to is taken as the master's (straight
/// through). An F32 tensor is its own master.
///
/// @param name the tensor's name in the GGUF file
/// @param group which settings of the optimizer apply
/// @param type the type in the file
/// @param master [inputs, outputs] F32
/// @param blocks [inputs, outputs] of `type`; the master itself if that is F32
/// @param decoded [inputs, outputs] BF16, what the blocks decode to, if the forward pass uses that
///   in place of the blocks; else null
/// @param transposed [outputs, inputs] BF16, what the blocks decode to; null for norms and biases
/// @param gradient [inputs, outputs] F32
/// @param moments of the optimizer
/// @param importance how much each input counts when blocks are encoded; null for equally
/// @param scaleMode where the scales of the blocks come from
/// @param scales those of [ScaleMode#TRAINED]; null in other modes
public record Parameter(
    String name,
    Group group,
    GgmlType type,
    Tensor master,
    Tensor blocks,
    @Nullable Tensor decoded,
    @Nullable Tensor transposed,
    Tensor gradient,
    Moments moments,
    float @Nullable [] importance,
    ScaleMode scaleMode,
    @Nullable TrainedScales scales) {

  /// Parameters that share settings of the optimizer.
  public enum Group {
    /// Matrices of the layers.
    MATRIX,
    /// The token embedding and the head.
    EMBEDDING,
    /// Norms and biases: never decayed.
    VECTOR
  }

  /// The parameter as the autograd sees it.
  public Weight weight() {
    return new Weight(name, decoded == null ? blocks : decoded, transposed, gradient);
  }

  public long inputs() {
    return master.dimension(0);
  }

  public long outputs() {
    return master.dimension(1);
  }

  public long elements() {
    return master.elements();
  }

  /// Whether blocks have to be encoded from the master.
  public boolean isEncoded() {
    return blocks != master;
  }
}
