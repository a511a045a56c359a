/* The module `internal:unsafe-eval`: what `workerd:unsafe-eval` gives, for modules of extensions. */
exports.module = require("bindings/unsafe_eval").module;
