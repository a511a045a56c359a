/* EventSource: events of a URL, which is fetched again when its stream ends, or of a ReadableStream of bytes. Relies on
 * `fetch` and on `streams` for their moving; the lines are parsed as HTML section 9.2.6 has it.
 */
const {
  ArrayPrototypePush,
  Error,
  MathMax,
  MathMin,
  ObjectDefineProperty,
  PromisePrototypeThen,
  RegExpPrototypeExec,
  RegExpPrototypeSymbolSplit,
  StringPrototypeCharCodeAt,
  StringPrototypeIndexOf,
  StringPrototypeSlice,
  SymbolDispose,
  TypedArrayPrototypeSubarray,
  TypeError,
} = primordials;
const {
  argumentError,
  constructorError,
  defineConstants,
  defineInterface,
  fieldError,
  isObject,
  illegalInvocation,
  toDOMString,
  toDictionary,
} = require("webidl");
const { abortSignal, createSignal } = require("abort");
const { DOMException } = require("dom_exception");
const { decodeUtf8, decodeUtf8KeepingBom, joinBytes } = require("encoding");
const { Event, EventTarget, dispatch, trust } = require("events");
const { ErrorEvent, MessageEvent } = require("events/kinds");
const { GLOBAL_OUTBOUND, fetchThrough } = require("fetch");
const { originOf, parseHref } = require("url/href");
const { redirectedTo, responseBody, responseHead, responseHeaders } = require("fetch/response");
const { getHeader } = require("headers");
const rpc = require("rpc");
const { logUncaught } = require("report_error");
const { isDisturbed, isLocked, isReadableStream, pumpTo } = require("streams");
const { clearTimer, startTimer } = require("timers");

const CONNECTING = 0;
const OPEN = 1;
const CLOSED = 2;

/* Milliseconds before the next try, as on workerd. */
const RETRY_MS = 2000;
const LEAST_RETRY_MS = 1000;
const MOST_RETRY_MS = 10000;

const EVENT_STREAM = /^[\t\n\r ]*text\/event-stream[\t\n\r ]*(?:;|$)/i;
const LINE_END = /\r\n|\r|\n/;
const NUMBER = /^[0-9]{1,10}$/;
const LF = 10;
const CR = 13;

const OUTSIDE = "An EventSource can only be created within the context of a worker request.";

/** Cuts bytes into lines, and gathers events from them for `told(type, data, id)`. */
class Parser {
  constructor(source) {
    this.source = source;
    this.isFirst = true;
    this.isAfterCr = false;
    /** Of a line whose end has not come. */
    this.kept = [];
    this.data = null;
    this.type = "message";
  }

  write(bytes) {
    const { length } = bytes;
    const from = this.isAfterCr && bytes[0] === LF ? 1 : 0;
    let end = length;
    while (end > from && bytes[end - 1] !== LF && bytes[end - 1] !== CR) end--;
    this.isAfterCr = length > from && bytes[length - 1] === CR;
    if (end > from) {
      const lines = RegExpPrototypeSymbolSplit(LINE_END, this.text(TypedArrayPrototypeSubarray(bytes, from, end)));
      // The last one is what follows the last end.
      for (let i = 0; i < lines.length - 1; i++) this.line(lines[i]);
    }
    if (end < length) ArrayPrototypePush(this.kept, TypedArrayPrototypeSubarray(bytes, end));
  }

  text(bytes) {
    const { kept } = this;
    ArrayPrototypePush(kept, bytes);
    this.kept = [];
    const decode = this.isFirst ? decodeUtf8 : decodeUtf8KeepingBom;
    this.isFirst = false;
    return decode(kept.length === 1 ? bytes : joinBytes(kept));
  }

  line(line) {
    if (line === "") {
      this.end();
      return;
    }
    const colon = StringPrototypeIndexOf(line, ":");
    if (colon === 0) return;
    const name = colon < 0 ? line : StringPrototypeSlice(line, 0, colon);
    let value = colon < 0 ? "" : StringPrototypeSlice(line, colon + 1);
    if (StringPrototypeCharCodeAt(value, 0) === 32) value = StringPrototypeSlice(value, 1);
    if (name === "data") this.data = this.data === null ? value : `${this.data}\n${value}`;
    else if (name === "event") this.type = value;
    else if (name === "id") this.source.lastEventId = value;
    else if (name === "retry" && RegExpPrototypeExec(NUMBER, value) !== null) {
      this.source.retryMs = MathMax(MathMin(+value, MOST_RETRY_MS), LEAST_RETRY_MS);
    }
  }

  end() {
    const { data, type } = this;
    this.data = null;
    this.type = "message";
    if (data !== null && data !== "") this.source.tell(type, data);
  }

  close() {}

  abort() {}
}

/** What an EventSource is behind its face. `href` is null where it has a stream. */
class Source {
  constructor(target, href, channel) {
    this.target = target;
    this.href = href;
    this.channel = channel;
    this.state = CONNECTING;
    this.signal = createSignal();
    this.lastEventId = "";
    this.retryMs = RETRY_MS;
    this.retry = undefined;
    this.hadNoBody = false;
    this.handlers = { __proto__: null, open: null, message: null, error: null };
  }

  start() {
    if (this.state === CLOSED) return;
    const headers = { __proto__: null, accept: "text/event-stream", "cache-control": "no-cache" };
    if (this.lastEventId !== "") headers["last-event-id"] = this.lastEventId;
    const init = { __proto__: null, headers, signal: this.signal };
    const received = PromisePrototypeThen(fetchThrough(this.channel, this.href, init), (response) => this.receive(response));
    PromisePrototypeThen(received, undefined, (error) => this.fail(error));
  }

  receive(response) {
    if (this.state === CLOSED) return;
    const { status } = responseHead(response);
    if (status < 200 || status > 299) return this.refuse(`The response status code was ${status}.`);
    const type = getHeader(responseHeaders(response), "content-type");
    if (type === null) return this.refuse("No content type header was present in the response.");
    if (RegExpPrototypeExec(EVENT_STREAM, type) === null) return this.refuse(`The content type '${type}' is invalid.`);
    this.href = redirectedTo(response) ?? this.href;
    const body = responseBody(response);
    if (body !== null) return this.run(body);
    if (this.hadNoBody) return this.fail(new Error("The server provided no content."));
    this.hadNoBody = true;
    this.lose(new Error("The server provided no content. Will try reconnecting."));
  }

  refuse(message) {
    this.fail(new DOMException(message, "AbortError"));
  }

  /** Reads events from an unlocked stream. */
  run(stream) {
    this.state = OPEN;
    dispatch(this.target, trust(new Event("open")));
    const ended = pumpTo(stream, new Parser(this), this.signal);
    PromisePrototypeThen(
      ended,
      () => {
        const error = new Error("The server disconnected.");
        if (this.href === null) this.fail(error);
        else this.lose(error);
      },
      (error) => this.fail(error),
    );
  }

  tell(type, data) {
    if (this.state === CLOSED) return;
    const origin = this.href === null ? "" : originOf(this.href);
    const init = { __proto__: null, data, lastEventId: this.lastEventId, origin };
    dispatch(this.target, trust(new MessageEvent(type, init)));
  }

  /** The connection has ended; another is made in a while. */
  lose(error) {
    this.fail(error, CONNECTING);
    if (this.state !== CONNECTING) return;
    this.signal = createSignal();
    this.retry = startTimer(() => this.start(), this.retryMs);
  }

  fail(error, state = CLOSED) {
    if (this.state === CLOSED) return;
    this.state = state;
    abortSignal(this.signal, error);
    dispatch(this.target, trust(new ErrorEvent("error", { __proto__: null, error })));
    logUncaught("Uncaught (async)", error);
  }

  close() {
    if (this.state === CLOSED) return;
    this.state = CLOSED;
    if (this.retry !== undefined) clearTimer(this.retry);
    abortSignal(this.signal, undefined);
  }
}

const inside = { __proto__: null };
let stateOf;

function requireRequest() {
  if (!ops.inEvent()) throw new DOMException(OUTSIDE, "NotSupportedError");
}

/** The channel of `init.fetcher`, or the global outbound's. */
function channelOf(init) {
  const members = toDictionary(init, () => constructorError("EventSource", 2, "EventSourceInit"));
  const { withCredentials, fetcher } = members ?? { __proto__: null };
  const state = fetcher === undefined ? undefined : isObject(fetcher) ? rpc.stateOf(fetcher) : null;
  if (state !== undefined && state?.kind !== rpc.SERVICE) throw fieldError("EventSourceInit", "fetcher", "Fetcher");
  requireRequest();
  if (withCredentials) {
    throw new DOMException(
      "The init.withCredentials option is not supported. It must be false or undefined.",
      "NotSupportedError",
    );
  }
  return state === undefined ? GLOBAL_OUTBOUND : state.channel;
}

class EventSource extends EventTarget {
  #state;

  constructor(url, init = undefined) {
    super();
    if (url === inside) {
      this.#state = new Source(this, null, undefined);
      return;
    }
    if (arguments.length === 0) throw constructorError("EventSource", 1, "string");
    const text = toDOMString(url);
    const channel = channelOf(init);
    const href = parseHref(text);
    if (href === undefined)
      throw new DOMException(`Cannot open an EventSource to '${text}'. The URL is invalid.`, "SyntaxError");
    this.#state = new Source(this, href, channel);
    this.#state.start();
  }

  static {
    stateOf = (source) => {
      if (!isObject(source) || !(#state in source)) throw illegalInvocation();
      return source.#state;
    };
  }

  static from(stream) {
    if (!isReadableStream(stream)) throw argumentError("EventSource", "from", 1, "ReadableStream");
    requireRequest();
    if (isLocked(stream)) throw new TypeError("This ReadableStream is locked.");
    if (isDisturbed(stream)) throw new TypeError("This ReadableStream has already been read from.");
    const source = new EventSource(inside);
    stateOf(source).run(stream);
    return source;
  }

  close() {
    stateOf(this).close();
  }

  get url() {
    return stateOf(this).href ?? "";
  }

  get withCredentials() {
    stateOf(this);
    return false;
  }

  get readyState() {
    return stateOf(this).state;
  }

  get onopen() {
    return stateOf(this).handlers.open;
  }
  set onopen(handler) {
    setHandler(this, "open", handler);
  }

  get onmessage() {
    return stateOf(this).handlers.message;
  }
  set onmessage(handler) {
    setHandler(this, "message", handler);
  }

  get onerror() {
    return stateOf(this).handlers.error;
  }
  set onerror(handler) {
    setHandler(this, "error", handler);
  }
}

function setHandler(source, type, handler) {
  stateOf(source).handlers[type] = isObject(handler) ? handler : null;
}

defineConstants(EventSource, { __proto__: null, CONNECTING, OPEN, CLOSED });
defineInterface(EventSource);
ObjectDefineProperty(EventSource.prototype, SymbolDispose, {
  __proto__: null,
  value: EventSource.prototype.close,
  writable: true,
  enumerable: false,
  configurable: true,
});

exports.globals = { EventSource };
