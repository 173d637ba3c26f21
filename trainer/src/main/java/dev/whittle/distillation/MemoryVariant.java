package dev.whittle.distillation;

import dev.whittle.model.Trunk.Activations;
import dev.whittle.training.MomentType;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// A run as it is asked for, or changed so that it takes less memory.
///
/// @param options what asks for the changes on the command line
/// @param settings of the run
/// @param longest tokens of the longest document
/// @param activations what is kept for the backward pass
record MemoryVariant(
    String options, DistillationSettings settings, int longest, Activations activations) {
  private static final int SHORTEST_CONTEXT = 64;

  static MemoryVariant of(DistillationSettings settings, int longest, Activations activations) {
    return new MemoryVariant("", settings, longest, activations);
  }

  MemoryPlan measure(MemoryMeter meter) {
    return meter.measure(settings, settings.batches(longest, meter.devices()).shape(), activations);
  }

  /// Variants with one change each, from what costs nothing but time to what changes the training,
  /// and then with all changes together.
  ///
  /// @param devices that share a step
  List<MemoryVariant> smaller(int devices) {
    List<MemoryVariant> variants = new ArrayList<>();
    MemoryVariant all = this;
    if (activations == Activations.KEPT) {
      all = recomputed();
      variants.add(all);
    }
    if (settings.batches(longest, devices).shape().rows() > 1) {
      variants.add(oneDocumentAtATime());
    }
    for (MomentType moments : MomentType.values()) {
      if (moments.compareTo(settings.moments()) > 0) {
        variants.add(with(moments));
      }
    }
    if (settings.moments() != MomentType.Q8) {
      all = all.with(MomentType.Q8);
    }
    addShorter(variants, this);
    variants.add(all.oneDocumentAtATime());
    addShorter(variants, all);
    return variants;
  }

  private static void addShorter(List<MemoryVariant> variants, MemoryVariant from) {
    for (int context = from.longest / 2; context >= SHORTEST_CONTEXT; context /= 2) {
      variants.add(from.shortened(context));
    }
  }

  private MemoryVariant recomputed() {
    return new MemoryVariant(
        with("--activations recomputed"), settings, longest, Activations.RECOMPUTED);
  }

  private MemoryVariant with(MomentType moments) {
    return new MemoryVariant(
        with("--moments " + moments.name().toLowerCase(Locale.ROOT)),
        settings.withMoments(moments),
        longest,
        activations);
  }

  private MemoryVariant oneDocumentAtATime() {
    return new MemoryVariant(
        with("--ubatch-size " + longest),
        settings.withMicroBatchTokens(longest),
        longest,
        activations);
  }

  private MemoryVariant shortened(int context) {
    return new MemoryVariant(
            with("--ctx-size " + context + " (and documents that fit it)"),
            settings,
            context,
            activations)
        .oneDocumentAtATime();
  }

  private String with(String option) {
    return options.isEmpty() ? option : options + " " + option;
  }
}
