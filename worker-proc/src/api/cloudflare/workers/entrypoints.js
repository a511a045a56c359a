/* The classes that a worker's entrypoints extend, and `ctx`. */
const { Error, ObjectDefineProperty, ObjectGetPrototypeOf, PromisePrototypeThen, PromiseReject, PromiseResolve, SafeMap } =
  primordials;
const { argumentError, defineInterface, illegalConstructor, illegalInvocation } = require("webidl");
const fetchOps = require("event");
const { setWaitUntil } = require("events/kinds");
const { ASYNC, logUncaught } = require("report_error");
const trace = require("trace");
const { createTracing } = require("trace/tracing");

const inside = { __proto__: null };

/** The handler's third argument. */
class ExecutionContext {
  #event;
  #makeProps;

  constructor(token, event, makeProps) {
    if (token !== inside) throw illegalConstructor();
    this.#event = event;
    this.#makeProps = makeProps;
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

  restore(params = undefined) {
    if (!(#event in this)) throw illegalInvocation();
    return require("workers/restore").restore("ExecutionContext", this.#event?.self, arguments.length, params);
  }

  /** The context that a property is read of, or that a wrapper of it has as its prototype. */
  static #behind(object) {
    for (let context = object; context != null; context = ObjectGetPrototypeOf(context)) {
      if (#event in context) return context;
    }
    throw illegalInvocation();
  }

  get tracing() {
    return replace(ExecutionContext.#behind(this), "tracing", createTracing());
  }

  set tracing(value) {
    replace(this, "tracing", value);
  }

  get props() {
    const context = ExecutionContext.#behind(this);
    return replace(context, "props", context.#makeProps());
  }

  set props(value) {
    replace(this, "props", value);
  }

  get exports() {
    ExecutionContext.#behind(this);
    return require("workers").exportsOf();
  }

  set exports(value) {
    replace(this, "exports", value);
  }

  /** Who Cloudflare Access says the client is; undefined where it says nothing. */
  get access() {
    const context = ExecutionContext.#behind(this);
    const access = context.#event?.access;
    if (access === undefined) return undefined;
    return replace(context, "access", require("workers/access").createAccess(access, require("workers").identityChannel()));
  }

  set access(value) {
    replace(this, "access", value);
  }

  /** The cache of the worker: there is none here, as on workerd. */
  get cache() {
    return undefined;
  }

  set cache(value) {
    replace(this, "cache", value);
  }

  /** The version of the worker: none is known here, as on workerd. */
  get version() {
    return undefined;
  }

  set version(value) {
    replace(this, "version", value);
  }

  mapVirtualHost(fetcher = undefined, port = undefined) {
    if (!(#event in this)) throw illegalInvocation();
    return require("hyperdrive_rpc/virtual_hosts").mapVirtualHost("ExecutionContext", fetcher, port);
  }
}
defineInterface(ExecutionContext);

/** The value becomes the object's own. */
function replace(context, name, value) {
  ObjectDefineProperty(context, name, { __proto__: null, value, writable: true, enumerable: true, configurable: true });
  return value;
}

/** The event goes on until the promise settles. A rejection goes to the log. */
function keepAlive(value) {
  const promise = PromiseResolve(value);
  const work = works.size === 0 ? undefined : works.get(fetchOps.contextId());
  if (work !== undefined) follow(work, promise);
  fetchOps.retain();
  PromisePrototypeThen(promise, fetchOps.release, (reason) => {
    logUncaught(ASYNC, reason);
    trace.backgroundFailed();
    fetchOps.release();
  });
}
setWaitUntil(keepAlive);

/** What events wait for that end with their `waitUntil` work, by their context. */
const works = new SafeMap();

function follow(work, promise) {
  work.pending++;
  const settled = (failure) => {
    work.failure ??= failure;
    if (--work.pending > 0) return;
    works.delete(work.context);
    work.ended(work.failure);
  };
  PromisePrototypeThen(
    promise,
    () => settled(undefined),
    (error) => settled({ error }),
  );
}

/**
 * Calls `start`, keeps the event alive until what it returns and all that is given to `waitUntil` meanwhile have settled, and
 * calls `ended` with the first failure, as `{ error }`, or undefined.
 */
function background(start, ended) {
  const work = { __proto__: null, context: fetchOps.contextId(), pending: 0, failure: undefined, ended };
  works.set(work.context, work);
  let result;
  try {
    result = start();
  } catch (error) {
    result = PromiseReject(error);
  }
  keepAlive(result);
}

/** `export class X extends WorkerEntrypoint`. */
class WorkerEntrypoint {
  constructor(ctx = undefined, env = undefined) {
    this.ctx = ctx;
    this.env = env;
  }
}

class DurableObject {
  constructor(ctx = undefined, env = undefined) {
    this.ctx = ctx;
    this.env = env;
  }
}

class WorkflowEntrypoint {
  constructor(ctx = undefined, env = undefined) {
    this.ctx = ctx;
    this.env = env;
  }
}

for (let i = 0, Classes = [WorkerEntrypoint, DurableObject, WorkflowEntrypoint]; i < Classes.length; i++) {
  const Class = Classes[i];
  ObjectDefineProperty(Class.prototype, primordials.SymbolToStringTag, {
    __proto__: null,
    // As on workerd: this one goes by the name of its base.
    value: Class === DurableObject ? "DurableObjectBase" : Class.name,
    writable: true,
    enumerable: false,
    configurable: true,
  });
}

exports.WorkerEntrypoint = WorkerEntrypoint;
exports.DurableObject = DurableObject;
exports.WorkflowEntrypoint = WorkflowEntrypoint;
exports.background = background;
exports.createContext = (event, makeProps) => new ExecutionContext(inside, event, makeProps);
exports.keepAlive = keepAlive;
exports.install = (global, set) => {
  if (!set.enableCtxExports) delete ExecutionContext.prototype.exports;
  if (!set.allowIrrevocableStubStorage) delete ExecutionContext.prototype.restore;
  if (!set.enableVersionApi) delete ExecutionContext.prototype.version;
  if (!set.workerdExperimental) delete ExecutionContext.prototype.mapVirtualHost;
};
