/* The module `cloudflare-internal:hyperdrive`: a database behind a service that holds what it takes to log in. The worker sees names
   that are made up, each when it is first read. */
const { ObjectDefineProperty } = primordials;
const { WrappedBinding } = require("wrapped");
const { randomHex } = require("hyperdrive_rpc/random");
const { openAt, virtualHost } = require("hyperdrive_rpc/virtual_hosts");

const PORTS = { __proto__: null, postgresql: 5432, mysql: 3306 };
const WITHOUT_TLS = { __proto__: null, postgresql: "sslmode=disable", mysql: "ssl-mode=disabled" };

class Hyperdrive extends WrappedBinding {
  constructor({ fetcher }, scheme) {
    super(fetcher);
    const mapped = virtualHost("EntrypointsModule", fetcher);
    const host = mapped.name;
    const port = PORTS[scheme];
    const open = openAt(mapped, port);

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
