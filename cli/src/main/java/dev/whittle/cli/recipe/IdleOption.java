package dev.whittle.cli.recipe;

import picocli.CommandLine.Model.OptionSpec;

/// An option that a command line gives and that changes nothing there.
///
/// @param option as the command has it
/// @param name the one of its names that messages use
/// @param reason continues a sentence that begins with the option: why, and the mend
public record IdleOption(OptionSpec option, String name, String reason) {}
