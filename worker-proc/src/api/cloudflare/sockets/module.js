/* The module `cloudflare-internal:sockets`. */
const { connect } = require("sockets");

exports.default = { connect };
