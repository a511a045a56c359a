/* The module `cloudflare:sockets`. */
const { connect } = require("sockets");

exports.module = { __proto__: null, connect };
