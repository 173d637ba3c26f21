package dev.whittle.training;

import dev.whittle.ggml.Backend;
import dev.whittle.ggml.CudaKernels;
import dev.whittle.ggml.Tensor;
import dev.whittle.optimizer.AdamW;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/// What a step does to the parameters outside of the passes: norm of the gradients, optimizer,
/// encoding.
sealed interface ParameterKernels extends AutoCloseable
    permits HostKernels, CudaParameterKernels, StagedKernels {

  /// The kernels for parameters in the memory of a backend.
  ///
  /// @param parameters all that will ever be passed
  static ParameterKernels on(Backend backend, Workers workers, List<Parameter> parameters) {
    HostKernels host = new HostKernels(workers);
    if (backend.isHost()) {
      return host;
    }
    StagedKernels staged = new StagedKernels(host);
    Optional<CudaKernels> cuda = CudaKernels.on(backend);
    return cuda.isPresent()
        ? new CudaParameterKernels(backend, cuda.get(), staged, parameters)
        : staged;
  }

  /// Those whose scales are trained.
  static List<Parameter> withScales(List<Parameter> parameters) {
    return parameters.stream().filter(p -> p.scales() != null).toList();
  }

  /// The sum of the squares of all gradients, in an order that depends on the parameters only.
  double sumOfSquaredGradients(List<Parameter> parameters);

  /// Moves the masters by their gradients.
  void update(List<Parameter> parameters, Function<Parameter.Group, AdamW.Update> updates);

  /// Encodes the blocks from the masters, with scales fitted to them, and makes the copies that the
  /// passes read.
  void encode(List<Parameter> parameters);

  /// Encodes blocks that were encoded before, with scales as the mode of each parameter wants them.
  void encodeAgain(List<Parameter> parameters);

  /// Sets scales that are trained to those of the blocks.
  void takeScales(List<Parameter> parameters);

  /// Moves scales that are trained by their gradients, and makes of the gradients of these
  /// parameters those at the masters; to be done before [#update].
  void updateScales(List<Parameter> parameters, Function<Parameter.Group, AdamW.Update> updates);

  /// Makes the copies that the passes read from the blocks as they are.
  void decode(List<Parameter> parameters);

  /// Adds column k of `columns` [width, ≥ ids.length] to column ids[k] of `target` [width, n].
  void addColumns(Tensor target, int[] ids, Tensor columns);

  @Override
  void close();
}
