package dev.whittle.simulation;

import java.util.Arrays;
import java.util.stream.Collectors;

/// A simulated format and its pre-scale, written as `mxfp4`, `mxfp4@0.75` or `mxfp4@search`.
///
/// @param preScale see [SimulatedFormat#round]; [#SEARCHED] for the one of each tensor that has the
///   least squared error
public record Simulation(SimulatedFormat format, double preScale) {
  /// In place of a pre-scale: to be searched for.
  public static final double SEARCHED = 0;

  public Simulation {
    if (!(preScale >= 0.5 && preScale <= 1) && preScale != SEARCHED) {
      throw new IllegalArgumentException(
          "a pre-scale of " + preScale + "; give one from 0.5 to 1, or 'search'");
    }
    if (preScale != 1 && !format.takesPreScale()) {
      throw new IllegalArgumentException(format + " takes no pre-scale; leave it out");
    }
  }

  /// @throws IllegalArgumentException if it is no simulation; the message says what it could be
  public static Simulation parse(String text) {
    String[] parts = text.split("@", 2);
    SimulatedFormat format =
        SimulatedFormat.ofName(parts[0])
            .orElseThrow(() ->
                new IllegalArgumentException(
                    "'"
                        + parts[0]
                        + "' is not a simulated format; choose one of "
                        + Arrays.stream(SimulatedFormat.values())
                            .map(SimulatedFormat::toString)
                            .collect(Collectors.joining(", "))));
    if (parts.length == 1) {
      return new Simulation(format, 1);
    }
    return new Simulation(
        format, parts[1].equalsIgnoreCase("search") ? SEARCHED : preScale(parts[1]));
  }

  private static double preScale(String text) {
    try {
      double number = Double.parseDouble(text);
      if (number != SEARCHED) {
        return number;
      }
    } catch (NumberFormatException _) {
      // The sentence below says what is wanted.
    }
    throw new IllegalArgumentException(
        "'" + text + "' is not a pre-scale; give a number from 0.5 to 1, or 'search'");
  }

  /// Whether the pre-scale is still to be found.
  public boolean isSearched() {
    return preScale == SEARCHED;
  }

  @Override
  public String toString() {
    return preScale == 1 ? format.toString() : format + "@" + (isSearched() ? "search" : preScale);
  }
}
