package dev.whittle.jinja;

import dev.whittle.jinja.Token.Type;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Cuts a template into tokens, and takes away the whitespace around tags that does not count: what
/// a `-` says, the line break behind a block (`trim_blocks`), and what stands before a block on its
/// line (`lstrip_blocks`).
final class Lexer {
  private static final Pattern RAW =
      Pattern.compile(
          "\\{%[-+]?\\s*raw\\s*(?:-%\\}\\s*|%\\})(.*?)"
              + "\\{%([-+]?)\\s*endraw\\s*(?:\\+%\\}|-%\\}\\s*|%\\}\\n?)",
          Pattern.DOTALL);
  private static final Pattern NUMBER = Pattern.compile("\\d[\\d_]*");
  private static final Pattern FRACTION = Pattern.compile("(?:\\.\\d[\\d_]*)?(?:[eE][+-]?\\d+)?");
  private static final Set<String> PAIRS = Set.of("**", "//", "==", "!=", "<=", ">=");
  private static final String SINGLES = "+-*/%~[](){}<>=.:|,;";

  private final String source;
  private final List<Token> tokens = new ArrayList<>();
  private int at;

  /// Up to where the lines have been counted, and how many they were.
  private int counted;

  private int line = 1;

  /// Whether what was read last ends a line.
  private boolean lineBegins = true;

  private Lexer(String source) {
    this.source = source;
  }

  /// @throws TemplateException if something in a tag is no token, or a tag has no end
  static List<Token> tokens(String template) {
    // As Jinja does: line breaks are all the same, and the last one does not count.
    String source = template.replace("\r\n", "\n").replace('\r', '\n');
    if (source.endsWith("\n")) {
      source = source.substring(0, source.length() - 1);
    }
    Lexer lexer = new Lexer(source);
    while (lexer.at < source.length()) {
      lexer.text();
    }
    lexer.add(Type.END, "");
    return lexer.tokens;
  }

  /// Reads up to the next tag, and the tag.
  private void text() {
    int tag = nextTag();
    String text = source.substring(at, tag);
    at = tag;
    if (tag == source.length()) {
      data(text);
      return;
    }
    char kind = source.charAt(tag + 1);
    char sign = tag + 2 < source.length() ? source.charAt(tag + 2) : ' ';
    data(before(text, kind != '{', sign));
    Matcher raw = RAW.matcher(source).region(at, source.length());
    if (kind == '%' && raw.lookingAt()) {
      lineBegins = false;
      data(before(raw.group(1), true, raw.group(2).isEmpty() ? ' ' : raw.group(2).charAt(0)));
      moveTo(raw.end());
      return;
    }
    at += sign == '-' || sign == '+' ? 3 : 2;
    if (kind == '#') {
      comment();
    } else {
      code(kind == '%');
    }
  }

  private int nextTag() {
    for (int i = source.indexOf('{', at); i >= 0; i = source.indexOf('{', i + 1)) {
      if (i + 1 < source.length() && "{%#".indexOf(source.charAt(i + 1)) >= 0) {
        return i;
      }
    }
    return source.length();
  }

  /// What counts of the text before a tag.
  private String before(String text, boolean block, char sign) {
    if (sign == '-') {
      return PythonText.strip(text, null, false, true);
    }
    int lineStart = text.lastIndexOf('\n') + 1;
    boolean indented =
        block
            && sign != '+'
            && (lineStart > 0 || lineBegins)
            && text.substring(lineStart).codePoints().allMatch(PythonText::isSpace);
    return indented ? text.substring(0, lineStart) : text;
  }

  private void data(String text) {
    if (!text.isEmpty()) {
      add(Type.DATA, text);
    }
  }

  private void comment() {
    int end = source.indexOf("#}", at);
    if (end < 0) {
      throw error("a comment has no end");
    }
    char sign = end > at ? source.charAt(end - 1) : ' ';
    at = end;
    tagEnd(2, sign, true);
  }

  /// Goes past the end of a tag, and the whitespace behind it that does not count.
  private void tagEnd(int length, char sign, boolean block) {
    int end = at + length;
    if (sign == '-') {
      while (end < source.length() && PythonText.isSpace(source.charAt(end))) {
        end++;
      }
    } else if (block && sign != '+' && end < source.length() && source.charAt(end) == '\n') {
      end++;
    }
    moveTo(end);
  }

  private void moveTo(int end) {
    at = end;
    lineBegins = source.charAt(end - 1) == '\n';
  }

  private void code(boolean block) {
    String end = block ? "%}" : "}}";
    add(block ? Type.BLOCK_BEGIN : Type.OUTPUT_BEGIN, "");
    // Inside brackets, '}}' is two of them.
    int depth = 0;
    while (true) {
      while (at < source.length() && PythonText.isSpace(source.charAt(at))) {
        at++;
      }
      if (at == source.length()) {
        throw error("a tag has no end");
      }
      char sign = source.charAt(at);
      boolean signed =
          (sign == '-' || block && sign == '+') && source.startsWith(end, at + 1) && depth == 0;
      if (signed || depth == 0 && source.startsWith(end, at)) {
        add(block ? Type.BLOCK_END : Type.OUTPUT_END, "");
        tagEnd(signed ? 3 : 2, signed ? sign : ' ', block);
        return;
      }
      String operator = token();
      if (operator.length() == 1) {
        depth += "([{".contains(operator) ? 1 : ")]}".contains(operator) ? -1 : 0;
      }
    }
  }

  /// Reads a token of an expression; gives its text if it is an operator.
  private String token() {
    char first = source.charAt(at);
    if (first == '"' || first == '\'') {
      string(first);
    } else if (first >= '0' && first <= '9') {
      number();
    } else if (first == '_' || Character.isUnicodeIdentifierStart(first)) {
      int start = at;
      while (at < source.length() && Character.isUnicodeIdentifierPart(source.charAt(at))) {
        at++;
      }
      add(Type.NAME, source.substring(start, at));
    } else {
      return operator();
    }
    return "";
  }

  private String operator() {
    int pair = Math.min(at + 2, source.length());
    String operator = source.substring(at, pair);
    if (!PAIRS.contains(operator)) {
      operator = source.substring(at, at + 1);
      if (!SINGLES.contains(operator)) {
        throw error("the character '" + operator + "' has no meaning in a tag");
      }
    }
    add(Type.OPERATOR, operator);
    at += operator.length();
    return operator;
  }

  private void number() {
    Matcher digits = NUMBER.matcher(source).region(at, source.length());
    digits.lookingAt();
    Matcher fraction = FRACTION.matcher(source).region(digits.end(), source.length());
    fraction.lookingAt();
    // In 'a.0.1' the numbers are places.
    boolean place = !tokens.isEmpty() && tokens.getLast().is(Type.OPERATOR, ".");
    boolean integer = place || fraction.end() == fraction.start();
    int end = integer ? digits.end() : fraction.end();
    add(integer ? Type.INTEGER : Type.FLOAT, source.substring(at, end).replace("_", ""));
    at = end;
  }

  private void string(char quote) {
    int end = at + 1;
    while (end < source.length() && source.charAt(end) != quote) {
      end += source.charAt(end) == '\\' ? 2 : 1;
    }
    if (end >= source.length()) {
      throw error("a string has no end");
    }
    add(Type.STRING, unescaped(source.substring(at + 1, end)));
    at = end + 1;
  }

  /// What a string of Python's means.
  private String unescaped(String literal) {
    if (literal.indexOf('\\') < 0) {
      return literal;
    }
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < literal.length(); i++) {
      char c = literal.charAt(i);
      if (c != '\\') {
        text.append(c);
        continue;
      }
      char escape = literal.charAt(++i);
      int digits = "xuU".indexOf(escape) < 0 ? 0 : escape == 'x' ? 2 : escape == 'u' ? 4 : 8;
      if (digits > 0) {
        text.appendCodePoint(codePoint(literal, i + 1, digits));
        i += digits;
      } else if (escape >= '0' && escape <= '7') {
        int end = i;
        while (end < literal.length() && end < i + 3 && isOctal(literal.charAt(end))) {
          end++;
        }
        text.append((char) Integer.parseInt(literal.substring(i, end), 8));
        i = end - 1;
      } else {
        int known = "abfnrtv\\'\"".indexOf(escape);
        if (known >= 0) {
          text.append("\u0007\b\f\n\r\t\u000b\\'\"".charAt(known));
        } else if (escape != '\n') {
          text.append(c).append(escape);
        }
      }
    }
    return text.toString();
  }

  private static boolean isOctal(char c) {
    return c >= '0' && c <= '7';
  }

  private int codePoint(String literal, int start, int digits) {
    try {
      int point = Integer.parseUnsignedInt(literal.substring(start, start + digits), 16);
      if (Character.isValidCodePoint(point)) {
        return point;
      }
    } catch (IndexOutOfBoundsException | NumberFormatException e) {
      // Told below.
    }
    throw error("the string '" + literal + "' has an escape that stands for no character");
  }

  private void add(Type type, String text) {
    tokens.add(new Token(type, text, line()));
  }

  private int line() {
    for (; counted < at; counted++) {
      if (source.charAt(counted) == '\n') {
        line++;
      }
    }
    return line;
  }

  private TemplateException error(String message) {
    return TemplateException.at(line(), message);
  }
}
