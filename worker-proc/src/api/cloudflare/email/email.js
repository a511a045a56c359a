/* The module `cloudflare:email`. */
exports.module = {
  __proto__: null,
  /** Read when the module is evaluated: the extension's module may need others of the worker's. */
  get EmailMessage() {
    return ops.provided().EmailMessage;
  },
};
