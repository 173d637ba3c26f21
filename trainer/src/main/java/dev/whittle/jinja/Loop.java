package dev.whittle.jinja;

import java.util.ArrayList;
import java.util.List;

/// The variable `loop` within a loop.
final class Loop {
  private final List<Object> items;
  private final Budget budget;
  private int index;
  private List<Object> before = List.of();

  Loop(List<Object> items, Budget budget) {
    this.items = items;
    this.budget = budget;
  }

  /// @param place of the item that the loop is at, from 0
  void moveTo(int place) {
    index = place;
  }

  Object get(String name) {
    return switch (name) {
      case "index" -> index + 1L;
      case "index0" -> (long) index;
      case "revindex" -> (long) items.size() - index;
      case "revindex0" -> items.size() - index - 1L;
      case "first" -> index == 0;
      case "last" -> index == items.size() - 1;
      case "length" -> (long) items.size();
      // Only loops that call themselves are deeper, and these are not supported.
      case "depth" -> 1L;
      case "depth0" -> 0L;
      case "previtem" -> item(index - 1, "first");
      case "nextitem" -> item(index + 1, "last");
      case "cycle" -> (TemplateFunction) this::cycle;
      case "changed" -> (TemplateFunction) this::changed;
      default -> new Undefined("a loop has no '" + name + "'");
    };
  }

  private Object item(int place, String end) {
    return place >= 0 && place < items.size()
        ? items.get(place)
        : new Undefined("the " + end + " item of a loop has no neighbour there");
  }

  private Object cycle(CallArguments arguments) {
    if (arguments.positional().isEmpty()) {
      throw new TemplateException("loop.cycle has nothing to go through");
    }
    return arguments.positional().get(index % arguments.positional().size());
  }

  private Object changed(CallArguments arguments) {
    List<Object> now = new ArrayList<>(arguments.positional());
    boolean changed = index == 0 || !Values.equal(before, now, budget);
    before = now;
    return changed;
  }
}
