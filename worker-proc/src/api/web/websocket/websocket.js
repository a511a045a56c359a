/*
 * WebSocket and WebSocketPair (WHATWG WebSockets, with workerd's `accept`). What users see of a socket's state is here; ops
 * queue, send and receive. `fetch/response` hands ends over, `events` dispatches.
 */

const {
  ArrayBufferIsView,
  ArrayBufferPrototypeGetByteLength,
  ArrayIsArray,
  ArrayPrototypeJoin,
  ArrayPrototypePush,
  ObjectDefineProperty,
  PromisePrototypeThen,
  RegExpPrototypeExec,
  SafeSet,
  StringPrototypeIncludes,
  StringPrototypeSlice,
  StringPrototypeToLowerCase,
  TypedArrayPrototypeGetByteLength,
  TypeError,
  Error,
} = primordials;
const {
  argumentError,
  constructorError,
  defineConstants,
  defineInterface,
  illegalInvocation,
  isObject,
  toDOMString,
  toDictionary,
  toInt32,
  toUSVString,
} = require("webidl");
const { Event, EventTarget, dispatch, trust } = require("events");
const { CloseEvent, ErrorEvent, MessageEvent } = require("events/kinds");
const { DOMException } = require("dom_exception");
const { deserialize, serialize } = require("structured_clone");
const { ASYNC, SYNC, logUncaught, messageOf } = require("report_error");
const flags = require("flags");

const MAX_MESSAGE_BYTES = 32 << 20;
const MAX_INCREASED_MESSAGE_BYTES = 128 << 20;
const MAX_ATTACHMENT_BYTES = 16384;
const MAX_REASON_BYTES = 123;
/** A Close message without a code. */
const NO_STATUS = 1005;
const ABNORMAL = 1006;

/* What a socket is good for. */
/** Made by `new WebSocket()`, with no connection yet. */
const CONNECTING = 0;
/** It can be accepted, or returned in a response. */
const WAITING = 1;
const ACCEPTED = 2;
/** Its end belongs to somebody else, or is closed. */
const RELEASED = 3;
/** Accepted by a Durable Object, which it outlives: see hibernation.js. */
const HIBERNATABLE = 4;

const kCreate = { __proto__: null };
let stateOf;
let isWebSocket;

class State {
  phase = WAITING;
  /** The end's number among ops; of a connection that is being made while it is. */
  number;
  url = null;
  protocol = "";
  extensions = "";
  blobs = flags.websocketBinaryTypeDefault;
  allowHalfOpen = !flags.webSocketAutoReplyToClose;
  closedIncoming = false;
  /** `close` was called, or called in the user's place. */
  closedOutgoing = false;
  /** Nothing that is sent can arrive. */
  outgoingAborted = false;
  /** Messages are on their way. */
  pumping = false;
  failed = false;
  error = undefined;
  /** The other end of a pair. */
  peer = null;
  attachment = null;
  /** Of a hibernatable socket: the life of its object. */
  life = 0;
  /** Of a hibernatable socket whose last event has come: its tags, and when a message was last answered for it. */
  tags = undefined;
  answeredAt = null;
}

class WebSocket extends EventTarget {
  #state;

  constructor(url, protocols) {
    super();
    const state = new State();
    if (url === kCreate) {
      state.number = protocols;
      this.#state = state;
      return;
    }
    if (arguments.length < 1) throw constructorError("WebSocket", 1, "string");
    url = toDOMString(url);
    const offered = toProtocols(protocols);
    const target = toTarget(url);
    const protocol = checkProtocols(offered);
    state.phase = CONNECTING;
    state.url = url;
    state.number = ops.prepare();
    this.#state = state;
    connect(this, state, target, protocol);
  }

  static {
    stateOf = (socket) => {
      try {
        return socket.#state;
      } catch {
        throw illegalInvocation();
      }
    };
    isWebSocket = (value) => isObject(value) && #state in value;
  }

  accept(options) {
    const state = stateOf(this);
    const members = toDictionary(options, () => argumentError("WebSocket", "accept", 1, "AcceptOptions"));
    const half = members?.allowHalfOpen;
    if (state.phase === CONNECTING) {
      throw new TypeError("Websockets obtained from the 'new WebSocket()' constructor cannot call accept");
    }
    if (state.phase === RELEASED) throw new TypeError("Can't accept() WebSocket that was already used in a response.");
    if (state.phase === ACCEPTED) return;
    if (state.phase === HIBERNATABLE) throw new TypeError("Can't accept() WebSocket after enabling hibernation.");
    if (half !== undefined) state.allowHalfOpen = !!half;
    accept(this, state);
  }

  send(message) {
    const state = stateOf(this);
    if (arguments.length < 1) throw argumentError("WebSocket", "send", 1, "ArrayBuffer or ArrayBufferView or string");
    if (!isBytes(message)) message = toDOMString(message);
    if (state.closedOutgoing) throw new TypeError("Can't call WebSocket send() after close().");
    if (state.outgoingAborted || state.phase === RELEASED) return;
    if (state.phase === HIBERNATABLE) {
      ops.sendHibernated(state.life, state.number, message);
      return;
    }
    if (state.phase !== ACCEPTED) throw new TypeError(NOT_ACCEPTED);
    pump(this, state, ops.send(state.number, message));
  }

  close(code, reason) {
    const state = stateOf(this);
    if (code !== undefined) code = toInt32(code);
    if (reason !== undefined) reason = toUSVString(reason);
    if (code !== undefined && !isCloseCode(code)) {
      throw new DOMException(`Invalid WebSocket close code: ${code}.`, "InvalidAccessError");
    }
    if (reason !== undefined) {
      if (flags.websocketCloseReasonByteLimit && utf8Length(reason) > MAX_REASON_BYTES) {
        throw new DOMException(
          `WebSocket close reason must not be longer than ${MAX_REASON_BYTES} bytes when UTF-8 encoded.`,
          "SyntaxError",
        );
      }
      if (code === undefined) {
        throw new DOMException(
          "If you specify a WebSocket close reason, you must also specify a code.",
          "InvalidAccessError",
        );
      }
    }
    if (state.phase === CONNECTING) {
      ops.cancel(state.number);
      state.phase = RELEASED;
      return;
    }
    if (state.closedOutgoing || state.outgoingAborted || state.phase === RELEASED) return;
    if (state.phase === HIBERNATABLE) {
      ops.closeHibernated(state.life, state.number, code ?? NO_STATUS, reason ?? "");
      state.closedOutgoing = true;
      return;
    }
    if (state.phase !== ACCEPTED) throw new TypeError(NOT_ACCEPTED);
    if (state.failed) throw state.error;
    close(this, state, code ?? NO_STATUS, reason ?? "");
  }

  serializeAttachment(attachment) {
    const state = stateOf(this);
    if (arguments.length < 1) throw argumentError("WebSocket", "serializeAttachment", 1, "Value");
    const bytes = serialize(attachment);
    const length = TypedArrayPrototypeGetByteLength(bytes);
    if (length > MAX_ATTACHMENT_BYTES) {
      throw new Error(
        `A WebSocket 'attachment' cannot be larger than ${MAX_ATTACHMENT_BYTES} bytes.'attachment' was ${length} bytes.`,
      );
    }
    if (isHibernated(state)) ops.attach(state.life, state.number, bytes);
    else state.attachment = bytes;
  }

  deserializeAttachment() {
    const state = stateOf(this);
    const attachment = isHibernated(state) ? ops.attachment(state.life, state.number) : state.attachment;
    return attachment === null ? null : deserialize(attachment);
  }

  get readyState() {
    const state = stateOf(this);
    if ((state.closedIncoming && state.closedOutgoing) || state.failed) return 3;
    if (state.closedIncoming || state.closedOutgoing) return 2;
    return state.phase === CONNECTING ? 0 : 1;
  }

  get bufferedAmount() {
    const state = stateOf(this);
    if (state.phase === HIBERNATABLE) return ops.hibernatedAmount(state.life, state.number);
    return state.phase === ACCEPTED ? ops.bufferedAmount(state.number) : 0;
  }

  get url() {
    return stateOf(this).url;
  }

  get protocol() {
    return stateOf(this).protocol;
  }

  get extensions() {
    return stateOf(this).extensions;
  }

  get binaryType() {
    return stateOf(this).blobs ? "blob" : "arraybuffer";
  }

  set binaryType(value) {
    const state = stateOf(this);
    value = toDOMString(value);
    if (value === "blob") state.blobs = true;
    else if (value === "arraybuffer") state.blobs = false;
  }
}
defineConstants(WebSocket, {
  __proto__: null,
  READY_STATE_CONNECTING: 0,
  CONNECTING: 0,
  READY_STATE_OPEN: 1,
  OPEN: 1,
  READY_STATE_CLOSING: 2,
  CLOSING: 2,
  READY_STATE_CLOSED: 3,
  CLOSED: 3,
});
defineInterface(WebSocket);

const NOT_ACCEPTED = "You must call one of accept() or state.acceptWebSocket() on this WebSocket before sending messages.";

function isBytes(value) {
  if (ArrayBufferIsView(value)) return true;
  try {
    ArrayBufferPrototypeGetByteLength(value);
    return true;
  } catch {
    return false;
  }
}

function isCloseCode(code) {
  if (flags.pedanticWpt) return code === 1000 || (code >= 3000 && code <= 4999);
  return code >= 1000 && code < 5000 && code !== 1004 && code !== 1005 && code !== 1006 && code !== 1015;
}

const utf8Length = (text) => TypedArrayPrototypeGetByteLength(require("encoding").encodeUtf8(text));

// The constructor.

const syntaxError = (message) => new DOMException(`WebSocket Constructor: ${message}`, "SyntaxError");

/** The protocols argument as a string, a list of strings, or undefined. */
function toProtocols(value) {
  if (value === undefined || value === null) return undefined;
  if (!ArrayIsArray(value)) return toDOMString(value);
  const list = [];
  for (let i = 0; i < value.length; i++) ArrayPrototypePush(list, toDOMString(value[i]));
  return list;
}

const SCHEME = /^([a-z][a-z0-9+.-]*):\/\//i;

/** The URL to ask by HTTP. */
function toTarget(url) {
  const found = RegExpPrototypeExec(SCHEME, url);
  if (found === null) throw syntaxError("The url is invalid.");
  const scheme = StringPrototypeToLowerCase(found[1]);
  if (scheme !== "ws" && scheme !== "wss") throw syntaxError("The url scheme must be ws or wss.");
  if (StringPrototypeIncludes(url, "#")) throw syntaxError("The url fragment must be empty.");
  const target = `${scheme === "ws" ? "http" : "https"}${StringPrototypeSlice(url, scheme.length)}`;
  const href = require("url/href").parseHref(target);
  if (href === undefined) throw syntaxError("The url is invalid.");
  return href;
}

const TOKEN = /^[!#$%&'*+\-.^_`|~\w"]+$/;

/** The header's value, or undefined. */
function checkProtocols(protocols) {
  if (protocols === undefined) return undefined;
  if (typeof protocols === "string") {
    if (RegExpPrototypeExec(TOKEN, protocols) === null) throw syntaxError("The protocol header token is invalid.");
    return protocols;
  }
  if (protocols.length === 0) return undefined;
  const seen = new SafeSet();
  for (let i = 0; i < protocols.length; i++) {
    if (RegExpPrototypeExec(TOKEN, protocols[i]) === null)
      throw syntaxError("One of the protocol header tokens is invalid.");
    if (seen.has(protocols[i])) throw syntaxError("The protocols header cannot have repeating values.");
    seen.add(protocols[i]);
  }
  return ArrayPrototypeJoin(protocols, ", ");
}

const { NUMBER, PROTOCOL, EXTENSIONS } = ops.Opened;
const { CODE, REASON } = ops.Closed;

function connect(socket, state, target, protocol) {
  const extensions = flags.webSocketCompression ? "permessage-deflate" : undefined;
  PromisePrototypeThen(
    ops.connect(state.number, target, protocol, extensions),
    (opened) => {
      state.number = opened[NUMBER];
      state.protocol = opened[PROTOCOL];
      state.extensions = opened[EXTENSIONS];
      accept(socket, state);
      fire(socket, state, new Event("open"));
    },
    (error) => {
      state.closedIncoming = true;
      report(socket, state, error);
      fire(socket, state, closeEvent(ABNORMAL, "Failed to establish websocket connection", false));
      state.phase = RELEASED;
    },
  );
}

// Receiving.

function accept(socket, state) {
  state.phase = ACCEPTED;
  // A socket whose other end is in the same event lives with it alone.
  const released = state.peer !== null && stateOf(state.peer).phase === RELEASED;
  if (state.peer === null || released) ops.hold(state.number, released);
  receive(socket, state);
}

/** Dispatches messages as they come, one a turn, until the connection is lost. */
function receive(socket, state) {
  const limit = flags.increaseWebsocketMessageSize ? MAX_INCREASED_MESSAGE_BYTES : MAX_MESSAGE_BYTES;
  const next = () => PromisePrototypeThen(ops.receive(state.number, limit), onMessage, onError);
  const onMessage = (message) => {
    try {
      if (message === null) lose(socket, state);
      else deliver(socket, state, message);
    } catch (error) {
      logUncaught(SYNC, error);
      onError(error);
      return;
    }
    if (message !== null && state.phase === ACCEPTED) next();
  };
  const onError = (error) => {
    state.closedIncoming = true;
    report(socket, state, error);
    tryRelease(state);
  };
  next();
}

function deliver(socket, state, message) {
  if (typeof message === "string") {
    dispatch(socket, messageEvent(message));
  } else if (!ArrayIsArray(message)) {
    const data = state.blobs ? require("blob").blobFromBytes(new primordials.Uint8Array(message), "") : message;
    dispatch(socket, messageEvent(data));
  } else {
    const { [CODE]: code, [REASON]: reason } = message;
    state.closedIncoming = true;
    if (!state.allowHalfOpen && !state.closedOutgoing && !state.outgoingAborted) close(socket, state, code, reason);
    dispatch(socket, closeEvent(code, reason, true));
    tryRelease(state);
  }
}

/** The other end went away. */
function lose(socket, state) {
  state.outgoingAborted = true;
  if (!state.closedIncoming) {
    dispatch(socket, closeEvent(ABNORMAL, "WebSocket disconnected without sending Close frame.", false));
    state.closedIncoming = true;
  }
  tryRelease(state);
}

function messageEvent(data) {
  const event = trust(new MessageEvent("message", { __proto__: null, data }));
  ObjectDefineProperty(event, "origin", { __proto__: null, value: null });
  return event;
}

const closeEvent = (code, reason, wasClean) => trust(new CloseEvent("close", { __proto__: null, code, reason, wasClean }));

/** Dispatches where a listener that throws has nobody to tell. */
function fire(socket, state, event) {
  try {
    dispatch(socket, trust(event));
  } catch (error) {
    logUncaught(SYNC, error);
    report(socket, state, error);
  }
}

/** The first error is an event, and the last thing that happens. */
function report(socket, state, error) {
  if (state.failed) return;
  state.failed = true;
  state.error = error;
  state.outgoingAborted = true;
  const message = messageOf(error);
  try {
    dispatch(socket, trust(new ErrorEvent("error", { __proto__: null, message, error })));
  } catch (thrown) {
    logUncaught(SYNC, thrown);
  }
}

// Sending.

/** `sending` is the promise of a queue that has begun to move, if it has. */
function pump(socket, state, sending) {
  if (sending === undefined) return;
  state.pumping = true;
  PromisePrototypeThen(
    sending,
    () => {
      state.pumping = false;
      if (state.closedIncoming) tryRelease(state);
    },
    (error) => {
      state.pumping = false;
      state.outgoingAborted = true;
      // Who knows that the other end is gone needs no more news of it.
      if (!state.closedIncoming) report(socket, state, error);
      else tryRelease(state);
    },
  );
}

function close(socket, state, code, reason) {
  const sending = ops.close(state.number, code, reason);
  state.closedOutgoing = true;
  pump(socket, state, sending);
  if (state.closedIncoming && !state.pumping) PromisePrototypeThen(primordials.PromiseResolve(), () => tryRelease(state));
}

/** Lets go of an end that is closed both ways. */
function tryRelease(state) {
  const done = state.closedIncoming && (state.closedOutgoing || state.outgoingAborted);
  if (!done || state.pumping || state.phase !== ACCEPTED) return;
  state.phase = RELEASED;
  ops.letGo(state.number);
}

// Pairs.

class WebSocketPair {
  constructor() {
    const numbers = ops.pair();
    const first = new WebSocket(kCreate, numbers[0]);
    const second = new WebSocket(kCreate, numbers[1]);
    stateOf(first).peer = second;
    stateOf(second).peer = first;
    defineField(this, "0", first);
    defineField(this, "1", second);
  }

  *[primordials.SymbolIterator]() {
    yield this[0];
    yield this[1];
  }
}
defineInterface(WebSocketPair);

function defineField(object, key, value) {
  ObjectDefineProperty(object, key, { __proto__: null, value, writable: false, enumerable: true, configurable: true });
}

// Responses.

/** A socket over an end that came with a response. */
const socketOver = (number) => new WebSocket(kCreate, number);

/**
 * The number of the end, for a response that it goes out with. A socket that cannot be returned leaves its caller with an
 * end that is lost; the log has the reason.
 */
function returnSocket(socket) {
  const state = stateOf(socket);
  const refusal = {
    __proto__: null,
    [CONNECTING]: "Can't return WebSocket in a Response if it was created with `new WebSocket()`",
    [ACCEPTED]: "Can't return WebSocket in a Response after calling accept().",
    [RELEASED]: "Can't return WebSocket that was already used in a response.",
    [HIBERNATABLE]: "Can't return WebSocket in a Response after calling acceptWebSocket().",
  }[state.phase];
  if (refusal !== undefined) {
    logUncaught(ASYNC, new TypeError(refusal));
    return ops.deadEnd();
  }
  state.phase = RELEASED;
  const { peer } = state;
  // Somebody else is at the other end now, for as long as they like.
  if (peer !== null && stateOf(peer).phase === ACCEPTED) ops.hold(stateOf(peer).number, true);
  return state.number;
}

/**
 * What a response says of compression: the most that the client may get. `asked` is what the client offers; a response's
 * own header is left as it is.
 */
function extensionsOf(socket, asked) {
  if (!flags.webSocketCompression) return null;
  const state = stateOf(socket);
  const preferred = state.phase === WAITING ? ops.preferredExtensions(state.number) : null;
  if (preferred === null) return asked;
  return preferred === "" ? null : preferred;
}

// Hibernation.

/** Whether what belongs to the socket is kept by its object. */
const isHibernated = (state) => state.phase === HIBERNATABLE && state.tags === undefined;

/** A waiting end is its object's from now on. */
function hibernate(state, life) {
  state.phase = HIBERNATABLE;
  state.life = life;
  if (state.attachment !== null) ops.attach(life, state.number, state.attachment);
  state.attachment = null;
}

/** A hibernated socket in a new life of its object. */
function wake(life, number) {
  const socket = new WebSocket(kCreate, number);
  const state = stateOf(socket);
  state.phase = HIBERNATABLE;
  state.life = life;
  state.closedOutgoing = ops.isClosing(life, number);
  return socket;
}

/** The last event of a hibernatable socket is there: the object keeps nothing for it any more. */
function detach(state) {
  const tags = ops.tagsOf(state.life, state.number);
  state.attachment = ops.attachment(state.life, state.number);
  state.answeredAt = ops.answeredAt(state.life, state.number);
  state.tags = tags ?? [];
  state.closedIncoming = true;
}

exports.WebSocket = WebSocket;
exports.detach = detach;
exports.hibernate = hibernate;
exports.isHibernated = isHibernated;
exports.phases = { __proto__: null, WAITING, ACCEPTED, HIBERNATABLE };
exports.stateOf = stateOf;
exports.wake = wake;
exports.extensionsOf = extensionsOf;
exports.isWebSocket = isWebSocket;
/** The response that was to give it away is refused: nobody will ever be at this end, and the other one learns it. */
function dropSocket(socket) {
  const state = stateOf(socket);
  if (state.phase !== WAITING) return;
  state.phase = RELEASED;
  ops.letGo(state.number);
}

exports.dropSocket = dropSocket;
exports.returnSocket = returnSocket;
exports.socketOver = socketOver;
exports.globals = { WebSocket, WebSocketPair };
