package dev.whittle.cli;

import dev.whittle.gguf.GgufArray;
import dev.whittle.gguf.GgufMetadata;
import dev.whittle.gguf.GgufValue;
import java.math.BigInteger;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/// Metadata in the terms of JSON: numbers, strings, truth values, lists.
final class MetadataView {
  /// Vocabularies and their like are not for reading.
  private static final int LONGEST_ARRAY = 16;

  private static final int LONGEST_LINE = 80;

  private MetadataView() {}

  /// An array that is too long to show.
  record LongArray(String arrayOf, int size) {
    @Override
    public String toString() {
      return "%,d × %s".formatted(size, arrayOf);
    }
  }

  /// The values by key, in the file's order.
  static Map<String, Object> of(GgufMetadata metadata) {
    Map<String, Object> view = new LinkedHashMap<>();
    metadata.asMap().forEach((key, value) -> view.put(key, of(value)));
    return view;
  }

  private static Object of(GgufValue value) {
    return switch (value) {
      case GgufValue.U8(int v) -> v;
      case GgufValue.I8(byte v) -> v;
      case GgufValue.U16(int v) -> v;
      case GgufValue.I16(short v) -> v;
      case GgufValue.U32(long v) -> v;
      case GgufValue.I32(int v) -> v;
      case GgufValue.U64(long bits) -> new BigInteger(Long.toUnsignedString(bits));
      case GgufValue.I64(long v) -> v;
      // JSON has no infinities: they appear as strings.
      case GgufValue.F32(float v) -> Float.isFinite(v) ? v : Float.toString(v);
      case GgufValue.F64(double v) -> Double.isFinite(v) ? v : Double.toString(v);
      case GgufValue.Bool(boolean v) -> v;
      case GgufValue.Text text -> text.value();
      case GgufArray array when array.size() > LONGEST_ARRAY ->
          new LongArray(array.elementType().name().toLowerCase(Locale.ROOT), array.size());
      case GgufArray array -> array.elements().stream().map(MetadataView::of).toList();
    };
  }

  /// A value of such a view on one line, cut short if need be.
  ///
  /// Control characters are shown as `?`: a file is not trusted to write to a terminal.
  static String line(Object value) {
    String text = value.toString().replace("\n", "\\n").replaceAll("\\p{Cc}", "?");
    return text.codePointCount(0, text.length()) <= LONGEST_LINE
        ? text
        : text.substring(0, text.offsetByCodePoints(0, LONGEST_LINE - 1)) + "…";
  }
}
