/* The module `cloudflare-internal:test-tracing-wrapper`: a binding that gives a worker the spans of such modules, by which they are
   tested. */
const { startActiveSpan, withSpan } = require("cloudflare-internal:tracing-helpers");

exports.default = () => ({ startActiveSpan, withSpan });
