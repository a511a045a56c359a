/* A Hyperdrive binding. Its host and address are made up: whatever connects to one of them comes to the binding's service. */
const { Error, ObjectDefineProperty } = primordials;
const { defineInterface, illegalConstructor, illegalInvocation, isObject } = require("webidl");
const { connectTo } = require("sockets");
const { randomHex } = require("hyperdrive_rpc/random");
const { addresses, openers } = require("sockets/overrides");

const inside = { __proto__: null };

class Hyperdrive {
  #open;

  constructor(token, open, members) {
    if (token !== inside) throw illegalConstructor();
    this.#open = open;
    for (const name in members) {
      ObjectDefineProperty(this, name, {
        __proto__: null,
        value: members[name],
        writable: false,
        enumerable: true,
        configurable: true,
      });
    }
  }

  connect() {
    if (!isObject(this) || !(#open in this)) throw illegalInvocation();
    return this.#open();
  }
}
defineInterface(Hyperdrive);

function refused() {
  ops.lost();
  return new Error("connection attempt failed");
}

exports.bind = ({ designator, database, user, password, scheme }) => {
  const isMysql = scheme === "mysql";
  const port = isMysql ? 3306 : 5432;
  const host = `${randomHex()}.hyperdrive.local`;
  const ip = ops.newAddress();
  const open = () => connectTo(designator, host, port, refused);
  openers[`${host}:${port}`] = open;
  openers[`${ip}:${port}`] = open;
  addresses[host] = ip;
  // Nothing is escaped, as on workerd.
  const connectionString = `${scheme}://${user}:${password}@${host}:${port}/${database}?${isMysql ? "ssl-mode=disabled" : "sslmode=disable"}`;
  return new Hyperdrive(inside, open, { __proto__: null, connectionString, port, ip, host, password, user, database });
};
