/* Spans of the worker's own: `tracing` of `cloudflare:workers`, and `ctx.tracing`. Where nobody would see a span it does
   nothing. */
// own: spans() (a module)
const {
  ArrayPrototypeUnshift,
  ObjectKeys,
  ReflectApply,
  StringPrototypeRepeat,
  StringPrototypeSlice,
  TypeError,
  TypedArrayPrototypeGetByteLength,
  globalThis,
} = primordials;
const { told } = require("trace");
const { argumentError, defineInterface, illegalConstructor, illegalInvocation, isObject, toDOMString } = require("webidl");

/* Compiled for workers that open spans. */
const spans = () => require("trace/spans");

const { TRACE, SPAN } = ops.Ids;

const inside = { __proto__: null };

const MAX_NAME_CHARS = 64;
/** What a span's attributes may add up to. */
const MAX_SPAN_BYTES = 64 * 1024;
/** What a name is cut to in a warning. */
const MAX_SHOWN_NAME_CHARS = 64;
const NO_CONTEXT = { __proto__: null, traceId: StringPrototypeRepeat("0", 32), spanId: StringPrototypeRepeat("0", 16) };

const utf8Length = (text) => TypedArrayPrototypeGetByteLength(require("encoding").encodeUtf8(text));
const cut = (name) => (name.length > MAX_NAME_CHARS ? StringPrototypeSlice(name, 0, MAX_NAME_CHARS) : name);

let makeSpan, handleOf;

class Span {
  /** The ops' span; undefined for one that nobody sees. */
  #handle;
  #bytes = 0;

  constructor(token, handle) {
    if (token !== inside) throw illegalConstructor();
    this.#handle = handle;
  }

  static {
    makeSpan = (handle) => new Span(inside, handle);
    handleOf = (span) => (isObject(span) && #handle in span ? { __proto__: null, handle: span.#handle } : undefined);
  }

  get isTraced() {
    if (!(#handle in this)) throw illegalInvocation();
    return isOpen(this.#handle);
  }

  spanContext() {
    if (!(#handle in this)) throw illegalInvocation();
    const ids = this.#handle === undefined ? undefined : ops.spanIds(this.#handle);
    const { traceId, spanId } = ids === undefined ? NO_CONTEXT : { __proto__: null, traceId: ids[TRACE], spanId: ids[SPAN] };
    return { traceId, spanId, traceFlags: 0 };
  }

  setAttribute(key, value = undefined) {
    if (!(#handle in this)) throw illegalInvocation();
    if (arguments.length === 0) throw argumentError("Span", "setAttribute", 1, "string");
    this.#set(toDOMString(key), toValue(value));
    return this;
  }

  setAttributes(attributes) {
    if (!(#handle in this)) throw illegalInvocation();
    if (!isObject(attributes)) throw argumentError("Span", "setAttributes", 1, "object");
    const keys = ObjectKeys(attributes);
    for (let i = 0; i < keys.length; i++) this.#set(keys[i], toValue(attributes[keys[i]]));
    return this;
  }

  #set(key, value) {
    const handle = this.#handle;
    if (value === undefined || this.#bytes > MAX_SPAN_BYTES || !isOpen(handle)) return;
    const size = typeof value === "string" ? utf8Length(value) : 8;
    this.#bytes += utf8Length(key) + size;
    if (this.#bytes <= MAX_SPAN_BYTES) {
      spans().set(handle, [key, value]);
      return;
    }
    const shown =
      key.length > MAX_SHOWN_NAME_CHARS
        ? `"${StringPrototypeSlice(key, 0, MAX_SHOWN_NAME_CHARS)}..." (key length ${key.length})`
        : `"${key}"`;
    spans().set(handle, [
      "cloudflare.warning.type",
      "span_data_limit_exceeded",
      "cloudflare.warning.message",
      `exceeded span data limit while trying to record attribute ${shown} of size ${size}`,
    ]);
  }

  recordException(exception, time = undefined) {
    if (!(#handle in this)) throw illegalInvocation();
    if (arguments.length === 0) throw argumentError("Span", "recordException", 1, "Value");
    const parts = partsOf(exception);
    if (parts !== undefined && isOpen(this.#handle)) ops.spanException(this.#handle, parts[0], parts[1]);
  }

  updateName(name) {
    if (!(#handle in this)) throw illegalInvocation();
    if (arguments.length === 0) throw argumentError("Span", "updateName", 1, "string");
    const text = cut(toDOMString(name));
    if (isOpen(this.#handle)) ops.renameSpan(this.#handle, text);
    return this;
  }

  setStatus(status) {
    if (!(#handle in this)) throw illegalInvocation();
    if (!isObject(status)) throw argumentError("Span", "setStatus", 1, "TracingSpanStatus");
    const { code, message } = status;
    const text = code === undefined ? undefined : `${code}`;
    const told = message === undefined ? undefined : `${message}`;
    if (text !== "unset" && text !== "ok" && text !== "error") {
      throw new TypeError("Span status code must be 'unset', 'ok', or 'error'.");
    }
    // Only an error has anything to say.
    if (isOpen(this.#handle)) ops.setSpanStatus(this.#handle, text, text === "error" ? told : undefined);
    return this;
  }

  end() {
    if (!(#handle in this)) throw illegalInvocation();
    if (this.#handle !== undefined) spans().close(this.#handle);
  }
}
defineInterface(Span);

const isOpen = (handle) => handle !== undefined && spans().isOpen(handle);

/** An attribute's value: a boolean, a number, or anything else as a string. */
function toValue(value) {
  if (value === undefined || typeof value === "boolean" || typeof value === "number") return value;
  // As a number first: it throws for these.
  if (typeof value === "bigint") throw new TypeError("Cannot convert a BigInt value to a number");
  return `${value}`;
}

/** An exception as `[[name, message, stack], code]`; undefined where it says nothing. */
function partsOf(exception) {
  if (typeof exception === "string") return [told("", exception, undefined), undefined];
  if (!isObject(exception)) return undefined;
  const text = (value) => (value === undefined ? undefined : `${value}`);
  const { code } = exception;
  const message = text(exception.message);
  const name = text(exception.name);
  const stack = text(exception.stack);
  if (name === undefined && message === undefined) return undefined;
  return [told(name ?? "", message ?? "", stack), typeof code === "number" || code === undefined ? code : `${code}`];
}

/** A new span below the one that code runs in. */
const open = (name) => makeSpan(ops.isTraced() ? ops.openSpan(spans().current(), cut(name), true) : undefined);

/** The arguments of a method that opens a span and calls back. */
function checkCall(method, count, name, callback) {
  if (count === 0) throw argumentError("Tracing", method, 1, "string");
  const text = toDOMString(name);
  if (typeof callback !== "function") throw argumentError("Tracing", method, 2, "Function");
  return text;
}

/** Calls back in a span. */
function callIn(span, callback, args) {
  const { handle } = handleOf(span);
  const call = () => ReflectApply(callback, globalThis, args);
  return handle === undefined ? call() : spans().within(handle, call, span);
}

let isTracing;

class Tracing {
  #brand;

  constructor(token) {
    if (token !== inside) throw illegalConstructor();
  }

  static {
    isTracing = (value) => isObject(value) && #brand in value;
  }

  enterSpan(name, callback, ...args) {
    if (!isTracing(this)) throw illegalInvocation();
    const span = open(checkCall("enterSpan", arguments.length, name, callback));
    const { handle } = handleOf(span);
    ArrayPrototypeUnshift(args, span);
    const call = () => callIn(span, callback, args);
    return handle === undefined ? call() : spans().closeAfter(handle, call);
  }

  startActiveSpan(name, callback, ...args) {
    if (!isTracing(this)) throw illegalInvocation();
    const span = open(checkCall("startActiveSpan", arguments.length, name, callback));
    ArrayPrototypeUnshift(args, span);
    return callIn(span, callback, args);
  }

  startSpan(name) {
    if (!isTracing(this)) throw illegalInvocation();
    if (arguments.length === 0) throw argumentError("Tracing", "startSpan", 1, "string");
    return open(toDOMString(name));
  }

  getActiveSpan() {
    if (!isTracing(this)) throw illegalInvocation();
    if (!ops.inEvent()) return undefined;
    return (ops.isTraced() ? spans().shown(makeSpan) : undefined) ?? rootOf();
  }

  withActiveSpan(span, callback, ...args) {
    if (!isTracing(this)) throw illegalInvocation();
    if (handleOf(span) === undefined) throw argumentError("Tracing", "withActiveSpan", 1, "Span");
    if (typeof callback !== "function") throw argumentError("Tracing", "withActiveSpan", 2, "Function");
    return callIn(span, callback, args);
  }
}
Tracing.prototype.Span = Span;
defineInterface(Tracing);

/** The running event's own span, as always the same object while the event lasts. */
let root;
let rootEvent;
function rootOf() {
  const event = ops.eventKey();
  if (root === undefined || rootEvent !== event) {
    root = makeSpan(ops.rootSpan());
    rootEvent = event;
  }
  return root;
}

const createTracing = () => new Tracing(inside);
const tracing = createTracing();

exports.createTracing = createTracing;
/** That of the modules. */
exports.tracing = tracing;
