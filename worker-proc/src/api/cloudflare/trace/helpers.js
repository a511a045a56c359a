/* Spans for the modules that wrap bindings: `cloudflare-internal:tracing-helpers`, and a binding that gives a worker the same, by
   which they are tested. */
const { tracing } = require("trace/tracing");

/** Runs a function in a span that lasts as long as it, or as its promise. */
const withSpan = (name, fn) => tracing.enterSpan(name, fn);
/** Runs a function in a span that it ends itself. */
const startActiveSpan = (name, fn) => tracing.startActiveSpan(name, fn);

exports.module = { __proto__: null, default: () => ({ startActiveSpan, withSpan }), startActiveSpan, withSpan };
