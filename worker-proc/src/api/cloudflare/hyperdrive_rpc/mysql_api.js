/* The module `cloudflare-internal:hyperdrive-mysql-api`. */
const { Hyperdrive } = require("cloudflare-internal:hyperdrive");

function makeBinding(env) {
  return new Hyperdrive(env, "mysql");
}

exports.default = makeBinding;
