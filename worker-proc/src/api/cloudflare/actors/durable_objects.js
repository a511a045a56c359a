/* The module `cloudflare:durable-objects`. */
const { Symbol, TypeError } = primordials;
const flags = require("flags");

exports.module = {
  __proto__: null,
  onHibernate: flags.workerdExperimental ? Symbol("cloudflare:durable-objects:onHibernate") : undefined,
  /** Says of methods that a caller may try them again; callers here are told of failures either way. */
  retryable(...methods) {
    for (let i = 0; i < methods.length; i++) {
      if (typeof methods[i] !== "function") throw new TypeError("retryable() accepts only functions.");
    }
  },
};
