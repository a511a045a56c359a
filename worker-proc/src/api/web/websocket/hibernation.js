/*
 * Hibernatable WebSockets: what `ctx` of a Durable Object does with them, and their events. A socket is shown by a JavaScript
 * object for as long as the object's life lasts; what outlives it is in Rust, under the socket's number.
 */
// own: sockets, seen() (a SafeMap)
const {
  ArrayIsArray,
  ArrayPrototypePush,
  ArrayPrototypeReverse,
  ArrayPrototypeSlice,
  Date,
  Error,
  RangeError,
  ReflectApply,
  SafeMap,
  SafeSet,
  TypeError,
  TypedArrayPrototypeGetByteLength,
} = primordials;
const {
  argumentError,
  constructorError,
  defineInterface,
  illegalInvocation,
  isObject,
  toDOMString,
  toUint32,
} = require("webidl");
const { detach, hibernate, isHibernated, isWebSocket, phases, stateOf, wake } = require("websocket");

const MAX_TAGS = 10;
const MAX_TAG_BYTES = 256;
const MAX_AUTO_RESPONSE_BYTES = 2048;
/** Seven days. */
const MAX_EVENT_TIMEOUT_MS = 604_800_000;

const utf8Length = (text) => TypedArrayPrototypeGetByteLength(require("encoding").encodeUtf8(text));

let isPair, requestOf, responseOf;

/** A text message, and what is answered to it in the object's place. */
class WebSocketRequestResponsePair {
  #request;
  #response;

  constructor(request, response) {
    if (arguments.length < 1) throw constructorError("WebSocketRequestResponsePair", 1, "string");
    request = toDOMString(request);
    if (arguments.length < 2) throw constructorError("WebSocketRequestResponsePair", 2, "string");
    this.#request = request;
    this.#response = toDOMString(response);
  }

  static {
    isPair = (value) => isObject(value) && #request in value;
    requestOf = (pair) => pair.#request;
    responseOf = (pair) => pair.#response;
  }

  get request() {
    if (!isPair(this)) throw illegalInvocation();
    return this.#request;
  }

  get response() {
    if (!isPair(this)) throw illegalInvocation();
    return this.#response;
  }
}
defineInterface(WebSocketRequestResponsePair);

const wrongArgument = (method, index, type) => argumentError("DurableObjectState", method, index, type);

function socketArgument(method, value) {
  if (!isWebSocket(value)) throw wrongArgument(method, 1, "WebSocket");
  return stateOf(value);
}

/** The sockets of this life that JavaScript has seen, by number. */
function seen(holder) {
  holder.sockets ??= new SafeMap();
  return holder.sockets;
}

/** The socket of a number, as always the same object. */
function socketOf(holder, number) {
  const sockets = seen(holder);
  let socket = sockets.get(number);
  if (socket === undefined) {
    socket = wake(holder.life, number);
    sockets.set(number, socket);
  }
  return socket;
}

/** Tags with none twice. */
function distinct(tags) {
  const found = new SafeSet();
  const list = [];
  for (let i = 0; i < tags.length; i++) {
    if (list.length >= MAX_TAGS) throw new Error(`a Hibernatable WebSocket cannot have more than ${MAX_TAGS} tags`);
    const tag = tags[i];
    if (utf8Length(tag) > MAX_TAG_BYTES) {
      throw new Error(`"${tag}" is longer than the max tag length (${MAX_TAG_BYTES} characters).`);
    }
    if (found.has(tag)) continue;
    found.add(tag);
    ArrayPrototypePush(list, tag);
  }
  return list;
}

const isAccepted = (state) => state.phase === phases.ACCEPTED || state.phase === phases.HIBERNATABLE;

function acceptWebSocket(holder, socket, tags) {
  const state = socketArgument("acceptWebSocket", socket);
  const list = [];
  if (tags !== undefined) {
    if (!ArrayIsArray(tags)) throw wrongArgument("acceptWebSocket", 2, "Array");
    for (let i = 0; i < tags.length; i++) ArrayPrototypePush(list, toDOMString(tags[i]));
  }
  if (isAccepted(state)) {
    throw new Error("Cannot call `acceptWebSocket()` if the WebSocket was already accepted via `accept()`");
  }
  if (state.peer === null || stateOf(state.peer).phase !== phases.WAITING) {
    throw new Error(
      "Cannot call `acceptWebSocket()` on this WebSocket because its pair has already been accepted or used in a Response.",
    );
  }
  const found = distinct(list);
  if (state.phase !== phases.WAITING) {
    throw new TypeError("Tried to make an api::WebSocket hibernatable when it was in an incompatible state.");
  }
  const { number } = state;
  ops.hibernate(number, found);
  hibernate(state, holder.life);
  seen(holder).set(number, socket);
}

function getWebSockets(holder, tag) {
  const all = tag === undefined;
  const numbers = ops.hibernated(all ? undefined : toDOMString(tag));
  // The newest comes first among all, and last among those with a tag, as on workerd.
  if (all) ArrayPrototypeReverse(numbers);
  for (let i = 0; i < numbers.length; i++) numbers[i] = socketOf(holder, numbers[i]);
  return numbers;
}

function getTags(socket) {
  const state = socketArgument("getTags", socket);
  if (!isAccepted(state)) {
    throw new Error("you must call 'acceptWebSocket()' before attempting to access the tags of a WebSocket.");
  }
  if (state.phase !== phases.HIBERNATABLE) throw new Error("only hibernatable websockets can have tags.");
  return isHibernated(state) ? (ops.tagsOf(state.life, state.number) ?? []) : ArrayPrototypeSlice(state.tags);
}

function checkSize(name, text) {
  const size = utf8Length(text);
  if (size <= MAX_AUTO_RESPONSE_BYTES) return;
  const article = name === "Request" ? "request" : "response";
  throw new RangeError(
    `${name} cannot be larger than ${MAX_AUTO_RESPONSE_BYTES} bytes. A ${article} of size ${size} was provided.`,
  );
}

function setWebSocketAutoResponse(pair) {
  if (pair === undefined) {
    ops.setAutoResponse();
    return;
  }
  if (!isPair(pair)) throw wrongArgument("setWebSocketAutoResponse", 1, "WebSocketRequestResponsePair");
  checkSize("Request", requestOf(pair));
  checkSize("Response", responseOf(pair));
  ops.setAutoResponse(requestOf(pair), responseOf(pair));
}

const { REQUEST, RESPONSE } = ops.Pair;

function getWebSocketAutoResponse() {
  const pair = ops.autoResponse();
  return pair === null ? null : new WebSocketRequestResponsePair(pair[REQUEST], pair[RESPONSE]);
}

function getWebSocketAutoResponseTimestamp(socket) {
  const state = socketArgument("getWebSocketAutoResponseTimestamp", socket);
  const at = isHibernated(state) ? ops.answeredAt(state.life, state.number) : state.answeredAt;
  return at === null ? null : new Date(at);
}

function setHibernatableWebSocketEventTimeout(millis) {
  const timeout = millis === undefined || millis === null ? 0 : toUint32(millis);
  if (timeout > MAX_EVENT_TIMEOUT_MS) throw new Error(`Event timeout should not exceed ${MAX_EVENT_TIMEOUT_MS} ms.`);
  ops.setEventTimeout(timeout);
}

/**
 * What the handler of that name gives for an event of the socket of that number: `webSocketMessage` a message,
 * `webSocketClose` a code, a reason and whether it was clean, `webSocketError` an error. An object need not have a handler.
 */
function deliver(holder, number, name, what, reason, wasClean) {
  const socket = socketOf(holder, number);
  const state = stateOf(socket);
  if (name !== "webSocketMessage") {
    detach(state);
    // Whoever broke the protocol was told, and hears no more.
    if (name === "webSocketError") state.outgoingAborted = true;
    seen(holder).delete(number);
  }
  const { instance } = holder;
  const handler = instance[name];
  if (typeof handler !== "function") return undefined;
  return ReflectApply(handler, instance, name === "webSocketClose" ? [socket, what, reason, wasClean] : [socket, what]);
}

exports.acceptWebSocket = acceptWebSocket;
exports.deliver = deliver;
exports.getHibernatableWebSocketEventTimeout = () => ops.eventTimeout();
exports.getTags = getTags;
exports.getWebSocketAutoResponse = getWebSocketAutoResponse;
exports.getWebSocketAutoResponseTimestamp = getWebSocketAutoResponseTimestamp;
exports.getWebSockets = getWebSockets;
exports.setHibernatableWebSocketEventTimeout = setHibernatableWebSocketEventTimeout;
exports.setWebSocketAutoResponse = setWebSocketAutoResponse;
exports.globals = { WebSocketRequestResponsePair };
