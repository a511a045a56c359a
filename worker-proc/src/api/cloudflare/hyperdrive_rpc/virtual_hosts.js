/* Hosts that are made up: what connects to one comes to a service. */
const { RangeError, SafeMap } = primordials;
const { argumentError, toUint16 } = require("webidl");
const { SERVICE, stateOf } = require("rpc");
const { connectThrough } = require("sockets");
const { openers } = require("sockets/overrides");
const { randomHex } = require("hyperdrive_rpc/random");

/** Services that an isolate may make up hosts for. */
const MAX_HOSTS = 10_000;

/** The hosts of services, with their ports, by channel. */
const hosts = new SafeMap();

/** The host of a service that `type` is given. */
function virtualHost(type, fetcher) {
  const state = stateOf(fetcher);
  if (state?.kind !== SERVICE) throw argumentError(type, "mapVirtualHost", 1, "Fetcher");
  let host = hosts.get(state.channel);
  if (host === undefined) {
    if (hosts.size >= MAX_HOSTS) throw new RangeError(`There are ${MAX_HOSTS} virtual hosts already.`);
    host = { __proto__: null, channel: state.channel, name: `${randomHex()}.workers.alt`, authority: undefined };
    hosts.set(state.channel, host);
  }
  return host;
}

/** What opens a connection to a host, also for who connects to the port. */
function openAt({ channel, name }, port) {
  const authority = `${name}:${port}`;
  const open = () => connectThrough(channel, authority, undefined, undefined);
  openers[authority] = open;
  return open;
}

/** The host and port by which `connect()` reaches a service; a service has the one that it was first given. */
function mapVirtualHost(type, fetcher, port) {
  const host = virtualHost(type, fetcher);
  if (port === undefined) throw argumentError(type, "mapVirtualHost", 2, "unsigned short integer");
  const number = toUint16(port);
  if (host.authority === undefined) {
    openAt(host, number);
    host.authority = `${host.name}:${number}`;
  }
  return host.authority;
}

exports.mapVirtualHost = mapVirtualHost;
exports.openAt = openAt;
exports.virtualHost = virtualHost;
