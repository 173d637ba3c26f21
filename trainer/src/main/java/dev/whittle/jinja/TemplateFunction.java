package dev.whittle.jinja;

/// What a template can call.
@FunctionalInterface
interface TemplateFunction {
  Object call(CallArguments arguments);
}
