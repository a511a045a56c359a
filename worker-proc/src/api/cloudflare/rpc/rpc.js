/* The caller's side of RPC: stubs, the promises that calls return, and their properties, all of them callable and with a
   property of every name. Service bindings (Fetcher, LoopbackServiceStub) are the roots from which sessions start.
   rpc/serve answers; rpc/transfer says what may be sent. */
const {
  ArrayPrototypePush,
  ArrayPrototypeReverse,
  Error,
  FunctionPrototypeBind,
  FunctionPrototypeCall,
  ObjectDefineProperty,
  ObjectGetPrototypeOf,
  ObjectPrototype,
  ObjectSetPrototypeOf,
  PromisePrototypeCatch,
  PromisePrototypeFinally,
  PromisePrototypeThen,
  PromiseReject,
  Proxy,
  ReflectApply,
  ReflectGet,
  ReflectHas,
  SymbolDispose,
  SymbolToStringTag,
  TypeError,
} = primordials;
const flags = require("flags");
const {
  argumentError,
  constructorError,
  defineInterface,
  fieldError,
  illegalConstructor,
  illegalInvocation,
  isObject,
  toDictionary,
} = require("webidl");
const { fetchThrough } = require("fetch");
const { setFetchers } = require("fetch/request");
const { Reader, Writer, read, write, writeProps } = require("rpc/externals");
const { isPlain } = require("structured_clone/prepare");
const { asyncFailure } = require("streams/common");
const errors = require("rpc/errors");
const trace = require("trace");

/* What a state is of. */
const STUB = 0;
const PROMISE = 1;
const PROPERTY = 2;
const SERVICE = 3;
/* Not for calls: what actors/namespace and worker_loader make. */
const NAMESPACE = 4;
const CLASS = 5;
const LOADER = 6;
const LOADED = 7;

/* How a promise stands. */
const PENDING = 0;
const RESOLVED = 1;
const DISPOSED = 2;

const { GET, CALL, CALL_WITH, EVENT } = ops.CallKind;
const { ANSWER, PIPELINE } = ops.Started;
const { IS_OK, BYTES, EXTERNALS, HAS_DISPOSER } = ops.Success;

/** The deepest chain of properties, as in workerd. */
const MAX_PROPERTY_DEPTH = 64;

const OTHER_REQUEST = (type) =>
  "Cannot perform I/O on behalf of a different request. I/O objects (such as streams, request/response bodies, and others) " +
  "created in the context of one request handler cannot be accessed from a different request's handler. This is a limitation " +
  `of Cloudflare Workers which allows us to improve overall performance. (I/O type: ${type})`;

const inside = { __proto__: null };

/** `sockets` says how a stub connects. */
let connectThrough;

let stateOf;

/** Puts a private state on an object of any kind. */
class Stamp extends function (object) {
  return object;
} {
  #state;

  constructor(object, state) {
    super(object);
    this.#state = state;
  }

  static {
    stateOf = (object) => (isObject(object) && #state in object ? object.#state : undefined);
  }
}

// The objects of users.

/** A function object of a class: calling it is `call`. It has no property of its own. */
function makeCallable(state, prototype, call) {
  // Bound, so that its source is no one's to read.
  const callable = FunctionPrototypeBind(call, undefined, state);
  delete callable.name;
  delete callable.length;
  ObjectSetPrototypeOf(callable, prototype);
  new Stamp(callable, state);
  return callable;
}

const callState = (state, ...args) => makePromise(start(state, "", args));
const callProperty = (state, ...args) => makePromise(start(state.parent, state.name, args));

const makeStub = (number, ofCaller = false) => {
  const state = { __proto__: null, kind: STUB, number, ofCaller };
  state.object = makeCallable(state, RpcStub.prototype, callState);
  return state;
};

/** A stub that is a binding: each call opens it for the event that runs. */
const makeBoundStub = (channel) => {
  const state = { __proto__: null, kind: STUB, number: 0, channel };
  state.object = makeCallable(state, RpcStub.prototype, callState);
  return state;
};

const makeProperty = (parent, name, depth) =>
  makeCallable({ __proto__: null, kind: PROPERTY, parent, name, depth }, RpcProperty.prototype, callProperty);

const makePromise = (state) => makeCallable(state, RpcPromise.prototype, callState);

/** What stands behind the classes below: an object that has every property that no object has. */
const wildcard = new Proxy(ObjectPrototype, {
  __proto__: null,
  get: (target, key, receiver) => {
    if (typeof key === "symbol" || ReflectHas(target, key)) return ReflectGet(target, key, receiver);
    const state = stateOf(receiver);
    return state === undefined || !isOpen(state, key) ? undefined : propertyOf(state, key);
  },
  has: (target, key) => ReflectHas(target, key) || (typeof key === "string" && key !== "then"),
});

/** Whether a name leads to the other side. What has a `then` would be taken for a promise; `toJSON` is asked of every object. */
function isOpen(state, key) {
  if (key === "then" || key === "toJSON") return false;
  return state.kind !== SERVICE || state.isInner || flags.fetcherRpc || flags.workerdExperimental;
}

function propertyOf(state, name) {
  const depth = state.kind === PROPERTY ? state.depth : -1;
  if (depth >= MAX_PROPERTY_DEPTH) {
    throw new TypeError(`RPC pipelined property path is too deep (max ${MAX_PROPERTY_DEPTH}).`);
  }
  return makeProperty(state, name, depth + 1);
}

function own(object, kind) {
  const state = stateOf(object);
  if (state === undefined || state.kind !== kind) throw illegalInvocation();
  return state;
}

class RpcStub {
  constructor(object) {
    if (!isObject(object)) throw constructorError("JsRpcStub", 1, "Object");
    const allowInstance = stubType(object);
    if (allowInstance === undefined) {
      throw new TypeError("RpcStubs can only wrap plain objects, functions, and RpcTarget derivatives.");
    }
    return makeStub(exportObject(object, allowInstance, false)).object;
  }

  dup() {
    const state = own(this, STUB);
    return makeStub(state.channel === undefined ? ops.dup(targetOf(state)) : targetOf(state), state.ofCaller).object;
  }

  [SymbolDispose]() {
    disposeStub(own(this, STUB));
  }
}

class RpcPromise {
  constructor() {
    throw illegalConstructor();
  }

  then(handler, errorHandler = undefined) {
    return thenOf("JsRpcPromise", own(this, PROMISE).promise, handler, errorHandler);
  }

  catch(errorHandler) {
    return catchOf("JsRpcPromise", own(this, PROMISE).promise, errorHandler);
  }

  finally(onFinally) {
    return finallyOf("JsRpcPromise", own(this, PROMISE).promise, onFinally);
  }

  [SymbolDispose]() {
    const state = own(this, PROMISE);
    if (state.status === RESOLVED) tryDispose(state.value);
    else if (state.status === PENDING) dropPipeline(state);
    state.status = DISPOSED;
    state.value = undefined;
  }
}

class RpcProperty {
  constructor() {
    throw illegalConstructor();
  }

  then(handler, errorHandler = undefined) {
    return thenOf("JsRpcProperty", valueOfProperty(this), handler, errorHandler);
  }

  catch(errorHandler) {
    return catchOf("JsRpcProperty", valueOfProperty(this), errorHandler);
  }

  finally(onFinally) {
    return finallyOf("JsRpcProperty", valueOfProperty(this), onFinally);
  }
}

function valueOfProperty(property) {
  const { parent, name } = own(property, PROPERTY);
  return start(parent, name, undefined).promise;
}

function thenOf(type, promise, handler, errorHandler) {
  if (typeof handler !== "function") throw argumentError(type, "then", 1, "Function");
  if (errorHandler !== undefined && typeof errorHandler !== "function") throw argumentError(type, "then", 2, "Function");
  return PromisePrototypeThen(promise, handler, errorHandler);
}

function catchOf(type, promise, handler) {
  if (typeof handler !== "function") throw argumentError(type, "catch", 1, "Function");
  return PromisePrototypeCatch(promise, handler);
}

function finallyOf(type, promise, handler) {
  if (typeof handler !== "function") throw argumentError(type, "finally", 1, "Function");
  return PromisePrototypeFinally(promise, handler);
}

let isRpcTarget;

/** An object that is passed by reference. */
class RpcTarget {
  #brand;

  static {
    isRpcTarget = (value) => isObject(value) && #brand in value;
  }
}

/** What a service binding is: `fetch`, and whatever the other side exports. */
class Fetcher {
  /** `channel`: a channel's number, or a native object with a service. `unsendable`: why it cannot be sent, if so: the
   * text of a DataCloneError, or a function that makes the error. */
  constructor(token, channel, unsendable = undefined) {
    if (token !== inside) throw illegalConstructor();
    new Stamp(this, { __proto__: null, kind: SERVICE, channel, unsendable });
  }

  fetch(input, init = undefined) {
    const state = own(this, SERVICE);
    if (arguments.length === 0) return PromiseReject(argumentError("Fetcher", "fetch", 1, "Request or string"));
    return fetchThrough(state.channel, input, init, state);
  }

  connect(address, options = undefined) {
    const { channel } = own(this, SERVICE);
    if (arguments.length === 0) throw argumentError("Fetcher", "connect", 1, "SocketAddress or string");
    const bad = () => argumentError("Fetcher", "connect", 2, "SocketOptions");
    return connectThrough(channel, address, options, bad);
  }

  getRpcMethodForTestOnly(name) {
    return propertyOf(own(this, SERVICE), `${name}`);
  }

  async get(url, type = undefined) {
    const response = await FunctionPrototypeCall(Fetcher.prototype.fetch, this, url);
    if (response.status === 404 || response.status === 410) return null;
    requireOk(response, "GET");
    switch (type) {
      case "stream":
        return response.body;
      case "json":
        return response.json();
      case "arrayBuffer":
        return response.arrayBuffer();
      default:
        return response.text();
    }
  }

  async put(url, body, options = undefined) {
    let target = `${url}`;
    if (isObject(options) && (options.expiration !== undefined || options.expirationTtl !== undefined)) {
      const { URL } = require("url").globals;
      const parsed = new URL(target);
      if (options.expiration !== undefined) parsed.searchParams.append("expiration", `${options.expiration}`);
      if (options.expirationTtl !== undefined) parsed.searchParams.append("expiration_ttl", `${options.expirationTtl}`);
      target = parsed.href;
    }
    requireOk(await FunctionPrototypeCall(Fetcher.prototype.fetch, this, target, { method: "PUT", body }), "PUT");
  }

  async delete(url) {
    requireOk(await FunctionPrototypeCall(Fetcher.prototype.fetch, this, url, { method: "DELETE" }), "DELETE");
  }
}

function requireOk(response, method) {
  if (response.status >= 200 && response.status < 300) return;
  throw new Error(`HTTP ${method} request failed: ${response.status} ${response.statusText}`);
}

/** `ctx.exports.name`: the worker's own entrypoint as a binding, and a function that gives it other props. */
class LoopbackServiceStub extends Fetcher {}

const createLoopback = (channel) =>
  makeCallable({ __proto__: null, kind: SERVICE, channel }, LoopbackServiceStub.prototype, callLoopback);

function callLoopback({ channel }, ...args) {
  return new Fetcher(inside, specialize(channel, "LoopbackServiceStub", args), unsendableLoopbacks);
}

/** Why what `ctx.exports` gives cannot be sent to other workers, if so. */
let unsendableLoopbacks;

/** A native object with a channel's service that has the props of `{ props }`, which callers of `type` give. */
function specialize(channel, type, args) {
  const bad = () => argumentError(type, "(called as function)", 1, "Options");
  if (args.length === 0) throw bad();
  const { bytes, externals } = propsOf(toDictionary(args[0], bad) ?? {}, "Options") ?? writeProps({});
  return ops.specialize(channel, bytes, externals);
}

/** What `writeProps` gives of the `props` of a dictionary; undefined where there are none. */
function propsOf(options, dictionary) {
  const { props } = options;
  if (props === undefined) return undefined;
  if (!isObject(props)) throw fieldError(dictionary, "props", "Object");
  return writeProps(props);
}

/* Under a flag, services are given other events than requests, too. */
const extraHandlers = {
  queue(queueName = undefined, messages = undefined, metadata = undefined) {
    const fetcher = own(this, SERVICE);
    try {
      const description = require("queue").describe(arguments.length, queueName, messages, metadata);
      return sendEvent(fetcher, ["queue", description[0], `${description[1].length}`], description, queueFailed);
    } catch (error) {
      return asyncFailure(error);
    }
  },

  scheduled(options = undefined) {
    const fetcher = own(this, SERVICE);
    try {
      const description = require("scheduled").describe(options);
      return sendEvent(fetcher, ["scheduled", `${description[0]}`, description[1]], description, scheduledFailed);
    } catch (error) {
      return asyncFailure(error);
    }
  },
};

function defineExtraHandlers() {
  for (let i = 0, names = ["queue", "scheduled"]; i < names.length; i++) {
    const name = names[i];
    ObjectDefineProperty(Fetcher.prototype, name, {
      __proto__: null,
      value: extraHandlers[name],
      writable: true,
      enumerable: true,
      configurable: true,
    });
  }
}

/* What is known of an event that ended with its receiver. */
const queueFailed = () => ({
  outcome: "exception",
  ackAll: false,
  retryBatch: { retry: false },
  explicitAcks: [],
  retryMessages: [],
});
const scheduledFailed = () => ({ outcome: "exception", noRetry: false });

/** A promise of what became of an event. Rejected if it could not be delivered. */
function sendEvent({ channel }, path, description, failed) {
  const writer = new Writer(false, false);
  write([description], writer);
  const { [ANSWER]: answer } = ops.callService(channel, path, EVENT, writer.externals);
  return PromisePrototypeThen(answer, (received) => {
    if (received[IS_OK]) return read(received[BYTES], new Reader(received[EXTERNALS]));
    const error = errors.fromParts(received);
    if (error.remote === true || error.durableObjectReset === true) return failed();
    throw error;
  });
}

for (let i = 0, Classes = [RpcStub, RpcPromise, RpcProperty, Fetcher]; i < Classes.length; i++) {
  const Class = Classes[i];
  ObjectSetPrototypeOf(defineInterface(Class).prototype, wildcard);
}
defineInterface(LoopbackServiceStub);
defineInterface(RpcTarget);
/* They are known to `toString` by other names than their constructors have. */
for (
  let i = 0,
    entries = [
      [RpcStub, "JsRpcStub"],
      [RpcPromise, "JsRpcPromise"],
      [RpcProperty, "JsRpcProperty"],
      [RpcTarget, "JsRpcTarget"],
    ];
  i < entries.length;
  i++
) {
  const { 0: Class, 1: tag } = entries[i];
  ObjectDefineProperty(Class.prototype, SymbolToStringTag, { __proto__: null, value: tag });
}

// Calls.

/**
 * Calls what `name` names on the object of a state, or the object itself where that is empty; reads it where `args` is
 * undefined. Returns the state of the call's promise. Never throws: what cannot be sent is a rejection.
 */
function start(parent, name, args) {
  const call = {
    __proto__: null,
    kind: PROMISE,
    status: PENDING,
    promise: undefined,
    value: undefined,
    pipeline: 0,
    error: undefined,
    ofCaller: false,
  };
  try {
    const path = name === "" ? [] : [name];
    let root = parent;
    for (; root.kind === PROPERTY; root = root.parent) ArrayPrototypePush(path, root.name);
    ArrayPrototypeReverse(path);
    const lead = rootOf(root);
    call.ofCaller = root.ofCaller === true;
    let operation = GET;
    let writer;
    if (args !== undefined) {
      operation = args.length === 0 ? CALL : CALL_WITH;
      if (operation === CALL_WITH) {
        writer = new Writer(!flags.rpcParamsDupStubs, call.ofCaller);
        write(args, writer);
      }
    }
    const spans = lead.kind === SERVICE ? trace.openCall(lead, path, operation !== GET) : undefined;
    const parts =
      lead.kind === SERVICE
        ? ops.callService(lead.channel, path, operation, writer?.externals, spans?.span)
        : ops.callTarget(lead.number, path, operation, writer?.externals);
    if (lead.once) ops.drop(lead.number);
    if (writer !== undefined) disposeAll(writer.stubs);
    call.pipeline = parts[PIPELINE];
    call.promise = PromisePrototypeThen(parts[ANSWER], (received) => {
      if (spans !== undefined) {
        trace.close(spans.span);
        trace.close(spans.session);
      }
      return settle(call, received);
    });
  } catch (error) {
    call.error = error;
    call.promise = PromiseReject(error);
  }
  return call;
}

/** A target's number, or a service, for one call on the root of a chain of properties. */
function rootOf(root) {
  switch (root.kind) {
    case SERVICE:
      return root;
    case STUB:
      return { __proto__: null, kind: STUB, number: targetOf(root), once: root.channel !== undefined };
    default:
      return rootOfPromise(root);
  }
}

function rootOfPromise(root) {
  if (root.error !== undefined) throw root.error;
  if (root.status === DISPOSED) throw new Error("RPC promise used after being disposed.");
  if (root.status === PENDING) {
    if (!ops.has(root.pipeline)) throw new Error(OTHER_REQUEST("Pipeline"));
    return { __proto__: null, kind: PROMISE, number: root.pipeline, once: false };
  }
  if (root.context !== ops.contextId()) throw new Error(OTHER_REQUEST("JsRpcPromise"));
  // The value is here, but a call on it is to be a call all the same: what it is given and returns is copied.
  const state = stateOf(root.value);
  if (state !== undefined && (state.kind === STUB || state.kind === SERVICE)) return rootOf(state);
  if (!isObject(root.value)) throw new TypeError("Can't pipeline on RPC that did not return an object.");
  return { __proto__: null, kind: STUB, number: ops.exportObject(root.value, true, undefined, false), once: true };
}

/** The result of a call is there. */
function settle(call, received) {
  if (!received[IS_OK]) throw errors.fromParts(received);
  const reader = new Reader(received[EXTERNALS], call.ofCaller);
  const value = received[BYTES] === undefined ? undefined : read(received[BYTES], reader);
  const group = { __proto__: null, stubs: reader.stubs, pipeline: 0 };
  if (received[HAS_DISPOSER]) {
    group.pipeline = call.pipeline;
    call.pipeline = 0;
  } else if (call.status !== DISPOSED) {
    dropPipeline(call);
  }
  if (isObject(value) && stateOf(value)?.kind !== STUB) {
    ObjectDefineProperty(value, SymbolDispose, {
      __proto__: null,
      value: [() => disposeGroup(group)][0],
      writable: true,
      enumerable: false,
      configurable: true,
    });
  }
  if (call.status === DISPOSED) {
    tryDispose(value);
  } else {
    call.status = RESOLVED;
    call.value = value;
    call.context = ops.contextId();
  }
  return value;
}

function dropPipeline(call) {
  if (call.pipeline !== 0) ops.drop(call.pipeline);
  call.pipeline = 0;
}

function disposeGroup(group) {
  disposeAll(group.stubs);
  if (group.pipeline !== 0) ops.drop(group.pipeline);
  group.pipeline = 0;
}

function disposeAll(stubs) {
  for (let i = 0; i < stubs.length; i++) disposeStub(stubs[i]);
}

function disposeStub(state) {
  if (state.number !== 0) ops.drop(state.number);
  state.number = 0;
}

/** Calls a value's disposer, if it has one. */
function tryDispose(value) {
  if (!isObject(value)) return;
  const dispose = value[SymbolDispose];
  if (typeof dispose === "function") ReflectApply(dispose, value, []);
}

/** The number of a stub's target. */
function targetOf(state) {
  if (state.channel !== undefined) return ops.openStub(state.channel);
  if (state.number === 0) throw new Error("RPC stub used after being disposed.");
  if (!ops.has(state.number)) throw new Error(OTHER_REQUEST("Client"));
  return state.number;
}

/** A target for an object; its own disposer runs when nobody holds the target any more. */
function exportObject(object, allowInstance, result) {
  const dispose = object[SymbolDispose];
  const made = typeof dispose === "function" ? { __proto__: null, dispose, stubs: [] } : undefined;
  return ops.exportObject(object, allowInstance === true, made, result);
}

/** Whether a function is the user's own, which goes by reference. */
function isFunctionForRpc(value) {
  if (typeof value !== "function") return false;
  const state = stateOf(value);
  return state === undefined || (state.kind !== PROMISE && state.kind !== PROPERTY);
}

/**
 * What a stub may stand for: plain objects and functions (true: their own properties can be reached) and what has
 * RpcTarget among its prototypes (false: those of its class); undefined for anything else. Runs a proxy's traps.
 */
function stubType(object) {
  if (isPlain(object)) return true;
  for (let proto = ObjectGetPrototypeOf(object); proto !== null; proto = ObjectGetPrototypeOf(proto)) {
    if (proto === RpcTarget.prototype) return false;
  }
  return isFunctionForRpc(object) ? true : undefined;
}

setFetchers((value) => stateOf(value)?.kind === SERVICE);

exports.CLASS = CLASS;
exports.LOADED = LOADED;
exports.LOADER = LOADER;
exports.NAMESPACE = NAMESPACE;
exports.PROMISE = PROMISE;
exports.PROPERTY = PROPERTY;
exports.SERVICE = SERVICE;
exports.STUB = STUB;
exports.Fetcher = Fetcher;
exports.RpcPromise = RpcPromise;
exports.RpcProperty = RpcProperty;
exports.RpcStub = RpcStub;
exports.RpcTarget = RpcTarget;
/** With it a subclass makes itself: `super(kFetcher, channel or native service)`. */
exports.kFetcher = inside;
exports.Stamp = Stamp;
exports.createFetcher = (channel, unsendable = undefined) => new Fetcher(inside, channel, unsendable);
/** A call of a channel's service, as of a method of its binding. */
exports.callMethod = (channel, name, args) => makePromise(start({ __proto__: null, kind: SERVICE, channel }, name, args));
exports.createLoopback = createLoopback;
exports.disposeAll = disposeAll;
exports.exportObject = exportObject;
exports.isFunctionForRpc = isFunctionForRpc;
exports.isRpcTarget = (value) => isRpcTarget(value);
exports.keepLoopbacks = (reason) => {
  unsendableLoopbacks = reason;
};
exports.makeCallable = makeCallable;
exports.makeBoundStub = makeBoundStub;
exports.makeStub = makeStub;
/** A method of the object behind a service, whatever the worker has made of its class. */
exports.methodOf = (state, name) => propertyOf(state, name);
exports.ops = { __proto__: null, restoredService: ops.restoredService, restoredStub: ops.restoredStub };
exports.own = own;
exports.unsendableLoopbacks = () => unsendableLoopbacks;
exports.specialize = specialize;
/** `connect(channel, address, options, badOptions)`: a socket. */
exports.setConnect = (connect) => {
  connectThrough = connect;
};
exports.stateOf = (value) => stateOf(value);
exports.propsOf = propsOf;
exports.stubType = stubType;
exports.targetOf = targetOf;
exports.install = (global, set) => {
  if (set.serviceBindingExtraHandlers) defineExtraHandlers();
  if (!set.workerdExperimental) delete Fetcher.prototype.getRpcMethodForTestOnly;
  if (!set.fetcherNoGetPutDelete) return;
  delete Fetcher.prototype.get;
  delete Fetcher.prototype.put;
  delete Fetcher.prototype.delete;
};
