/* `cloudflare:sockets`: Socket, `connect()`, and the sockets that `connect(socket)` handlers are given.
 *
 * Rust opens connections and encrypts them; streams/duplex has the streams. Compiled for workers that use any.
 */
const {
  Error,
  MathTrunc,
  Number,
  NumberIsFinite,
  PromisePrototypeThen,
  ReflectDeleteProperty,
  RegExpPrototypeExec,
  StringPrototypeSlice,
  StringPrototypeStartsWith,
  TypeError,
} = primordials;
const flags = require("flags");
const {
  NOT_AN_INTEGER,
  NEGATIVE_BIGINT,
  argumentError,
  defineInterface,
  illegalConstructor,
  illegalInvocation,
  isObject,
  toDictionary,
  toUSVString,
  toUint16,
} = require("webidl");
const { Deferred, markHandled } = require("streams/common");
const { joinDuplex, openDuplex } = require("streams/duplex");
const { openFlow } = require("sockets/datagrams");
const { GLOBAL_OUTBOUND } = require("fetch");
const { addressParts } = require("url");
const { openers } = require("sockets/overrides");
const { dataCloneError } = require("structured_clone");

const inside = { __proto__: null };

/* How a connection stands. */
const PENDING = 0;
const OPENED = 1;
const FAILED = 2;

const { BODY, SLOT } = ops.Input;
const { OFF, STARTTLS, ON } = ops.Transport;
/** What `secureTransport` may be, by the number that the op takes. */
const TRANSPORTS = [];
TRANSPORTS[OFF] = "off";
TRANSPORTS[STARTTLS] = "starttls";
TRANSPORTS[ON] = "on";

let stateOf;
let isSocket;

class Socket {
  #state;

  constructor(token, state) {
    if (token !== inside) throw illegalConstructor();
    this.#state = state;
  }

  static {
    isSocket = (value) => isObject(value) && #state in value;
    stateOf = (socket) => {
      if (!isSocket(socket)) throw illegalInvocation();
      return socket.#state;
    };
  }

  get readable() {
    return stateOf(this).duplex.readable;
  }

  get writable() {
    return stateOf(this).duplex.writable;
  }

  get closed() {
    return stateOf(this).closed.promise;
  }

  get opened() {
    return stateOf(this).opened.promise;
  }

  get upgraded() {
    return stateOf(this).upgraded;
  }

  get secureTransport() {
    return TRANSPORTS[stateOf(this).transport];
  }

  get protocol() {
    return stateOf(this).protocol;
  }

  close() {
    return close(stateOf(this));
  }

  startTls(options = undefined) {
    return startTls(stateOf(this), options);
  }
}
defineInterface(Socket);
if (!flags.workerdExperimental) ReflectDeleteProperty(Socket.prototype, "protocol");

// Sockets.

/** What a socket is, with what its user chose; `own` has the duplex and the addresses. */
function makeState(own) {
  const state = {
    __proto__: null,
    duplex: undefined,
    status: PENDING,
    opened: new Deferred(),
    closed: new Deferred(),
    isOver: false,
    remoteAddress: undefined,
    localAddress: undefined,
    protocol: "tcp",
    transport: OFF,
    host: undefined,
    isFetchPort: false,
    allowHalfOpen: false,
    highWaterMark: undefined,
    upgraded: false,
    isClosing: false,
    starter: 0,
    hasReceived: false,
    hasSent: false,
    isDone: false,
    unreachable: undefined,
    ...own,
  };
  markHandled(state.opened.promise);
  markHandled(state.closed.promise);
  PromisePrototypeThen(
    state.duplex.received,
    () => receivedAll(state),
    () => {},
  );
  return state;
}

function opened(state) {
  const { localAddress, remoteAddress } = state;
  const info = {};
  if (remoteAddress !== undefined || flags.fastJsgStruct) info.remoteAddress = remoteAddress;
  if (localAddress !== undefined || flags.fastJsgStruct) info.localAddress = localAddress;
  state.status = OPENED;
  state.opened.resolve(info);
}

function over(state) {
  state.isOver = true;
  state.closed.resolve(undefined);
}

/** The other side has said all: unless the user wants to go on, that is the end. */
function receivedAll(state) {
  if (state.isClosing || state.isDone) return;
  if (state.allowHalfOpen || state.duplex.isWritten) {
    state.hasReceived = true;
    if (state.hasSent) over(state);
    return;
  }
  PromisePrototypeThen(state.duplex.closeWriting(), () => over(state), state.closed.reject);
}

/** `left` tells how the other side has read what was sent. */
function watchSending(state, left) {
  PromisePrototypeThen(
    left,
    () => {
      state.hasSent = true;
      if (state.hasReceived) over(state);
    },
    // It has gone.
    () => over(state),
  );
}

/** The streams end here. */
function finish(state) {
  state.isDone = true;
  state.duplex.end(new TypeError("This socket has been closed."));
  over(state);
}

function failed(state, error) {
  state.isDone = true;
  state.status = FAILED;
  state.closed.reject(error);
  state.opened.reject(error);
  state.duplex.end(error);
}

/** The name of the errno that kept a socket from being connected, if one did and it is known. */
const unreachableFor = (socket) => stateOf(socket).unreachable;

function close(state) {
  if (state.isClosing) return PromisePrototypeThen(state.closed.promise, () => undefined);
  state.isClosing = true;
  const { duplex } = state;
  duplex.beginEnd();
  const flush = () => (duplex.isWritten ? undefined : duplex.flush());
  const settled = PromisePrototypeThen(state.opened.promise, flush);
  return PromisePrototypeThen(
    PromisePrototypeThen(settled, () => finish(state)),
    undefined,
    (error) => {
      duplex.end(error);
      state.closed.reject(error);
    },
  );
}

const NOT_STARTTLS = "The `secureTransport` socket option must be set to 'starttls' for startTls to be used.";
const NO_HOST = "startTls has already been called on this socket, or the socket was transferred over RPC.";

function startTls(state, options) {
  if (state.transport === ON) throw new TypeError("Cannot startTls on a TLS socket.");
  if (state.isOver) throw new TypeError("The connection was closed before startTls could be started.");
  if (state.transport !== STARTTLS) throw new TypeError(NOT_STARTTLS);
  if (state.host === undefined) throw new TypeError(NO_HOST);
  const members = toDictionary(options, () => argumentError("Socket", "startTls", 1, "TlsOptions"));
  const expected = members?.expectedServerHostname;
  const { [BODY]: input, [SLOT]: slot } = ops.openInput();
  const { duplex, left, output } = openDuplex(input, state.highWaterMark);
  const secured = makeState({ __proto__: null, ...chosen(state), duplex, transport: ON });
  watchSending(secured, left);
  const host = expected === undefined ? state.host : toUSVString(expected);
  state.host = undefined;
  const upgrade = () => {
    const { starter } = state;
    const handshake = starter === 0 ? undefined : ops.startTls(starter, host, output, slot);
    state.upgraded = true;
    // The end of what was sent is what the handshake waits for.
    finish(state);
    if (starter === 0) throw new Error("startTls() is not supported on this connection.");
    return handshake;
  };
  const flushed = PromisePrototypeThen(state.opened.promise, () => state.duplex.flush());
  PromisePrototypeThen(
    PromisePrototypeThen(flushed, upgrade),
    () => opened(secured),
    (error) => failed(secured, error),
  );
  return new Socket(inside, secured);
}

/** What a socket goes on having when it is encrypted. */
const chosen = ({ remoteAddress, localAddress, host, isFetchPort, allowHalfOpen, highWaterMark }) => ({
  __proto__: null,
  remoteAddress,
  localAddress,
  host,
  isFetchPort,
  allowHalfOpen,
  highWaterMark,
});

// Connecting.

const NO_ADDRESS = "Cannot initialize N7workerd3api13SocketAddressE with required members from an undefined or null value.";
const NO_OPTIONS = "Cannot initialize N7workerd3api13SocketOptionsE with required members from an undefined or null value.";
const BAD_ADDRESS = "Specified address is empty string, contains unsupported characters or is too long.";
const ADDRESS = /^[-._[\]:A-Za-z0-9]{1,255}$/;
const FETCH_PORTS = { __proto__: null, 80: true, 443: true };

/** `host:port` and its parts, of text or of { hostname, port }. */
function parseAddress(address) {
  if (address === undefined || address === null) throw new TypeError(NO_ADDRESS);
  let host;
  let port;
  let authority;
  if (isObject(address)) {
    host = toUSVString(address.hostname);
    port = toUint16(address.port);
    authority = `${host}:${port}`;
  } else {
    authority = toUSVString(address);
    const parts = addressParts(authority);
    if (parts === null) throw new TypeError("Specified address could not be parsed.");
    host = parts[0];
    port = parts[1];
    if (host === "") throw new TypeError("Specified address is missing hostname.");
    if (port === "") throw new TypeError("Specified address is missing port.");
  }
  if (RegExpPrototypeExec(ADDRESS, authority) === null) throw new TypeError(BAD_ADDRESS);
  return { __proto__: null, authority, host, isFetchPort: FETCH_PORTS[port] === true };
}

function parseOptions(options, bad) {
  const parsed = { __proto__: null, transport: OFF, allowHalfOpen: false, highWaterMark: undefined };
  if (options === undefined) return parsed;
  if (options === null) throw new TypeError(NO_OPTIONS);
  if (!isObject(options)) throw bad();
  const { secureTransport } = options;
  parsed.allowHalfOpen = !!options.allowHalfOpen;
  const { highWaterMark } = options;
  if (highWaterMark !== undefined) parsed.highWaterMark = toCount(highWaterMark);
  if (secureTransport !== undefined) {
    const name = toUSVString(secureTransport);
    parsed.transport = -1;
    for (let i = 0; i < TRANSPORTS.length; i++) if (TRANSPORTS[i] === name) parsed.transport = i;
    if (parsed.transport < 0) throw new TypeError(`Unsupported value in secureTransport socket option: ${name}`);
  }
  return parsed;
}

function toCount(value) {
  const number = Number(value);
  if (!NumberIsFinite(number)) throw new TypeError(NOT_AN_INTEGER);
  if (number < 0) {
    throw new TypeError(NEGATIVE_BIGINT);
  }
  return MathTrunc(number);
}

/** A socket to an address, through a channel. `badOptions` makes the error of options that are none. */
const connectThrough = (channel, address, options, badOptions) =>
  open(channel, parseAddress(address), parseOptions(options, badOptions), refused);

/** A socket to a host and port that a binding has made up. `why` makes the error of a connection that fails. */
const connectTo = (channel, host, port, why) =>
  open(channel, { __proto__: null, authority: `${host}:${port}`, host, isFetchPort: false }, parseOptions(undefined), why);

/** A socket to a parsed address. */
function open(channel, address, { transport, allowHalfOpen, highWaterMark }, why) {
  const { authority, host, isFetchPort } = address;
  const { [BODY]: input, [SLOT]: slot } = ops.openInput();
  const { duplex, left, output } = openDuplex(input, highWaterMark);
  const state = makeState({
    __proto__: null,
    duplex,
    remoteAddress: authority,
    transport,
    host,
    isFetchPort,
    allowHalfOpen,
    highWaterMark,
  });
  watchSending(state, left);
  PromisePrototypeThen(
    ops.connect(channel, authority, transport, output, slot),
    (starter) => {
      state.starter = starter;
      opened(state);
    },
    (error) => {
      state.unreachable = ops.unreachableFor(error);
      failed(state, why(address));
    },
  );
  return new Socket(inside, state);
}

const REFUSED = "proxy request failed, cannot connect to the specified address";
const TRY_FETCH =
  ". It looks like you might be trying to connect to a HTTP-based service \u2014 consider using fetch instead";

const refused = ({ isFetchPort }) => new Error(isFetchPort ? `${REFUSED}${TRY_FETCH}` : REFUSED);

const badOptions = () => argumentError("SocketsModule", "connect", 2, "SocketOptions");

const { connect } = {
  connect(address, options) {
    const parsed = parseAddress(address);
    const opener = openers[parsed.authority];
    if (opener !== undefined) return opener();
    return open(GLOBAL_OUTBOUND, parsed, parseOptions(options, badOptions), refused);
  },
};

// Being connected to.

/** Stands before the address of a UDP socket. */
const DATAGRAMS = "udp://";

/**
 * The socket of a `connect(socket)` handler, the number of the body that its caller receives, and `end(error)`: after that
 * the handler's event is over, and the connection with it.
 */
function accept(input, authority, remoteAddress) {
  const isFlow = StringPrototypeStartsWith(authority, DATAGRAMS);
  if (isFlow && !flags.workerdExperimental) throw new Error("UDP ingress requires the experimental flag.");
  const starter = isFlow ? 0 : ops.starterOf(input);
  const { duplex, left, output } = isFlow ? openFlow(input) : openDuplex(input);
  const state = makeState({
    __proto__: null,
    duplex,
    starter,
    transport: starter === 0 ? OFF : STARTTLS,
    // The client knows whom it has connected to.
    host: starter === 0 ? undefined : "",
    protocol: isFlow ? "udp" : "tcp",
    localAddress: isFlow ? StringPrototypeSlice(authority, DATAGRAMS.length) : authority,
    remoteAddress,
    // It ends when the handler does: until then it may answer one who has ended.
    allowHalfOpen: true,
  });
  watchSending(state, left);
  opened(state);
  const end = (error) => {
    state.isDone = true;
    duplex.fail(error);
    state.closed.reject(error);
  };
  return { __proto__: null, socket: new Socket(inside, state), output, end };
}

/** Passes a connection on to the global outbound: a promise of the number of the body that the caller receives. */
function passOn(input, authority) {
  const { [BODY]: output, [SLOT]: slot } = ops.openInput();
  return PromisePrototypeThen(ops.connect(GLOBAL_OUTBOUND, authority, OFF, input, slot), () => output);
}

// RPC.

const NOT_OPENED =
  "A Socket can only be serialized after it has opened. Await `socket.opened` before transferring the socket over RPC.";

const { dropWriter } = require("rpc/transfer");
const { socket: transferable } = require("sockets/transfer");

transferable.is = (value) => isSocket(value);

transferable.write = (socket) => {
  const state = stateOf(socket);
  if (state.status === PENDING) throw dataCloneError(NOT_OPENED);
  if (state.protocol !== "tcp") throw dataCloneError("A Socket of datagrams cannot be serialized.");
  if (state.status === FAILED) throw dataCloneError("A Socket whose connection failed cannot be serialized.");
  const { remoteAddress, localAddress, transport, isFetchPort, allowHalfOpen, duplex } = state;
  return [remoteAddress, localAddress, transport, isFetchPort, allowHalfOpen, duplex.readable, duplex.writable];
};

transferable.read = ({
  0: remoteAddress,
  1: localAddress,
  2: transport,
  3: isFetchPort,
  4: allowHalfOpen,
  5: readable,
  6: writable,
}) => {
  const duplex = joinDuplex(readable, writable, dropWriter);
  const state = makeState({ __proto__: null, duplex, remoteAddress, localAddress, transport, isFetchPort, allowHalfOpen });
  opened(state);
  return new Socket(inside, state);
};

exports.accept = accept;
exports.connectThrough = connectThrough;
exports.connectTo = connectTo;
exports.passOn = passOn;
exports.connect = connect;
exports.unreachableFor = unreachableFor;
