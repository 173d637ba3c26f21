package dev.whittle.jinja;

import dev.whittle.jinja.Statement.Target;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Runs a template once.
final class Renderer {
  private final Budget budget;
  private final Evaluator evaluator;
  private StringBuilder output = new StringBuilder();

  private enum Flow {
    ON,
    BREAK,
    CONTINUE
  }

  private Renderer(Budget budget) {
    this.budget = budget;
    this.evaluator = new Evaluator(budget);
  }

  static String render(List<Statement> template, Scope scope, Budget budget) {
    Renderer renderer = new Renderer(budget);
    renderer.run(template, scope);
    return renderer.output.toString();
  }

  private Flow run(List<Statement> statements, Scope scope) {
    for (Statement statement : statements) {
      try {
        Flow flow = run(statement, scope);
        if (flow != Flow.ON) {
          return flow;
        }
      } catch (TemplateException e) {
        throw e.at(statement.line());
      }
    }
    return Flow.ON;
  }

  private Flow run(Statement statement, Scope scope) {
    budget.spend(1);
    switch (statement) {
      case Statement.Text text -> write(text.text());
      case Statement.Output print ->
          write(Printer.text(evaluator.evaluate(print.value(), scope), budget));
      case Statement.If condition -> {
        boolean holds = evaluator.isTrue(condition.condition(), scope);
        return run(holds ? condition.then() : condition.otherwise(), scope);
      }
      case Statement.For loop -> {
        return run(loop, scope);
      }
      case Statement.Set set -> assign(set.target(), evaluator.evaluate(set.value(), scope), scope);
      case Statement.SetWritten set ->
          assign(set.target(), written(set.body(), set.value(), scope), scope);
      case Statement.Filter filter ->
          write(Printer.text(written(filter.body(), filter.value(), scope), budget));
      case Statement.With with -> {
        Scope inner = scope.inner();
        for (Statement.Set variable : with.variables()) {
          assign(variable.target(), evaluator.evaluate(variable.value(), scope), inner);
        }
        return run(with.body(), inner);
      }
      case Statement.Macro macro -> scope.set(macro.name(), function(macro, scope));
      case Statement.CallBlock block -> {
        Map<String, Object> caller = Map.of("caller", function(block.caller(), scope));
        write(Printer.text(evaluator.call(block.call(), scope, caller), budget));
      }
      case Statement.Block block -> {
        return run(block.body(), scope.inner());
      }
      case Statement.Break _ -> {
        return Flow.BREAK;
      }
      case Statement.Continue _ -> {
        return Flow.CONTINUE;
      }
    }
    return Flow.ON;
  }

  private void write(String text) {
    budget.spend(text.length());
    output.append(text);
  }

  private Flow run(Statement.For loop, Scope scope) {
    List<Object> items = Values.items(evaluator.evaluate(loop.items(), scope), budget);
    if (loop.condition() != null) {
      List<Object> kept = new ArrayList<>();
      for (Object item : items) {
        Scope inner = scope.inner();
        assign(loop.target(), item, inner);
        if (evaluator.isTrue(loop.condition(), inner)) {
          kept.add(item);
        }
      }
      items = kept;
    }
    if (items.isEmpty()) {
      return run(loop.otherwise(), scope.inner());
    }
    Loop state = new Loop(items, budget);
    for (int i = 0; i < items.size(); i++) {
      Scope inner = scope.inner();
      state.moveTo(i);
      inner.set("loop", state);
      assign(loop.target(), items.get(i), inner);
      if (run(loop.body(), inner) == Flow.BREAK) {
        break;
      }
    }
    return Flow.ON;
  }

  private void assign(Target target, Object value, Scope scope) {
    switch (target) {
      case Target.Variable variable -> scope.set(variable.name(), value);
      case Target.Member member -> {
        Object of = scope.get(member.of());
        Values.requireDefined(of);
        if (!(of instanceof Namespace namespace)) {
          throw new TemplateException(
              "'" + member.of() + "' is " + Values.kind(of) + ", whose attributes cannot be set");
        }
        namespace.set(member.attribute(), value);
      }
      case Target.Several several -> {
        List<Object> values = Values.items(value, budget);
        List<Target> targets = several.targets();
        if (values.size() != targets.size()) {
          throw new TemplateException(
              values.size() + " values are given to " + targets.size() + " variables");
        }
        for (int i = 0; i < values.size(); i++) {
          assign(targets.get(i), values.get(i), scope);
        }
      }
    }
  }

  /// What a body writes.
  private String written(List<Statement> body, Scope scope) {
    StringBuilder outer = output;
    output = new StringBuilder();
    try {
      run(body, scope);
      return output.toString();
    } finally {
      output = outer;
    }
  }

  /// What an expression makes of what a body writes.
  private Object written(List<Statement> body, Expression value, Scope scope) {
    Scope inner = scope.inner();
    inner.set(Statement.WRITTEN.name(), written(body, inner));
    return evaluator.evaluate(value, inner);
  }

  private TemplateFunction function(Statement.Macro macro, Scope scope) {
    return arguments -> {
      Scope inner = scope.inner();
      bind(macro, arguments, inner);
      return written(macro.body(), inner);
    };
  }

  private void bind(Statement.Macro macro, CallArguments arguments, Scope scope) {
    List<Statement.Parameter> parameters = macro.parameters();
    Set<String> unknown = new HashSet<>(arguments.named().keySet());
    unknown.remove("caller");
    for (int i = 0; i < parameters.size(); i++) {
      Statement.Parameter parameter = parameters.get(i);
      Object value = arguments.find(i, parameter.name());
      if (value == null) {
        value =
            parameter.value() == null
                ? new Undefined("the parameter '" + parameter.name() + "' was not given")
                : evaluator.evaluate(parameter.value(), scope);
      }
      scope.set(parameter.name(), value);
      unknown.remove(parameter.name());
    }
    if (arguments.positional().size() > parameters.size() || !unknown.isEmpty()) {
      throw new TemplateException(
          "the macro '" + macro.name() + "' is given what it does not take");
    }
    Object caller = arguments.named().get("caller");
    if (caller != null) {
      scope.set("caller", caller);
    }
  }
}
