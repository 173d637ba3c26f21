package dev.whittle.jinja;

import dev.whittle.jinja.Statement.Parameter;
import dev.whittle.jinja.Statement.Target;
import dev.whittle.jinja.Token.Type;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/// Reads what a template is made of.
final class StatementParser {
  private final TokenStream tokens;
  private final ExpressionParser expressions;

  private StatementParser(TokenStream tokens) {
    this.tokens = tokens;
    this.expressions = new ExpressionParser(tokens);
  }

  /// @throws TemplateException if the tokens are no template
  static List<Statement> parse(List<Token> tokens) {
    TokenStream stream = new TokenStream(tokens);
    List<Statement> statements = new StatementParser(stream).statements(Set.of());
    if (stream.current().type() != Type.END) {
      throw stream.unexpected("text or a tag");
    }
    return statements;
  }

  /// Statements up to a block with one of these names, whose beginning is read, or up to the end.
  private List<Statement> statements(Set<String> ends) {
    List<Statement> statements = new ArrayList<>();
    while (true) {
      Token token = tokens.current();
      switch (token.type()) {
        case DATA -> statements.add(new Statement.Text(token.line(), tokens.next().text()));
        case OUTPUT_BEGIN -> {
          tokens.next();
          statements.add(new Statement.Output(token.line(), expressions.expressions()));
          tokens.expect(Type.OUTPUT_END);
        }
        case BLOCK_BEGIN -> {
          tokens.next();
          if (tokens.current().type() == Type.NAME && ends.contains(tokens.current().text())) {
            return statements;
          }
          statements.add(block(tokens.expect(Type.NAME)));
          tokens.expect(Type.BLOCK_END);
        }
        default -> {
          if (!ends.isEmpty()) {
            throw tokens.unexpected(
                "'" + String.join("' or '", ends.stream().sorted().toList()) + "'");
          }
          return statements;
        }
      }
    }
  }

  /// The statements of a block up to its end, whose name is read.
  private List<Statement> body(String end) {
    tokens.expect(Type.BLOCK_END);
    List<Statement> body = statements(Set.of(end));
    tokens.expectName(end);
    return body;
  }

  private Statement block(Token name) {
    int line = name.line();
    return switch (name.text()) {
      case "if" -> condition(line);
      case "for" -> loop(line);
      case "set" -> assignment(line);
      case "macro" -> macro(line);
      case "call" -> callBlock(line);
      case "filter" -> filter(line);
      case "with" -> with(line);
      // It marks what a model is to produce, for the transformers library.
      case "generation" -> new Statement.Block(line, body("endgeneration"));
      case "break" -> new Statement.Break(line);
      case "continue" -> new Statement.Continue(line);
      default ->
          throw TemplateException.at(
              line, "the tag '" + name.text() + "' has no meaning in a chat template");
    };
  }

  private Statement condition(int line) {
    Expression condition = expressions.expressions();
    tokens.expect(Type.BLOCK_END);
    List<Statement> then = statements(Set.of("elif", "else", "endif"));
    List<Statement> otherwise = List.of();
    int next = tokens.line();
    if (tokens.skipName("elif")) {
      otherwise = List.of(condition(next));
    } else if (tokens.skipName("else")) {
      otherwise = body("endif");
    } else {
      tokens.expectName("endif");
    }
    return new Statement.If(line, condition, then, otherwise);
  }

  private Statement loop(int line) {
    Target target = target();
    tokens.expectName("in");
    Expression items = expressions.items();
    Expression condition = tokens.skipName("if") ? expressions.expression() : null;
    tokens.expect(Type.BLOCK_END);
    List<Statement> body = statements(Set.of("else", "endfor"));
    List<Statement> otherwise = List.of();
    if (tokens.skipName("else")) {
      otherwise = body("endfor");
    } else {
      tokens.expectName("endfor");
    }
    return new Statement.For(line, target, items, condition, body, otherwise);
  }

  private Target target() {
    Target first = oneTarget();
    if (!tokens.isOperator(",")) {
      return first;
    }
    List<Target> targets = new ArrayList<>(List.of(first));
    while (tokens.skipOperator(",")) {
      targets.add(oneTarget());
    }
    return new Target.Several(targets);
  }

  private Target oneTarget() {
    if (tokens.skipOperator("(")) {
      Target target = target();
      tokens.expectOperator(")");
      return target;
    }
    String name = tokens.expect(Type.NAME).text();
    return tokens.skipOperator(".")
        ? new Target.Member(name, tokens.expect(Type.NAME).text())
        : new Target.Variable(name);
  }

  private Statement assignment(int line) {
    Target target = target();
    if (tokens.skipOperator("=")) {
      return new Statement.Set(line, target, expressions.expressions());
    }
    Expression value = expressions.filters(Statement.WRITTEN);
    return new Statement.SetWritten(line, target, body("endset"), value);
  }

  private Statement macro(int line) {
    String name = tokens.expect(Type.NAME).text();
    List<Parameter> parameters = parameters();
    return new Statement.Macro(line, name, parameters, body("endmacro"));
  }

  private List<Parameter> parameters() {
    List<Parameter> parameters = new ArrayList<>();
    tokens.expectOperator("(");
    while (!tokens.skipOperator(")")) {
      if (!parameters.isEmpty()) {
        tokens.expectOperator(",");
      }
      String name = tokens.expect(Type.NAME).text();
      Expression value = tokens.skipOperator("=") ? expressions.expression() : null;
      parameters.add(new Parameter(name, value));
    }
    return parameters;
  }

  private Statement callBlock(int line) {
    List<Parameter> parameters = tokens.isOperator("(") ? parameters() : List.of();
    if (!(expressions.expression() instanceof Expression.Call call)) {
      throw tokens.unexpected("a call");
    }
    Statement.Macro caller = new Statement.Macro(line, "caller", parameters, body("endcall"));
    return new Statement.CallBlock(line, caller, call);
  }

  private Statement filter(int line) {
    Expression value = expressions.filters(expressions.filter(Statement.WRITTEN));
    return new Statement.Filter(line, body("endfilter"), value);
  }

  private Statement with(int line) {
    List<Statement.Set> variables = new ArrayList<>();
    while (tokens.current().type() != Type.BLOCK_END) {
      if (!variables.isEmpty()) {
        tokens.expectOperator(",");
      }
      Target target = oneTarget();
      tokens.expectOperator("=");
      variables.add(new Statement.Set(line, target, expressions.expression()));
    }
    return new Statement.With(line, variables, body("endwith"));
  }
}
