/* The module `cloudflare-internal:tracing`. */
exports.default = require("trace/tracing").tracing;
