package dev.whittle.gguf;

/// Hears how far the writing of a file has come.
@FunctionalInterface
public interface ProgressListener {

  /// A listener that does nothing.
  ProgressListener NONE = (tensor, bytesDone, bytesTotal) -> {};

  /// Called on the writing thread after each tensor.
  ///
  /// @param tensor the name of the tensor written last
  /// @param bytesDone the bytes of tensor data written so far
  /// @param bytesTotal the bytes of all tensors' data
  void written(String tensor, long bytesDone, long bytesTotal);
}
