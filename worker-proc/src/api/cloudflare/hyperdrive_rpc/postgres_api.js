/* The module `cloudflare-internal:hyperdrive-postgres-api`. */
const { Hyperdrive } = require("cloudflare-internal:hyperdrive");

function makeBinding(env) {
  return new Hyperdrive(env, "postgresql");
}

exports.default = makeBinding;
