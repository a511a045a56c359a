/* The module `cloudflare-internal:wrapped-binding`. */
const { WrappedBinding } = require("wrapped");

exports.module = { __proto__: null, default: { WrappedBinding } };
