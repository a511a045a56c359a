/* The module `cloudflare:workflows`. */
const { NonRetryableError } = require("cloudflare-internal:workflows-api");

exports.NonRetryableError = NonRetryableError;
