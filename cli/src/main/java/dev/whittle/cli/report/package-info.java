/// The report on runs: one HTML page that needs nothing but itself.
///
/// [RunResults] gathers what a run directory holds, [ReportPage] lays it out. The charts are inline
/// SVG and plain HTML, coloured by style sheet variables, so that the page follows the reader's
/// light or dark theme and any width; there are no scripts.
@NullMarked
package dev.whittle.cli.report;

import org.jspecify.annotations.NullMarked;
