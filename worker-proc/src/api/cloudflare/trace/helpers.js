/* The module `cloudflare-internal:tracing-helpers`: spans for the modules that wrap bindings. */
const { tracing } = require("trace/tracing");

/** Runs a function in a span that lasts as long as it, or as its promise. */
exports.withSpan = (name, fn) => tracing.enterSpan(name, fn);
/** Runs a function in a span that it ends itself. */
exports.startActiveSpan = (name, fn) => tracing.startActiveSpan(name, fn);
