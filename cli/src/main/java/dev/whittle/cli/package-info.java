/// The `whittle` command.
///
/// Each command is a class that parses and validates its arguments, calls the library, and says
/// what came of it: results on standard output or in the file of `-o`, everything else on standard
/// error. A command knows nothing about exit codes: it returns, or it throws, and [Failures] makes
/// of an exception one sentence and a code.
@NullMarked
package dev.whittle.cli;

import org.jspecify.annotations.NullMarked;
