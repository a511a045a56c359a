/* The classes that a worker's entrypoints extend, `ctx`, and the service binding (Fetcher). */
"use strict";
const { FunctionPrototypeBind, JSONStringify, ObjectDefineProperty, PromisePrototypeThen, PromiseResolve, Proxy } = primordials;
const flags = require("flags");
const { argumentError, defineInterface, illegalConstructor, illegalInvocation } = require("webidl");
const { fetchThrough } = require("fetch");
const fetchOps = require("fetch/events");
const { setWaitUntil } = require("events/kinds");
const { ASYNC, logUncaught } = require("report_error");

const inside = { __proto__: null };

/** The handler's third argument. */
class ExecutionContext {
  #event;
  #props;

  constructor(token, event, props) {
    if (token !== inside) throw illegalConstructor();
    this.#event = event;
    this.#props = props;
  }

  waitUntil(promise) {
    if (!(#event in this)) throw illegalInvocation();
    if (arguments.length === 0) throw argumentError("ExecutionContext", "waitUntil", 1, "Promise");
    keepAlive(promise);
  }

  passThroughOnException() {
    if (!(#event in this)) throw illegalInvocation();
    if (this.#event !== null) this.#event.passThrough = true;
  }

  get props() {
    if (!(#event in this)) throw illegalInvocation();
    return this.#props;
  }

  set props(value) {
    if (!(#event in this)) throw illegalInvocation();
    this.#props = value;
  }

  get exports() {
    if (!(#event in this)) throw illegalInvocation();
    return flags.enableCtxExports ? require("workers").exportsOf() : undefined;
  }
}
defineInterface(ExecutionContext);

/** The event goes on until the promise settles. A rejection goes to the log. */
function keepAlive(value) {
  const promise = PromiseResolve(value);
  fetchOps.retain();
  PromisePrototypeThen(promise, fetchOps.release, (reason) => {
    fetchOps.release();
    logUncaught(ASYNC, reason);
  });
}
setWaitUntil(keepAlive);

/** What a service binding is: fetch, and whatever the other side exports. */
class Fetcher {
  #channel;
  #props;

  constructor(token, channel, props) {
    if (token !== inside) throw illegalConstructor();
    this.#channel = channel;
    this.#props = props;
  }

  fetch(input, init = undefined) {
    if (!(#channel in this)) throw illegalInvocation();
    if (arguments.length === 0) throw argumentError("Fetcher", "fetch", 1, "Request or string");
    return fetchThrough(this.#channel, input, init, this.#props);
  }
}
defineInterface(Fetcher);

/** `export class X extends WorkerEntrypoint`. */
class WorkerEntrypoint {
  constructor(ctx, env) {
    this.ctx = ctx;
    this.env = env;
  }
}

class DurableObject {
  constructor(ctx, env) {
    this.ctx = ctx;
    this.env = env;
  }
}

class WorkflowEntrypoint {
  constructor(ctx, env) {
    this.ctx = ctx;
    this.env = env;
  }
}

for (const Class of [WorkerEntrypoint, DurableObject, WorkflowEntrypoint]) {
  ObjectDefineProperty(Class.prototype, primordials.SymbolToStringTag, {
    __proto__: null, value: Class.name, writable: false, enumerable: false, configurable: true,
  });
}

/** An object that is passed by reference over RPC. */
class RpcTarget {}

exports.ExecutionContext = ExecutionContext;
exports.Fetcher = Fetcher;
/** With it a subclass makes itself: `super(kFetcher, channel or native service, props)`. */
exports.kFetcher = inside;
exports.WorkerEntrypoint = WorkerEntrypoint;
exports.DurableObject = DurableObject;
exports.WorkflowEntrypoint = WorkflowEntrypoint;
exports.RpcTarget = RpcTarget;
exports.createContext = (event, props) => new ExecutionContext(inside, event, props);
exports.createFetcher = (channel) => new Fetcher(inside, channel, undefined);
/** `ctx.exports.name`: the entrypoint as a binding, and a function that gives it other props. */
exports.createLoopback = (channel) => {
  const plain = new Fetcher(inside, channel, undefined);
  const specialize = (options) => {
    const props = options === undefined || options === null ? undefined : options.props;
    return new Fetcher(inside, channel, props === undefined ? undefined : JSONStringify(props));
  };
  return new Proxy(specialize, {
    __proto__: null,
    get: (_, key) => {
      const value = plain[key];
      return typeof value === "function" ? FunctionPrototypeBind(value, plain) : value;
    },
    getPrototypeOf: () => Fetcher.prototype,
  });
};
exports.keepAlive = keepAlive;
exports.globals = { ExecutionContext, Fetcher };
