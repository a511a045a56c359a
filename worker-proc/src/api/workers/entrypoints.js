/* The classes that a worker's entrypoints extend, and `ctx`. */
"use strict";
const { Error, ObjectDefineProperty, PromisePrototypeThen, PromiseResolve } = primordials;
const flags = require("flags");
const { argumentError, defineInterface, illegalConstructor, illegalInvocation } = require("webidl");
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

  abort(reason) {
    if (!(#event in this)) throw illegalInvocation();
    fetchOps.abort(reason === undefined ? new Error("Worker execution was aborted due to call to ctx.abort().") : reason);
  }

  get props() {
    if (!(#event in this)) throw illegalInvocation();
    return this.#props;
  }

  set props(value) {
    if (!(#event in this)) throw illegalInvocation();
    this.#props = value;
  }

  /** Who Cloudflare Access says the client is: nobody here. */
  get access() {
    if (!(#event in this)) throw illegalInvocation();
    return undefined;
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

exports.ExecutionContext = ExecutionContext;
exports.WorkerEntrypoint = WorkerEntrypoint;
exports.DurableObject = DurableObject;
exports.WorkflowEntrypoint = WorkflowEntrypoint;
exports.createContext = (event, props) => new ExecutionContext(inside, event, props);
exports.keepAlive = keepAlive;
exports.globals = { ExecutionContext };
