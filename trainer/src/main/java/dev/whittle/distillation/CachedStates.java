package dev.whittle.distillation;

import dev.whittle.data.PackedBatch;
import dev.whittle.ggml.Backend;
import dev.whittle.ggml.Graph;
import dev.whittle.ggml.Tensor;
import dev.whittle.ggml.TensorContext;
import dev.whittle.model.BatchShape;
import dev.whittle.model.ModelFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/// States from a [TeacherCache]: nothing of the teacher runs.
final class CachedStates implements TeacherStates {
  private final TeacherCache cache;
  private final TensorContext context = new TensorContext(1);
  private final Tensor states;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment staging;

  /// @param cache must be full, and stay open as long as these states
  CachedStates(Backend backend, BatchShape shape, TeacherCache cache) {
    this.cache = cache;
    TeacherCacheLayout layout = cache.layout();
    states = context.newTensor(layout.type(), layout.width(), shape.tokens() + 1);
    context.allocate(backend);
    staging = arena.allocate(layout.tokenBytes() * shape.tokens());
  }

  @Override
  public Tensor tensor() {
    return states;
  }

  @Override
  public List<Tensor> layers() {
    return List.of();
  }

  @Override
  public void load(PackedBatch batch) {
    for (PackedBatch.Placement placement : batch.placements()) {
      cache.read(placement.document(), cache.layout().slice(staging, placement));
    }
    states.write(staging, 0);
  }

  @Override
  public List<Graph> graphs() {
    return List.of();
  }

  @Override
  public long bytes() {
    return states.bytes() + staging.byteSize();
  }

  /// What [#bytes] would be.
  static long bytes(ModelFile teacher, BatchShape shape) {
    long token = TeacherStates.type(teacher).rowBytes(teacher.config().width());
    return token * (2L * shape.tokens() + 1);
  }

  @Override
  public void close() {
    context.close();
    arena.close();
  }
}
