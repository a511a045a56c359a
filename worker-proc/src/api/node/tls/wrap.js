/*
 * node:_tls_wrap: `TLSSocket`, a `net.Socket` whose connection is encrypted once it is open.
 */

const {
  Boolean,
  Error,
  FunctionPrototypeCall,
  ObjectAssign,
  ObjectDefineProperty,
  ObjectSetPrototypeOf,
  PromisePrototypeThen,
  PromiseReject,
  PromiseResolve,
  Symbol,
} = primordials;
const {
  ECONNRESET,
  ERR_INVALID_ARG_TYPE,
  ERR_OPTION_NOT_IMPLEMENTED,
  ERR_TLS_HANDSHAKE_TIMEOUT,
  ERR_TLS_INVALID_CONTEXT,
} = require("node/common/errors");
const { setLengths } = require("node/common/unsupported");
const {
  validateBuffer,
  validateFunction,
  validateInt32,
  validateNumber,
  validateObject,
  validateString,
  validateUint32,
} = require("node/common/validators");
const flags = require("flags");
const { _normalizeArgs } = require("node/net/address");
const { Socket, upgrade } = require("node/net/socket");
const { Duplex } = require("node/streams/duplex");
const { SecureContext } = require("node:_tls_common");

const kConnectOptions = Symbol("connect-options");

/** Options that would weaken or change what the runtime does, by whether a value asks for that. */
const REFUSED = [
  ["enableTrace", Boolean],
  ["isServer", Boolean],
  ["server", Boolean],
  ["requestCert", Boolean],
  ["rejectUnauthorized", (value) => value === false],
  ["ALPNProtocols", (value) => value !== undefined],
  ["SNICallback", (value) => value !== undefined],
  ["requestOCSP", Boolean],
  ["pskCallback", (value) => value !== undefined],
];

function checkOptions(options) {
  for (let i = 0; i < REFUSED.length; i++) {
    const { 0: name, 1: isAsked } = REFUSED[i];
    if (isAsked(options[name])) throw new ERR_OPTION_NOT_IMPLEMENTED(`options.${name}`);
  }
  const { secureContext } = options;
  if (secureContext !== undefined && !(secureContext instanceof SecureContext)) {
    throw new ERR_TLS_INVALID_CONTEXT("context");
  }
  checkIdentityOption(options);
}

function checkIdentityOption({ checkServerIdentity }) {
  if (checkServerIdentity === undefined) return;
  validateFunction(checkServerIdentity, "options.checkServerIdentity");
  if (flags.throwOnNotImplementedTlsOptions) throw new ERR_OPTION_NOT_IMPLEMENTED("options.checkServerIdentity");
}

/** Node's socket over a stream that is none of net's. */
class JSStreamSocket extends Socket {
  constructor(stream) {
    super();
    this.stream = stream;
  }
}

/**
 * The handle of a socket over such a stream, which some packages only make to look at. There is no TLS over one: what would be
 * sent is refused, for it would be sent as it is.
 */
function refusingHandle(stream) {
  const refuse = () => PromiseReject(new ERR_OPTION_NOT_IMPLEMENTED("options.socket"));
  const close = () => PromiseResolve();
  return {
    __proto__: null,
    _parentWrap: new JSStreamSocket(stream),
    reading: false,
    bytesRead: 0,
    bytesWritten: 0,
    socket: { __proto__: null, close },
    reader: { __proto__: null, read: refuse },
    writer: { __proto__: null, write: refuse, close },
  };
}

function TLSSocket(socket, opts) {
  const options = { ...opts };
  checkOptions(options);
  if (socket && !(socket instanceof Duplex)) throw new ERR_INVALID_ARG_TYPE("duplex", "stream.Duplex", socket);
  const isOverStream = socket && !(socket instanceof Socket);
  this._tlsOptions = options;
  this._secureEstablished = false;
  this._securePending = false;
  this._newSessionPending = false;
  this._controlReleased = false;
  this.secureConnecting = true;
  this.servername = options.servername ?? null;
  this.authorized = false;
  this.encrypted = true;
  const { highWaterMark, signal, lookup } = options;
  FunctionPrototypeCall(Socket, this, {
    allowHalfOpen: socket ? socket.allowHalfOpen : options.allowHalfOpen,
    onread: socket ? null : options.onread,
    highWaterMark,
    signal,
    lookup,
  });
  if (isOverStream) {
    this._handle = refusingHandle(socket);
  } else {
    this._parent = socket?._handle ?? null;
    this._parentWrap = socket ?? null;
  }
  if (socket) socket.once("close", () => this.destroy());
  this._init();
}
ObjectSetPrototypeOf(TLSSocket.prototype, Socket.prototype);
ObjectSetPrototypeOf(TLSSocket, Socket);

const methods = {
  disableRenegotiation() {},

  _wrapHandle(_wrap, handle) {
    return handle || null;
  },

  _destroySSL() {
    if (this._handle) PromisePrototypeThen(this._handle.socket.close(), undefined, () => {});
  },

  _init() {
    const { handshakeTimeout } = this._tlsOptions;
    this.on("error", (error) => {
      this._hadError = true;
      this._tlsError(error);
    });
    if (handshakeTimeout > 0) this.setTimeout(handshakeTimeout, () => this._handleTimeout());
  },

  renegotiate(options, callback) {
    validateObject(options, "options");
    if (callback !== undefined) validateFunction(callback, "callback");
    return false;
  },

  exportKeyingMaterial(length, label, context) {
    validateUint32(length, "length", true);
    validateString(label, "label");
    if (context !== undefined) validateBuffer(context, "context");
    throw new Error("exportKeyingMaterial is not implemented");
  },

  setMaxSendFragment(size) {
    validateInt32(size, "size");
    return false;
  },

  _handleTimeout() {
    this._emitTLSError(new ERR_TLS_HANDSHAKE_TIMEOUT());
  },

  _emitTLSError(error) {
    const shown = this._tlsError(error);
    if (shown) this.emit("error", shown);
  },

  _tlsError(error) {
    this.emit("_tlsError", error);
    return this._controlReleased ? error : null;
  },

  _releaseControl() {
    if (this._controlReleased) return false;
    this._controlReleased = true;
    return true;
  },

  _finishInit() {
    if (!this._handle) return;
    this._secureEstablished = true;
    if (this._tlsOptions.handshakeTimeout > 0) this.setTimeout(0);
    this.emit("secure");
  },

  /** Encrypts the connection, its own or the one it was given, when that is open. */
  _start() {
    const source = this._parentWrap ?? this;
    if (source.connecting) {
      source.once("connect", () => this._start());
      return;
    }
    if (source._handle?.socket.secureTransport !== "starttls") return;
    const options = this.servername === null ? undefined : { expectedServerHostname: this.servername };
    this.once("connect", () => this._finishInit());
    upgrade(this, source, options);
  },

  setServername(name) {
    validateString(name, "name");
    this.servername = name;
  },

  setSession() {},
};

/** Texts of errors of what the runtime does not tell. */
const UNKNOWN = {
  __proto__: null,
  getPeerCertificate: "getPeerCertificate is not implemented",
  getCertificate: "TLSSocket.getCertificate is not implemented",
  getPeerX509Certificate: "TLSSocket.getPeerX509Certificate is not implemented",
  getX509Certificate: "TLSSocket.getX509Certificate is not implemented",
  setKeyCert: "TLSSocket.setKeyCert is not implemented",
};
for (const name in UNKNOWN) {
  methods[name] = () => {
    throw new Error(UNKNOWN[name]);
  };
}

const NULLS = [
  "getCipher",
  "getSharedSigalgs",
  "getEphemeralKeyInfo",
  "getFinished",
  "getPeerFinished",
  "getProtocol",
  "getSession",
  "getTLSTicket",
  "isSessionReused",
  "enableTrace",
];
for (let i = 0; i < NULLS.length; i++) methods[NULLS[i]] = () => null;

ObjectAssign(TLSSocket.prototype, methods);
setLengths(TLSSocket.prototype, "_wrapHandle/3 getPeerCertificate/1 getPeerX509Certificate/1 setKeyCert/1 setSession/1");

/** `(options[, callback])`, `(port[, host][, options][, callback])`. */
function normalizeConnect(args) {
  const { 0: options, 1: callback } = _normalizeArgs(args);
  const { 1: second, 2: third } = args;
  if (typeof second === "object" && second !== null) ObjectAssign(options, second);
  else if (typeof third === "object" && third !== null) ObjectAssign(options, third);
  return { __proto__: null, options, callback };
}

function onSecure() {
  this.authorized = true;
  this.secureConnecting = false;
  this.removeListener("end", onEarlyEnd);
  this.emit("secureConnect");
}

const EARLY_END = "Client network socket disconnected before secure TLS connection was established";

function onEarlyEnd() {
  if (this._hadError) return;
  this._hadError = true;
  const { path, host, port, localAddress } = this[kConnectOptions] ?? {};
  this.destroy(ObjectAssign(new ECONNRESET(EARLY_END), { path, host, port, localAddress }));
}

function connect(...args) {
  const { options, callback } = normalizeConnect(args);
  if (options.minDHSize !== undefined) {
    validateNumber(options.minDHSize, "options.minDHSize", 1);
    throw new ERR_OPTION_NOT_IMPLEMENTED("options.minDHSize");
  }
  if (options.pskCallback !== undefined) throw new ERR_OPTION_NOT_IMPLEMENTED("options.pskCallback");
  checkIdentityOption(options);
  if (options.socket && !(options.socket instanceof Socket)) throw new ERR_OPTION_NOT_IMPLEMENTED("options.socket");
  const { allowHalfOpen, ALPNProtocols, enableTrace, highWaterMark, secureContext } = options;
  const { onread, signal, lookup, rejectUnauthorized = true, handshakeTimeout } = options;
  const socket = new TLSSocket(options.socket, {
    allowHalfOpen,
    ALPNProtocols,
    enableTrace,
    highWaterMark,
    secureContext,
    onread,
    signal,
    lookup,
    rejectUnauthorized,
    handshakeTimeout,
  });
  ObjectDefineProperty(socket, kConnectOptions, { __proto__: null, value: options });
  if (options.servername !== undefined) socket.servername = options.servername;
  if (callback) socket.once("secureConnect", callback);
  socket.on("secure", onSecure);
  socket.prependListener("end", onEarlyEnd);
  socket._releaseControl();
  if (options.socket) {
    socket._start();
  } else {
    if (options.timeout) socket.setTimeout(options.timeout);
    socket.once("connect", () => socket._finishInit());
    socket.connect(options);
  }
  return socket;
}

const wrap = { connect, TLSSocket };

ObjectAssign(exports, wrap, { default: wrap });
