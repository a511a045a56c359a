/* The module `cloudflare:br`. */
const { BrowserRendering } = require("cloudflare-internal:br-api");

exports.BrowserRendering = BrowserRendering;
