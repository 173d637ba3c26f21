package dev.whittle.cli.report;

/// Text for HTML and SVG.
public final class Html {
  private Html() {}

  /// Text with nothing in it that HTML would take for markup.
  public static String escape(String text) {
    return text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\"", "&quot;")
        .replace("'", "&#39;");
  }

  /// A number as a reader wants it: three or four digits that count.
  static String number(double value) {
    double size = Math.abs(value);
    if (value == Math.rint(value) && size < 1e15) {
      return "%,d".formatted((long) value);
    }
    if (size >= 1000) {
      return "%,.0f".formatted(value);
    }
    if (size < 1e-3) {
      return "%.2e".formatted(value);
    }
    return size < 1 ? "%.4f".formatted(value) : "%.3f".formatted(value);
  }
}
