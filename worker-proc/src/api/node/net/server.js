/*
 * `net.Server`: a server that listens on a port of the isolate's table, and gets connections by `cloudflare:node`.
 */

const { Boolean, Number, PromiseWithResolvers, RegExpPrototypeExec, SymbolAsyncDispose } = primordials;
const EventEmitter = require("node:events").default;
const { GATEWAY_ADDRESS, tcpPorts } = require("cloudflare-internal:http");
const {
  EADDRINUSE,
  EADDRNOTAVAIL,
  ERR_INVALID_ARG_VALUE,
  ERR_SERVER_ALREADY_LISTEN,
  ERR_SERVER_NOT_RUNNING,
} = require("node/common/errors");
const { validateBoolean, validateFunction, validateNumber, validateObject, validatePort, validateString } =
  require("node/common/validators");
const { queueMicrotask } = require("timers");
const { ANY_IPV4, ANY_IPV6, _normalizeArgs, bindPort, concreteAddress, familyOf, inFamily } = require("node/net/address");
const { BoundSocket, kConsume } = require("node/net/bound_socket");
const { accept } = require("node/net/socket");

const AUTHORITY = /^\[?([^\]]*?)\]?:(\d+)$/;

/** The address and port of text, null if it has none. */
function parseAuthority(authority) {
  const found = typeof authority === "string" ? RegExpPrototypeExec(AUTHORITY, authority) : null;
  if (found === null) return null;
  const address = found[1] === "*" ? ANY_IPV4 : found[1];
  return withFamily({ address, port: Number(found[2]) });
}

function withFamily(info) {
  const family = familyOf(info.address);
  if (family !== undefined) info.family = family;
  return info;
}

/** The address of `listen`'s options, its port taken. */
function bind(options) {
  if (options.path != null) throw new ERR_INVALID_ARG_VALUE("options.path", options.path, "is not supported");
  if (options.handle != null || options.fd != null) {
    throw new ERR_INVALID_ARG_VALUE("options", options, "only a net.BoundSocket handle is supported");
  }
  const port = options.port == null ? 0 : validatePort(options.port, "options.port");
  const reusePort = options.reusePort ?? false;
  validateBoolean(reusePort, "options.reusePort");
  let { host } = options;
  if (host === undefined) host = options.ipv6Only ? ANY_IPV6 : ANY_IPV4;
  else validateString(host, "options.host");
  if (host === "localhost") host = "127.0.0.1";
  return () => withFamily({ address: host, port: bindPort(host, declaredPort(host, port), reusePort) });
}

/** Where events arrive for some ports alone, a server must have one of them. */
function declaredPort(host, port) {
  if (!tcpPorts.hasDeclared()) return port;
  if (port !== 0) {
    if (!tcpPorts.isDeclared(port)) throw new EADDRNOTAVAIL(host, port);
    return port;
  }
  const declared = tcpPorts.unclaimedDeclared();
  if (declared === 0) throw new EADDRINUSE(host, 0);
  return declared;
}

function adoptBound(bound) {
  const { address, ephemeral } = bound[kConsume]();
  return () => {
    if (!tcpPorts.hasDeclared() || tcpPorts.isDeclared(address.port)) return address;
    tcpPorts.release(address.port);
    if (!ephemeral) throw new EADDRNOTAVAIL(address.address, address.port);
    return { ...address, port: bindPort(address.address, declaredPort(address.address, 0)) };
  };
}

class Server extends EventEmitter {
  #address = null;
  #connections = 0;
  #isClosing = false;
  #handler = { connect: (socket) => this.#serve(socket) };

  allowHalfOpen;
  pauseOnConnect;
  noDelay;
  keepAlive;
  keepAliveInitialDelay;
  highWaterMark;
  maxConnections = undefined;

  constructor(options, connectionListener) {
    super();
    const listener = typeof options === "function" ? options : connectionListener;
    const own = typeof options === "function" || options == null ? {} : options;
    validateObject(own, "options");
    if (listener !== undefined) {
      validateFunction(listener, "connectionListener");
      this.on("connection", listener);
    }
    const { keepAliveInitialDelay = 0 } = own;
    validateNumber(keepAliveInitialDelay, "options.keepAliveInitialDelay");
    this.allowHalfOpen = own.allowHalfOpen ?? false;
    this.pauseOnConnect = Boolean(own.pauseOnConnect);
    this.noDelay = Boolean(own.noDelay);
    this.keepAlive = Boolean(own.keepAlive);
    this.keepAliveInitialDelay = keepAliveInitialDelay > 0 ? ~~(keepAliveInitialDelay / 1000) : 0;
    this.highWaterMark = own.highWaterMark;
  }

  listen(...args) {
    const { 0: options, 1: callback } = _normalizeArgs(args);
    if (this.#address !== null) throw new ERR_SERVER_ALREADY_LISTEN();
    if (callback !== null) this.once("listening", callback);
    const bound = BoundSocket.isBoundSocket(options) ? options : options.handle;
    const take = BoundSocket.isBoundSocket(bound) ? adoptBound(bound) : bind(options);
    try {
      this.#address = take();
    } catch (error) {
      queueMicrotask(() => this.emit("error", error));
      return this;
    }
    this.#isClosing = false;
    tcpPorts.setHandler(this.#address.port, this.#handler);
    queueMicrotask(() => this.emit("listening"));
    return this;
  }

  address() {
    return this.#address === null ? null : { ...this.#address };
  }

  get listening() {
    return this.#address !== null;
  }

  close(callback) {
    if (typeof callback === "function") {
      const isListening = this.#address !== null;
      this.once("close", () => (isListening ? callback() : callback(new ERR_SERVER_NOT_RUNNING())));
    }
    if (this.#address !== null) {
      tcpPorts.clearHandler(this.#address.port, this.#handler);
      tcpPorts.release(this.#address.port);
      this.#address = null;
    }
    this.#isClosing = true;
    this.#closeIfDone();
    return this;
  }

  #closeIfDone() {
    if (!this.#isClosing || this.#address !== null || this.#connections > 0) return;
    this.#isClosing = false;
    queueMicrotask(() => this.emit("close"));
  }

  getConnections(callback) {
    validateFunction(callback, "cb");
    const count = this.#connections;
    queueMicrotask(() => callback(null, count));
    return this;
  }

  ref() {
    return this;
  }

  unref() {
    return this;
  }

  async [SymbolAsyncDispose]() {
    if (this.#address === null) return;
    const { promise, resolve } = PromiseWithResolvers();
    this.close(() => resolve());
    await promise;
  }

  /** The event lasts as long as the connection. */
  async #serve(inner) {
    const { remoteAddress } = await inner.opened;
    if (this.#address === null) {
      await inner.close();
      return;
    }
    const local = concreteAddress(this.#address);
    const peer = parseAuthority(remoteAddress) ?? {
      address: inFamily(GATEWAY_ADDRESS, local.family),
      family: local.family ?? "IPv4",
      port: tcpPorts.ephemeral(),
    };
    if (this.maxConnections !== undefined && this.#connections >= this.maxConnections) {
      this.#drop(local, peer);
      await inner.close();
      return;
    }
    const { allowHalfOpen, highWaterMark } = this;
    const socket = accept(inner, { allowHalfOpen, highWaterMark }, local, peer);
    socket.server = this;
    socket._server = this;
    this.#connections++;
    const { promise, resolve } = PromiseWithResolvers();
    socket.once("close", () => resolve());
    if (this.pauseOnConnect) socket.pause();
    this.emit("connection", socket);
    if (!socket.isPaused()) socket.read(0);
    await promise;
    this.#connections--;
    this.#closeIfDone();
  }

  #drop(local, peer) {
    this.emit("drop", {
      localAddress: local.address,
      localPort: local.port,
      localFamily: local.family,
      remoteAddress: peer.address,
      remotePort: peer.port,
      remoteFamily: peer.family,
    });
  }
}

exports.Server = Server;
