/* The module `cloudflare-internal:http`: the ports that the worker's servers of Node listen on. No port is opened: who serves one is
   looked up when an event is for it. */
const { ArrayPrototypeIndexOf, ArrayPrototypePush, ArrayPrototypeShift, ArrayPrototypeSplice, SafeMap } = primordials;

/** Those that are given to whoever asks for any. */
const FIRST_EPHEMERAL = 49152;
const LAST_EPHEMERAL = 65535;

/** The addresses that sockets say they have, and their peers: of 240.1.0.0/16, which nobody may use. */
const HOST_ADDRESS = "240.1.0.1";
const GATEWAY_ADDRESS = "240.1.255.254";

class PortTable {
  /** By port: `{ holders, isShared, isDeclared, handlers }`. */
  #ports = new SafeMap();
  #next = FIRST_EPHEMERAL;

  /** A port that nobody has, or 0. It is not taken by that. */
  ephemeral() {
    for (let i = FIRST_EPHEMERAL; i <= LAST_EPHEMERAL; i++) {
      const port = this.#next;
      this.#next = port === LAST_EPHEMERAL ? FIRST_EPHEMERAL : port + 1;
      if (!this.#ports.has(port)) return port;
    }
    return 0;
  }

  #add(port, holders, isShared, isDeclared) {
    this.#ports.set(port, { __proto__: null, holders, isShared, isDeclared, handlers: [] });
  }

  /** Says that events arrive for a port. */
  declare(port) {
    if (!this.#ports.has(port)) this.#add(port, 0, false, true);
  }

  #findDeclared(isWanted) {
    let found = 0;
    this.#ports.forEach((entry, port) => {
      if (found === 0 && entry.isDeclared && isWanted(entry)) found = port;
    });
    return found;
  }

  hasDeclared() {
    return this.#findDeclared(() => true) !== 0;
  }

  isDeclared(port) {
    return this.#ports.get(port)?.isDeclared ?? false;
  }

  /** The first declared port that nobody has taken, or 0. */
  unclaimedDeclared() {
    return this.#findDeclared(({ holders }) => holders === 0);
  }

  /** Takes a port: false if somebody has it and does not share it. */
  tryBind(port, reusePort = false) {
    const entry = this.#ports.get(port);
    if (entry === undefined) {
      this.#add(port, 1, reusePort, false);
      return true;
    }
    if (entry.holders > 0 && !(entry.isShared && reusePort)) return false;
    if (entry.holders === 0) entry.isShared = reusePort;
    entry.holders++;
    return true;
  }

  release(port) {
    const entry = this.#ports.get(port);
    if (entry === undefined || --entry.holders > 0) return;
    if (entry.isDeclared) entry.handlers = [];
    else this.#ports.delete(port);
  }

  setHandler(port, handler) {
    const entry = this.#ports.get(port);
    if (entry !== undefined) ArrayPrototypePush(entry.handlers, handler);
  }

  clearHandler(port, handler) {
    const handlers = this.#ports.get(port)?.handlers ?? [];
    const index = ArrayPrototypeIndexOf(handlers, handler);
    if (index !== -1) ArrayPrototypeSplice(handlers, index, 1);
  }

  /** Who is to serve the next event for a port: those that share it take turns. */
  getHandler(port) {
    const handlers = this.#ports.get(port)?.handlers ?? [];
    const handler = ArrayPrototypeShift(handlers);
    if (handler !== undefined) ArrayPrototypePush(handlers, handler);
    return handler;
  }
}

/** Those of TCP: one table for all that the isolate runs. */
const tcpPorts = new PortTable();

exports.GATEWAY_ADDRESS = GATEWAY_ADDRESS;
exports.HOST_ADDRESS = HOST_ADDRESS;
exports.PortTable = PortTable;
exports.tcpPorts = tcpPorts;
