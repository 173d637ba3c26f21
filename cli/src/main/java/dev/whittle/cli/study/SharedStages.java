package dev.whittle.cli.study;

import dev.whittle.cli.recipe.Stage;
import dev.whittle.cli.recipe.StageRecord;
import dev.whittle.cli.recipe.StageStore;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;

/// What the cells of a study have done, for each other: the import, the calibration or the start
/// that several of them have in common is made once.
final class SharedStages implements StageStore {
  private final Map<String, Finished> finished = new ConcurrentHashMap<>();
  private final Map<String, ReentrantLock> locks = new ConcurrentHashMap<>();

  /// What the cells' records tell that they have done.
  static SharedStages of(List<Cell> cells) throws IOException {
    SharedStages shared = new SharedStages();
    for (Cell cell : cells) {
      for (Stage stage : cell.recipe().stages()) {
        StageRecord.read(cell.recipe().runDirectory(), stage.name())
            .filter(record -> record.outputs() != null)
            .ifPresent(record ->
                shared.finished.putIfAbsent(
                    record.hash(), new Finished(record, stage.runDirectory())));
      }
    }
    return shared;
  }

  @Override
  public Claim claim(String hash) {
    ReentrantLock lock = locks.computeIfAbsent(hash, _ -> new ReentrantLock());
    lock.lock();
    return new Claim() {
      @Override
      public Optional<Finished> finished() {
        return Optional.ofNullable(finished.get(hash));
      }

      @Override
      public void publish(Finished stage) {
        finished.put(hash, stage);
      }

      @Override
      public void close() {
        lock.unlock();
      }
    };
  }
}
