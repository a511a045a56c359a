/* Spans of the running event: opaque objects of the ops. The one that code runs in goes along with it as async context does. */
const {
  ArrayBufferIsView,
  ArrayPrototypeJoin,
  BigInt,
  ObjectDefineProperty,
  PromisePrototypeThen,
  ReflectApply,
  StringPrototypeToLowerCase,
  TypedArrayPrototypeGetByteLength,
} = primordials;
const context = require("async_context");
const { kind, Kind } = require("console/introspect");

const SPAN = { __proto__: null };

/** The span that code runs in; undefined stands for the event's own. */
const current = () => context.valueOf(SPAN, undefined)?.span;

/** The same as the worker sees it, made by `make` where it has not yet. */
exports.shown = (make) => {
  const entry = context.valueOf(SPAN, undefined);
  return entry === undefined ? undefined : (entry.shown ??= make(entry.span));
};

/** Runs a function in a span. `shown` is what the worker knows it by, if it does. */
function within(span, call, shown = undefined) {
  const entry = { __proto__: null, span, shown };
  return context.runIn(context.withValue(context.current(), SPAN, entry), call, undefined, []);
}

const openBelow = (parent, name) => ops.openSpan(parent, name, false);
const close = (span) => ops.closeSpan(span);

function set(span, attributes) {
  for (let i = 0; i < attributes.length; i += 2) {
    if (attributes[i + 1] !== undefined) ops.setAttribute(span, attributes[i], attributes[i + 1]);
  }
}

/** Closes a span when a call has ended: once its promise settles if it returns one. */
function closeAfter(span, call) {
  let result;
  try {
    result = call();
  } catch (error) {
    close(span);
    throw error;
  }
  if (kind(result) !== Kind.Promise) {
    close(span);
    return result;
  }
  return PromisePrototypeThen(
    result,
    (value) => {
      close(span);
      return value;
    },
    (error) => {
      close(span);
      throw error;
    },
  );
}

// Operations of objects that are instrumented.

/** The span of the one that runs now. */
let noted;

exports.note = (attributes) => {
  if (noted !== undefined) set(noted, attributes);
};

/** Runs an operation in a span, which code that it calls does not run in. */
function measure(name, call) {
  const span = openBelow(current(), name);
  if (span === undefined) return call();
  return closeAfter(span, () => {
    const before = noted;
    noted = span;
    try {
      return call();
    } finally {
      noted = before;
    }
  });
}

exports.instrument = (prototype, prefix, names) => {
  for (let i = 0; i < names.length; i++) {
    const name = names[i];
    const method = prototype[name];
    const { [name]: value } = {
      [name](...args) {
        return measure(`${prefix}${name}`, () => ReflectApply(method, this, args));
      },
    };
    ObjectDefineProperty(prototype, name, { __proto__: null, value, writable: true, enumerable: false, configurable: true });
  }
};

// Calls of services.

/** The span that calls on a service are below: a Durable Object's stub has one for all of them. */
function below(target) {
  if (target?.object === undefined) return current();
  if (target.span === undefined || !ops.isOpen(target.span)) {
    target.span = openBelow(current(), "durable_object_subrequest");
    if (target.span !== undefined) set(target.span, ["objectId", target.object]);
  }
  return target.span;
}

exports.open = (target, name) => openBelow(below(target), name);

/** Headers that a subrequest's span tells, and as what. */
const TOLD = [
  "user-agent",
  "user_agent.original",
  "content-type",
  "http.request.header.content-type",
  "content-length",
  "http.request.header.content-length",
  "accept",
  "http.request.header.accept",
  "accept-encoding",
  "http.request.header.accept-encoding",
];

function header(flat, name) {
  for (let i = 0; i < flat.length; i += 2) if (StringPrototypeToLowerCase(flat[i]) === name) return flat[i + 1];
  return undefined;
}

function sizeOf(body) {
  if (typeof body === "string") return BigInt(TypedArrayPrototypeGetByteLength(require("encoding").encodeUtf8(body)));
  return ArrayBufferIsView(body) ? BigInt(body.byteLength) : undefined;
}

exports.openFetch = (target, method, url, headers, body) => {
  const span = openBelow(below(target), "fetch");
  if (span === undefined) return undefined;
  set(span, [
    "network.protocol.name",
    "http",
    "network.protocol.version",
    "HTTP/1.1",
    "http.request.method",
    method,
    "url.full",
    url,
  ]);
  for (let i = 0; i < TOLD.length; i += 2) set(span, [TOLD[i + 1], header(headers, TOLD[i])]);
  set(span, ["http.request.body.size", sizeOf(body)]);
  return span;
};

exports.answered = (span, status, headers, length, webSocket) => {
  if (webSocket === 0) {
    set(span, [
      "http.response.status_code",
      BigInt(status),
      "http.response.body.size",
      length >= 0 ? BigInt(length) : undefined,
      "cloudflare.ray_id",
      header(headers, "cf-ray"),
    ]);
  }
  close(span);
};

/** An RPC session's span, and below it the call's: the latter is returned. */
exports.openCall = (target, path, isCall) => {
  const session = openBelow(below(target), "jsRpcSession");
  if (session === undefined) return undefined;
  const span = openBelow(session, "jsRpcCall");
  if (span === undefined) return undefined;
  set(span, [
    "jsrpc.target_kind",
    "fetcher",
    "jsrpc.operation",
    isCall ? "call" : "getProperty",
    "jsrpc.method",
    ArrayPrototypeJoin(path, "."),
  ]);
  return { __proto__: null, session, span };
};

/** Serves an RPC event's call: see `trace`. */
exports.serve = (path, isCall, call) => {
  const method = ArrayPrototypeJoin(path, ".");
  const span = openBelow(undefined, "jsRpcCall");
  ops.rpcMethod(method);
  if (span === undefined) return call(undefined);
  set(span, [
    "jsrpc.method",
    method,
    "jsrpc.target_kind",
    "entrypoint",
    "jsrpc.operation",
    isCall ? "call" : "getProperty",
    "jsrpc.caller_span_id",
    ops.caller(),
  ]);
  return within(span, () => call(() => close(span)));
};

exports.close = close;
exports.closeAfter = closeAfter;
exports.current = current;
exports.isOpen = (span) => ops.isOpen(span);
exports.openBelow = openBelow;
exports.set = set;
exports.within = within;
