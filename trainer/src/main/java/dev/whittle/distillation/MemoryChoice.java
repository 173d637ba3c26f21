package dev.whittle.distillation;

import dev.whittle.model.Trunk.Activations;
import org.jspecify.annotations.Nullable;

/// What a run keeps, by the memory that there is: activations are kept for the backward pass where
/// they fit, and else computed again.
///
/// @param activations what is kept
/// @param memory what the run then takes
/// @param available the bytes that there are for it
/// @param mend what to change so that it fits; null if it does
public record MemoryChoice(
    Activations activations, MemoryPlan memory, long available, @Nullable String mend) {

  /// Kept activations leave some memory to others, such as the system's cache of files.
  private static final double KEPT_SHARE = 0.9;

  private static final double GIB = 1L << 30;

  /// Chooses.
  ///
  /// @param longest tokens of the longest document
  /// @param wanted what to keep in any case; null to choose
  /// @param available the bytes that there are
  public static MemoryChoice of(
      MemoryMeter meter,
      DistillationSettings settings,
      int longest,
      @Nullable Activations wanted,
      long available) {
    MemoryVariant kept = MemoryVariant.of(settings, longest, Activations.KEPT);
    if (wanted == Activations.KEPT) {
      return of(meter, kept, available);
    }
    if (wanted == null) {
      MemoryPlan memory = kept.measure(meter);
      if (canKeep(memory.total(), available)) {
        return new MemoryChoice(Activations.KEPT, memory, available, null);
      }
    }
    return of(meter, MemoryVariant.of(settings, longest, Activations.RECOMPUTED), available);
  }

  /// Whether there is room for keeping activations.
  ///
  /// @param bytes what the run then takes
  /// @param available the bytes that there are
  public static boolean canKeep(long bytes, long available) {
    return bytes <= KEPT_SHARE * available;
  }

  private static MemoryChoice of(MemoryMeter meter, MemoryVariant variant, long available) {
    MemoryPlan memory = variant.measure(meter);
    return new MemoryChoice(
        variant.activations(),
        memory,
        available,
        memory.total() <= available ? null : mend(meter, variant, available));
  }

  /// The first change that is enough.
  private static String mend(MemoryMeter meter, MemoryVariant variant, long available) {
    String leastOptions = "";
    long least = Long.MAX_VALUE;
    for (MemoryVariant smaller : variant.smaller(meter.devices())) {
      long bytes = smaller.measure(meter).total();
      if (bytes <= available) {
        return "add %s, and it takes %.2f GiB".formatted(smaller.options(), bytes / GIB);
      }
      if (bytes < least) {
        least = bytes;
        leastOptions = smaller.options();
      }
    }
    return "even with %s it would take %.2f GiB, so use a smaller model, or a machine with more memory"
        .formatted(leastOptions, least / GIB);
  }

  public boolean fits() {
    return mend == null;
  }

  /// Does nothing if it fits.
  ///
  /// @param what is trained, for the message
  /// @throws MemoryException if it does not fit
  public void requireFit(String what) {
    if (mend != null) {
      throw MemoryException.of(what, memory.total(), available, mend);
    }
  }
}
