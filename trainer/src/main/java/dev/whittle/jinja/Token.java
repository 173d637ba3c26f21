package dev.whittle.jinja;

/// A token of a template.
///
/// @param text what stands there; of a string, what it means
record Token(Type type, String text, int line) {
  enum Type {
    /// Text between tags.
    DATA("text"),
    /// `{{`
    OUTPUT_BEGIN("'{{'"),
    /// `}}`
    OUTPUT_END("'}}'"),
    /// `{%`
    BLOCK_BEGIN("'{%'"),
    /// `%}`
    BLOCK_END("'%}'"),
    NAME("a name"),
    STRING("a string"),
    INTEGER("an integer"),
    FLOAT("a number"),
    OPERATOR("an operator"),
    END("the end of the template");

    private final String description;

    Type(String description) {
      this.description = description;
    }

    @Override
    public String toString() {
      return description;
    }
  }

  boolean is(Type other, String otherText) {
    return type == other && text.equals(otherText);
  }

  @Override
  public String toString() {
    return switch (type) {
      case NAME, INTEGER, FLOAT, OPERATOR -> "'" + text + "'";
      default -> type.toString();
    };
  }
}
