/* The module `cloudflare-internal:hyperdrive`: a database behind a service that holds what it takes to log in. The worker sees names
   that are made up, each when it is first read. */
const { ObjectDefineProperty } = primordials;
const { argumentError } = require("webidl");
const { SERVICE, stateOf } = require("rpc");
const { connectThrough } = require("sockets");
const { openers } = require("sockets/overrides");
const { WrappedBinding } = require("wrapped");
const { randomHex } = require("hyperdrive_rpc/random");

const PORTS = { __proto__: null, postgresql: 5432, mysql: 3306 };
const WITHOUT_TLS = { __proto__: null, postgresql: "sslmode=disable", mysql: "ssl-mode=disabled" };

/** The made-up hosts of services, by channel. */
const hosts = { __proto__: null };

class Hyperdrive extends WrappedBinding {
  constructor({ fetcher }, scheme) {
    super(fetcher);
    const state = stateOf(fetcher);
    if (state?.kind !== SERVICE) throw argumentError("EntrypointsModule", "mapVirtualHost", 1, "Fetcher");
    const { channel } = state;
    hosts[channel] ??= `${randomHex()}.workers.alt`;
    const host = hosts[channel];
    const port = PORTS[scheme];
    const open = () => connectThrough(channel, `${host}:${port}`, undefined, undefined);
    openers[`${host}:${port}`] = open;

    const made = { __proto__: null };
    const random = (name) => {
      made[name] ??= randomHex();
      return made[name];
    };
    const getters = {
      __proto__: null,
      database: () => random("database"),
      user: () => random("user"),
      password: () => random("password"),
      scheme: () => scheme,
      connectionString: () =>
        `${scheme}://${random("user")}:${random("password")}@${host}:${port}/${random("database")}?${WITHOUT_TLS[scheme]}`,
      host: () => host,
      port: () => port,
    };
    for (const name in getters) {
      ObjectDefineProperty(this, name, { __proto__: null, get: getters[name], enumerable: true });
    }
    ObjectDefineProperty(this, "connect", { __proto__: null, value: open });
  }
}

exports.Hyperdrive = Hyperdrive;
