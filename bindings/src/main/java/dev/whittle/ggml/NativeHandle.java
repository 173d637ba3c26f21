package dev.whittle.ggml;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;

/// One native object and the arena that it lives in: closing the one frees the other.
///
/// The arena is shared and the pointer belongs to it, so the linker itself refuses a call with a
/// pointer that was closed, and refuses a close while a call with it runs on another thread. Freed
/// memory is therefore out of reach.
final class NativeHandle implements AutoCloseable {
  private final String what;
  private final Arena arena;
  private final MemorySegment pointer;

  private NativeHandle(String what, Arena arena, MemorySegment pointer) {
    this.what = what;
    this.arena = arena;
    this.pointer = pointer;
  }

  /// Takes over an object that `free` frees.
  ///
  /// @param pointer the object, never `NULL`: whoever called the library has looked
  static NativeHandle own(String what, MemorySegment pointer, Consumer<MemorySegment> free) {
    Arena arena = Arena.ofShared();
    return new NativeHandle(what, arena, pointer.reinterpret(arena, free));
  }

  /// The object, to pass to a function of the library.
  ///
  /// @throws IllegalStateException if it is closed
  MemorySegment pointer() {
    requireOpen();
    return pointer;
  }

  /// Memory that belongs to the object: it can be read for as long as the object is open.
  MemorySegment inside(MemorySegment address, long bytes) {
    requireOpen();
    return address.reinterpret(bytes, arena, null);
  }

  void requireOpen() {
    if (!isOpen()) {
      throw new IllegalStateException(what + " is closed");
    }
  }

  boolean isOpen() {
    return arena.scope().isAlive();
  }

  /// @throws IllegalStateException if another thread is inside a call with the object
  @Override
  public void close() {
    if (isOpen()) {
      arena.close();
    }
  }
}
