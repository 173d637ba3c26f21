package dev.whittle.ggml;

/// Places 0 to n − 1, each with an id, grouped by id: the places of `ids[g]` are `order[starts[g]]`
/// to `order[starts[g + 1] − 1]`, ascending.
///
/// @param ids the distinct ids, ascending
/// @param starts one more than there are distinct ids
/// @param order all places
record ColumnGroups(int[] ids, int[] starts, int[] order) {

  /// Groups places by counting.
  ///
  /// @param limit above every id
  /// @throws IllegalArgumentException if an id is not in 0 to `limit` − 1
  static ColumnGroups of(int[] idOfPlace, int limit) {
    int[] counts = new int[limit];
    int distinct = 0;
    for (int id : idOfPlace) {
      if (id < 0 || id >= limit) {
        throw new IllegalArgumentException("id " + id + " is not below " + limit);
      }
      if (counts[id]++ == 0) {
        distinct++;
      }
    }
    int[] ids = new int[distinct];
    int[] starts = new int[distinct + 1];
    int[] next = counts;
    int group = 0;
    int start = 0;
    for (int id = 0; id < limit; id++) {
      int count = counts[id];
      if (count > 0) {
        ids[group] = id;
        starts[group++] = start;
        next[id] = start;
        start += count;
      }
    }
    starts[distinct] = start;
    int[] order = new int[idOfPlace.length];
    for (int place = 0; place < idOfPlace.length; place++) {
      order[next[idOfPlace[place]]++] = place;
    }
    return new ColumnGroups(ids, starts, order);
  }
}
