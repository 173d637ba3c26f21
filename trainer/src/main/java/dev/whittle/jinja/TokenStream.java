package dev.whittle.jinja;

import dev.whittle.jinja.Token.Type;
import java.util.List;

/// The tokens of a template, one after the other.
final class TokenStream {
  private final List<Token> tokens;
  private int at;

  TokenStream(List<Token> tokens) {
    this.tokens = tokens;
  }

  Token current() {
    return tokens.get(at);
  }

  /// The token behind the current one.
  Token following() {
    return tokens.get(Math.min(at + 1, tokens.size() - 1));
  }

  /// Goes past the current token.
  Token next() {
    Token token = current();
    if (token.type() != Type.END) {
      at++;
    }
    return token;
  }

  int line() {
    return current().line();
  }

  boolean isName(String name) {
    return current().is(Type.NAME, name);
  }

  boolean isOperator(String operator) {
    return current().is(Type.OPERATOR, operator);
  }

  boolean skipName(String name) {
    return skip(isName(name));
  }

  boolean skipOperator(String operator) {
    return skip(isOperator(operator));
  }

  private boolean skip(boolean here) {
    if (here) {
      at++;
    }
    return here;
  }

  Token expect(Type type) {
    if (current().type() != type) {
      throw unexpected(type.toString());
    }
    return next();
  }

  void expectName(String name) {
    if (!skipName(name)) {
      throw unexpected("'" + name + "'");
    }
  }

  void expectOperator(String operator) {
    if (!skipOperator(operator)) {
      throw unexpected("'" + operator + "'");
    }
  }

  TemplateException unexpected(String expected) {
    return TemplateException.at(
        line(), "there is " + current() + " where " + expected + " is expected");
  }
}
