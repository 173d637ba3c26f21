package dev.whittle.cli.recipe;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// A stage of a recipe, resolved: a command line, and what it reads and writes.
///
/// @param name unique in the recipe
/// @param settings all that was said, and what the command takes where nothing was; files by their
///   absolute paths, or as `$stage` where another stage writes them
/// @param commandLine the command's name and its arguments
/// @param inputs the files to read, by the setting that names them
/// @param outputs the files to write, the one first that others refer to
/// @param resumable whether the stage can go on where it was killed, or else begins anew
/// @param runDirectory where it keeps what it needs for that; null if it does so beside its output
public record Stage(
    String name,
    StageKind kind,
    Map<String, List<String>> settings,
    List<String> commandLine,
    Map<String, List<Path>> inputs,
    List<Path> outputs,
    boolean resumable,
    @Nullable Path runDirectory) {}
