package dev.whittle.cli;

import dev.whittle.cli.recipe.IdleOption;
import dev.whittle.cli.study.CellCommands;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;

/// The commands as stages of a study's cell, each in a process of its own.
final class ChildCommands implements CellCommands {
  private static final Set<String> TRAINING = Set.of("distill", "grpo");
  private static final String DEVICE = "--device=";

  private final StageCommands inside;
  private final @Nullable DeviceSpread devices;
  private String reason = "";

  /// @param inside for all but running them
  /// @param devices that train; null where the recipe's settings say it
  ChildCommands(StageCommands inside, @Nullable DeviceSpread devices) {
    this.inside = inside;
    this.devices = devices;
  }

  @Override
  public CommandSpec specification(String command) {
    return inside.specification(command);
  }

  @Override
  public List<IdleOption> idle(List<String> arguments) {
    return inside.idle(arguments);
  }

  @Override
  public void check(List<String> arguments) {
    inside.check(arguments);
  }

  @Override
  public int run(List<String> arguments) {
    if (devices == null || !TRAINING.contains(arguments.getFirst())) {
      return runAsIs(arguments);
    }
    try (DeviceSpread.Lease lease = devices.take()) {
      List<String> line = new ArrayList<>(arguments);
      line.removeIf(argument -> argument.startsWith(DEVICE));
      line.add(DEVICE + lease.device());
      return runAsIs(line);
    }
  }

  private int runAsIs(List<String> arguments) {
    try {
      ChildRun run = ChildRun.of(arguments);
      reason = run.failure();
      return run.exitCode();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public String reason() {
    return reason;
  }
}
