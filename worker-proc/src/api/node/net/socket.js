/*
 * `net.Socket`: a duplex over a socket of `cloudflare:sockets`.
 */

// own: socket (a net.Socket)
const {
  ArrayIsArray,
  ArrayPrototypePush,
  Boolean,
  FunctionPrototypeCall,
  MathMin,
  ObjectDefineProperties,
  ObjectSetPrototypeOf,
  PromisePrototypeThen,
  Symbol,
  TypedArrayPrototypeSet,
  TypedArrayPrototypeSubarray,
  Uint8Array,
} = primordials;
const { Buffer } = require("node:buffer");
const { tcpPorts } = require("cloudflare-internal:http");
const {
  AbortError,
  ConnectException,
  ConnectionException,
  EPIPE,
  ERR_INVALID_ARG_TYPE,
  ERR_INVALID_ARG_VALUE,
  ERR_INVALID_IP_ADDRESS,
  ERR_MISSING_ARGS,
  ERR_OPTION_NOT_IMPLEMENTED,
  ERR_SOCKET_CLOSED,
  ERR_SOCKET_CLOSED_BEFORE_CONNECTION,
  ERR_SOCKET_CONNECTING,
  GetAddrInfoException,
} = require("node/common/errors");
const { isUint8Array } = require("node/common/types");
const { setLengths } = require("node/common/unsupported");
const {
  validateAbortSignal,
  validateBoolean,
  validateFunction,
  validateInt32,
  validateNumber,
  validateObject,
  validatePort,
  validateTimerDuration,
} = require("node/common/validators");
const { Duplex } = require("node/streams/duplex");
const { nextTick } = require("node/timers/next_tick");
const { clearTimer, queueMicrotask, startTimer } = require("timers");
const { connect: openSocket, unreachableFor } = require("sockets");
const { ANY_IPV4, ANY_IPV6, _normalizeArgs, bindPort, concreteAddress, familyOf, isIP, kNormalized } =
  require("node/net/address");
const { BoundSocket, kConsume } = require("node/net/bound_socket");

const kTimeout = Symbol("kTimeout");
const kBytesRead = Symbol("kBytesRead");
const kBytesWritten = Symbol("kBytesWritten");
const kPeer = Symbol("kSocketInfo");
const kLocal = Symbol("kBoundSource");
const kReserved = Symbol("kBoundReserved");
const kOnRead = Symbol("kOnRead");
const kUpdateTimer = Symbol("kUpdateTimer");

function checkOptions(options) {
  const modes = ["objectMode", "readableObjectMode", "writableObjectMode"];
  for (let i = 0; i < modes.length; i++) {
    const value = options[modes[i]];
    if (value) throw new ERR_INVALID_ARG_VALUE(`options.${modes[i]}`, value, "is not supported");
  }
  if (options.keepAliveInitialDelay !== undefined) {
    validateNumber(options.keepAliveInitialDelay, "options.keepAliveInitialDelay");
  }
  if (options.fd !== undefined) throw new ERR_OPTION_NOT_IMPLEMENTED("options.fd");
}

function Socket(options) {
  if (!(this instanceof Socket)) return new Socket(options);
  const own = typeof options === "number" ? { fd: options } : { ...options };
  checkOptions(own);
  own.allowHalfOpen = Boolean(own.allowHalfOpen);
  own.emitClose = false;
  own.autoDestroy = true;
  own.decodeStrings = false;
  own.readable = true;
  own.writable = true;
  this._handle = null;
  this.connecting = false;
  this._hadError = false;
  this._parent = null;
  this._parentWrap = null;
  this._host = null;
  this._pendingData = null;
  this._pendingEncoding = "";
  this[kTimeout] = 0;
  this[kBytesRead] = 0;
  this[kBytesWritten] = 0;
  this[kPeer] = null;
  this[kLocal] = null;
  this[kReserved] = false;
  this[kOnRead] = null;
  this.server = null;
  this._server = null;
  this._closeAfterHandlingError = false;
  this.autoSelectFamilyAttemptedAddresses = [];
  FunctionPrototypeCall(Duplex, this, own);
  adopt(this, own);
  this.on("end", onEnd);
  if (own.signal) follow(this, own.signal);
}
ObjectSetPrototypeOf(Socket.prototype, Duplex.prototype);
ObjectSetPrototypeOf(Socket, Duplex);

function adopt(socket, { handle, onread }) {
  if (handle) {
    validateObject(handle, "options.handle");
    if (BoundSocket.isBoundSocket(handle)) {
      socket[kLocal] = handle[kConsume]().address;
      socket[kReserved] = true;
    } else {
      socket._handle = handle;
    }
  }
  const { buffer, callback } = onread ?? {};
  if (typeof callback === "function" && (isUint8Array(buffer) || typeof buffer === "function")) {
    socket[kOnRead] = { __proto__: null, next: typeof buffer === "function" ? buffer : () => buffer, callback };
  }
}

function follow(socket, signal) {
  validateAbortSignal(signal, "options.signal");
  const abort = () => {
    socket._aborted = true;
  };
  if (signal.aborted) queueMicrotask(abort);
  else signal.addEventListener("abort", abort, { once: true });
}

/** The other side has ended: unless the socket may be half open, writing is over too. */
function onEnd() {
  if (!this.allowHalfOpen) this.write = writeAfterEnd;
}

function writeAfterEnd(chunk, encoding, callback) {
  if (!this.writableEnded) return FunctionPrototypeCall(Duplex.prototype.write, this, chunk, encoding, callback);
  const error = new EPIPE();
  const done = typeof encoding === "function" ? encoding : callback;
  if (typeof done === "function") queueMicrotask(() => done(error));
  this.destroy(error);
  return false;
}

// Timeouts.

function clearTimers(from) {
  for (let socket = from; socket != null; socket = socket._parentWrap) {
    if (socket[kTimeout] !== 0) clearTimer(socket[kTimeout]);
    socket[kTimeout] = 0;
  }
}

Socket.prototype._unrefTimer = function _unrefTimer() {
  for (let socket = this; socket != null; socket = socket._parentWrap) {
    if (socket[kTimeout] === 0) continue;
    clearTimer(socket[kTimeout]);
    const timed = socket;
    socket[kTimeout] = startTimer(() => timed._onTimeout(), socket.timeout);
  }
};

Socket.prototype.setTimeout = function (msecs, callback) {
  if (this.destroyed) return this;
  this.timeout = msecs;
  const duration = validateTimerDuration(msecs, "msecs");
  if (this[kTimeout] !== 0) clearTimer(this[kTimeout]);
  this[kTimeout] = duration === 0 ? 0 : startTimer(() => this._onTimeout(), duration);
  if (callback !== undefined) {
    validateFunction(callback, "callback");
    if (duration === 0) this.removeListener("timeout", callback);
    else this.once("timeout", callback);
  }
  return this;
};

Socket.prototype._onTimeout = function () {
  this.emit("timeout");
};

// Addresses.

Socket.prototype._getpeername = function () {
  return this._handle === null || this[kPeer] === null ? {} : { ...this[kPeer] };
};

Socket.prototype._getsockname = function () {
  return this[kLocal] ?? this._parentWrap?._getsockname() ?? {};
};

Socket.prototype.address = function () {
  return this._getsockname();
};

/** What Node says where the connection is lost during a call of the system; any other error is as it is. */
function lostDuring(syscall, error) {
  if (error?.retryable !== true) return error;
  return new ConnectionException(syscall === "write" ? "EPIPE" : "ECONNRESET", syscall);
}

// Writing.

/** The bytes of a chunk. */
function bytesOf(chunk, encoding) {
  if (typeof chunk === "string") return Buffer.from(chunk, encoding);
  if (isUint8Array(chunk)) return chunk;
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}

function bytesOfAll(chunks) {
  const all = [];
  for (let i = 0; i < chunks.length; i++) ArrayPrototypePush(all, bytesOf(chunks[i].chunk, chunks[i].encoding));
  return Buffer.concat(all);
}

Socket.prototype._writeGeneric = function (writev, data, encoding, cb) {
  if (this.connecting) {
    this._pendingData = data;
    this._pendingEncoding = encoding;
    const onClose = () => cb(new ERR_SOCKET_CLOSED_BEFORE_CONNECTION());
    this.once("connect", () => {
      this.off("close", onClose);
      this._writeGeneric(writev, data, encoding, cb);
    });
    this.once("close", onClose);
    return;
  }
  this._pendingData = null;
  this._pendingEncoding = "";
  const handle = this._handle;
  if (handle?.writer === undefined) {
    cb(new ERR_SOCKET_CLOSED());
    return;
  }
  this._unrefTimer();
  const bytes = writev ? bytesOfAll(data) : bytesOf(data, encoding);
  PromisePrototypeThen(
    // The writer may take the memory of what it is given.
    handle.writer.write(new Uint8Array(bytes)),
    () => {
      handle.bytesWritten += bytes.length;
      this._unrefTimer();
      cb();
    },
    (error) => cb(lostDuring("write", error)),
  );
};

Socket.prototype._writev = function (chunks, cb) {
  this._writeGeneric(true, chunks, "", cb);
};

Socket.prototype._write = function (data, encoding, cb) {
  this._writeGeneric(false, data, encoding, cb);
};

Socket.prototype._final = function (cb) {
  if (this.connecting) {
    this.once("connect", () => this._final(cb));
  } else if (this._handle === null) {
    cb();
  } else {
    PromisePrototypeThen(
      this._handle.writer.close(),
      () => cb(),
      (error) => cb(error),
    );
  }
};

Socket.prototype.end = function (data, encoding, cb) {
  FunctionPrototypeCall(Duplex.prototype.end, this, data, encoding, cb);
  return this;
};

// Reading.

Socket.prototype.pause = function () {
  if (this._handle !== null && !this.connecting) this._handle.reading = false;
  return FunctionPrototypeCall(Duplex.prototype.pause, this);
};

Socket.prototype.resume = function () {
  startReading(this);
  return FunctionPrototypeCall(Duplex.prototype.resume, this);
};

Socket.prototype.read = function (n) {
  startReading(this);
  return FunctionPrototypeCall(Duplex.prototype.read, this, n);
};

Socket.prototype._read = function (n) {
  if (this.connecting || this._handle === null) this.once("connect", () => this._read(n));
  else startReading(this);
};

function startReading(socket) {
  const handle = socket._handle;
  if (handle === null || socket.connecting) return;
  handle.reading = true;
  if (!handle.isPulling) pull(socket, handle);
}

async function pull(socket, handle) {
  handle.isPulling = true;
  const isCurrent = () => !socket.destroyed && socket._handle === handle;
  try {
    while (handle.reading && isCurrent()) {
      const chunk = handle.rest ?? (await handle.reader.read()).value;
      handle.rest = undefined;
      if (!isCurrent()) break;
      socket._unrefTimer();
      if (chunk === undefined) {
        socket.push(null);
        FunctionPrototypeCall(Duplex.prototype.read, socket, 0);
        break;
      }
      if (!deliver(socket, handle, chunk)) handle.reading = false;
    }
  } catch (error) {
    if (isCurrent() && !handle.isHandedOver) socket.destroy(lostDuring("read", error));
  } finally {
    handle.isPulling = false;
    handle.reading = false;
  }
}

/** Whether more may follow at once. */
function deliver(socket, handle, chunk) {
  const onread = socket[kOnRead];
  if (onread === null) {
    handle.bytesRead += chunk.length;
    return socket.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
  }
  let rest = chunk;
  while (rest.length > 0) {
    const buffer = onread.next();
    if (!isUint8Array(buffer)) throw new ERR_INVALID_ARG_TYPE("onread.buffer", ["Buffer", "Uint8Array"], buffer);
    if (buffer.length === 0) throw new ERR_INVALID_ARG_VALUE("onread.buffer", buffer, "has no room");
    const size = MathMin(buffer.length, rest.length);
    TypedArrayPrototypeSet(buffer, TypedArrayPrototypeSubarray(rest, 0, size));
    rest = TypedArrayPrototypeSubarray(rest, size);
    handle.bytesRead += size;
    if (onread.callback(size, buffer) === false) {
      if (rest.length > 0) handle.rest = rest;
      return false;
    }
  }
  return true;
}

// The end.

Socket.prototype._reset = function () {
  this.resetAndClosing = true;
  return this.destroy();
};

Socket.prototype.resetAndDestroy = function () {
  if (this._handle === null) this.destroy(new ERR_SOCKET_CLOSED());
  else if (this.connecting) this.once("connect", () => this._reset());
  else this._reset();
  return this;
};

Socket.prototype.destroySoon = function () {
  if (this.writable) this.end();
  if (this.writableFinished) this.destroy();
  else this.once("finish", () => this.destroy());
};

function release(socket) {
  if (socket[kReserved]) tcpPorts.release(socket[kLocal].port);
  socket[kReserved] = false;
  socket[kLocal] = null;
}

Socket.prototype._destroy = function (exception, cb) {
  this.connecting = false;
  clearTimers(this);
  release(this);
  const finish = (error) => {
    if (this._handle !== null) {
      this[kBytesRead] = this._handle.bytesRead;
      this[kBytesWritten] = this._handle.bytesWritten;
      this.resetAndClosing = false;
    }
    this[kPeer] = null;
    cb(error);
    nextTick(() => this.emit("close", error !== null && error !== undefined));
  };
  if (this._handle === null) {
    finish(exception);
    return;
  }
  PromisePrototypeThen(
    this._handle.socket.close(),
    () => finish(exception),
    (error) => finish(exception ?? error),
  );
};

// Connecting.

Socket.prototype.connect = function (...args) {
  const normalized = ArrayIsArray(args[0]) && args[0][kNormalized] ? args[0] : _normalizeArgs(args);
  const { 0: options, 1: callback } = normalized;
  if (this.connecting) throw new ERR_SOCKET_CONNECTING();
  if (this._aborted) {
    if (!callback) throw new AbortError();
    callback(new AbortError());
    return undefined;
  }
  if (callback !== null) this.once("connect", callback);
  if (this._parentWrap?.connecting) return this;
  if (options.port === undefined && options.path == null) throw new ERR_MISSING_ARGS(["options", "port", "path"]);
  if (options.path != null) throw new ERR_INVALID_ARG_VALUE("path", options.path, "is not supported");
  if (this.write !== Socket.prototype.write) this.write = Socket.prototype.write;
  this[kBytesRead] = 0;
  this[kBytesWritten] = 0;
  const old = this._handle;
  if (old === null) {
    begin(this, options);
    return this;
  }
  release(this);
  this._handle = null;
  old.reading = false;
  this.connecting = true;
  const start = () => begin(this, options);
  PromisePrototypeThen(old.socket.close(), start, start);
  return this;
};

function checkTarget(socket, options) {
  const { localAddress, localPort, port, autoSelectFamily, autoSelectFamilyAttemptTimeout, lookup } = options;
  if (socket[kLocal] !== null && (localAddress !== undefined || localPort !== undefined)) {
    const why = "localAddress and localPort cannot be used with an adopted bound socket";
    throw new ERR_INVALID_ARG_VALUE("options", options, why);
  }
  if (localAddress && !isIP(localAddress)) throw new ERR_INVALID_IP_ADDRESS(localAddress);
  if (localPort) validateNumber(localPort, "options.localPort");
  if (typeof port !== "number" && typeof port !== "string") {
    throw new ERR_INVALID_ARG_TYPE("options.port", ["number", "string"], port);
  }
  validatePort(port);
  if (autoSelectFamily != null) validateBoolean(autoSelectFamily, "options.autoSelectFamily");
  if (autoSelectFamilyAttemptTimeout != null) {
    validateInt32(autoSelectFamilyAttemptTimeout, "options.autoSelectFamilyAttemptTimeout", 1);
  }
  if (lookup != null) validateFunction(lookup, "options.lookup");
}

function begin(socket, options) {
  checkTarget(socket, options);
  const { host = "localhost", family, hints, lookup } = options;
  const port = options.port | 0;
  socket._unrefTimer();
  socket.connecting = true;
  const version = isIP(host);
  if (version !== 0 || lookup == null) {
    open(socket, host, port, version, options);
    return;
  }
  lookup(host, { family: family || version, hints }, (error, address, found) => {
    socket.emit("lookup", error, address, found, host);
    if (error) socket.destroy(error);
    else if (isIP(address) === 0) throw new ERR_INVALID_IP_ADDRESS(address);
    else open(socket, address, port, isIP(address), options);
  });
}

/** Takes the local port, if one is asked for. */
function bindLocal(socket, version, { localAddress, localPort }) {
  if (socket[kLocal] === null) {
    const address = localAddress ?? (version === 6 ? ANY_IPV6 : ANY_IPV4);
    const isReserved = localPort != null && localPort !== 0;
    const port = isReserved ? bindPort(address, localPort) : tcpPorts.ephemeral();
    socket[kLocal] = { address, family: familyOf(address), port };
    socket[kReserved] = isReserved;
  }
  socket[kLocal] = concreteAddress(socket[kLocal]);
}

function open(socket, address, port, version, options) {
  const host = version === 6 ? `[${address}]` : `${address}`;
  socket[kPeer] = { address, port, family: version === 0 ? undefined : `IPv${version}` };
  socket.autoSelectFamilyAttemptedAddresses = [`${host}:${port}`];
  socket._host = host;
  const attempt = () => socket.emit("connectionAttempt", host, port, version);
  try {
    // Of a name only what becomes of it shows that there was an attempt.
    if (version !== 0) attempt();
    bindLocal(socket, version, options);
    const secureTransport = socket.encrypted ? "on" : "starttls";
    attach(socket, openSocket(`${host}:${port}`, { allowHalfOpen: true, secureTransport }));
  } catch (error) {
    socket.destroy(error);
    return;
  }
  const handle = socket._handle;
  const succeeded = () => {
    if (version === 0 && !socket.destroyed) attempt();
    opened(socket);
  };
  const failed = (cause) => {
    if (socket.destroyed || socket._handle !== handle) return;
    const error = connectError(handle.socket, address, port) ?? cause;
    if (error instanceof GetAddrInfoException) {
      socket.emit("lookup", error, undefined, undefined, address);
    } else {
      if (version === 0) attempt();
      socket.emit("connectionAttemptFailed", host, port, version, error);
    }
    socket.destroy(error);
  };
  PromisePrototypeThen(handle.socket.opened, succeeded, failed);
}

/** The error of a connection that could not be made, as Node has it; none where nobody knows why. */
function connectError(inner, address, port) {
  const code = unreachableFor(inner);
  if (code === undefined) return undefined;
  const isLookup = code === "ENOTFOUND" || code === "EAI_AGAIN";
  return isLookup ? new GetAddrInfoException(code, address) : new ConnectException(code, address, port);
}

/** Gives a socket what it reads of and writes to. */
function attach(socket, inner) {
  const handle = {
    socket: inner,
    writer: inner.writable.getWriter(),
    reader: inner.readable.getReader(),
    bytesRead: 0,
    bytesWritten: 0,
    reading: false,
    isPulling: false,
    isHandedOver: false,
    rest: undefined,
  };
  socket._handle = handle;
  socket._undestroy();
  PromisePrototypeThen(
    inner.closed,
    () => {
      if (socket._handle === handle && !inner.upgraded) clearTimers(socket);
    },
    (error) => {
      if (socket._handle === handle && !socket.connecting) socket.destroy(error);
    },
  );
}

function opened(socket) {
  if (socket.destroyed) return;
  socket.connecting = false;
  socket._unrefTimer();
  socket.emit("connect");
  socket.emit("ready");
  if (!socket.isPaused()) startReading(socket);
}

/** Makes the connection of one socket that of another, encrypted. */
function upgrade(socket, source, options) {
  const { _handle: old } = source;
  old.isHandedOver = true;
  old.reading = false;
  old.writer.releaseLock();
  old.reader.releaseLock();
  socket[kPeer] = source[kPeer];
  socket[kLocal] = source[kLocal];
  try {
    attach(socket, old.socket.startTls(options));
  } catch (error) {
    socket.destroy(error);
    return;
  }
  PromisePrototypeThen(
    socket._handle.socket.opened,
    () => opened(socket),
    (error) => socket.destroy(error),
  );
}

/** The socket of a connection that has been accepted. */
function accept(inner, options, local, peer) {
  const socket = new Socket(options);
  attach(socket, inner);
  socket[kPeer] = { ...peer };
  socket[kLocal] = local;
  return socket;
}

Socket.prototype.setNoDelay = function () {
  return this;
};
Socket.prototype.setKeepAlive = function () {
  return this;
};
Socket.prototype.ref = () => {};
Socket.prototype.unref = () => {};
setLengths(Socket.prototype, "setKeepAlive/2 setNoDelay/1");

const getter = (get, enumerable = false, configurable = false) => ({ __proto__: null, get, enumerable, configurable });

ObjectDefineProperties(Socket.prototype, {
  __proto__: null,
  _connecting: getter(function () {
    return this.connecting;
  }),
  pending: getter(
    function () {
      return !this._handle || this.connecting;
    },
    false,
    true,
  ),
  readyState: getter(function () {
    if (this.connecting) return "opening";
    if (this.readable) return this.writable ? "open" : "readOnly";
    return this.writable ? "writeOnly" : "closed";
  }),
  bufferSize: getter(function () {
    return this._handle ? this.writableLength : undefined;
  }),
  [kUpdateTimer]: getter(function () {
    return this._unrefTimer;
  }),
  bytesRead: getter(function () {
    return this._handle ? this._handle.bytesRead : this[kBytesRead];
  }, true),
  _bytesDispatched: getter(function () {
    return this._handle ? this._handle.bytesWritten : this[kBytesWritten];
  }, true),
  bytesWritten: getter(function () {
    return this.writableBuffer ? this._bytesDispatched + this.writableLength : undefined;
  }, true),
  remoteAddress: getter(function () {
    return this._getpeername().address;
  }, true),
  remoteFamily: getter(function () {
    return this._getpeername().family;
  }, true),
  remotePort: getter(function () {
    return this._getpeername().port;
  }, true),
  localAddress: getter(function () {
    return this._getsockname().address;
  }, true),
  localPort: getter(function () {
    return this._getsockname().port;
  }, true),
  localFamily: getter(function () {
    return this._getsockname().family;
  }, true),
});

exports.Socket = Socket;
exports.accept = accept;
exports.upgrade = upgrade;
