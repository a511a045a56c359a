/* The classes that a worker's entrypoints extend, and `ctx`. */
const { Error, ObjectDefineProperty, PromisePrototypeThen, PromiseReject, PromiseResolve, ReflectDeleteProperty, SafeMap } =
  primordials;
const flags = require("flags");
const { argumentError, defineInterface, defineLazily, illegalConstructor, illegalInvocation } = require("webidl");
const fetchOps = require("event");
const { setWaitUntil } = require("events/kinds");
const { ASYNC, logUncaught } = require("report_error");
const trace = require("trace");
const { createTracing } = require("trace/tracing");

const inside = { __proto__: null };
const OWN_UNDEFINED = { __proto__: null, value: undefined, writable: true, enumerable: true, configurable: true };

/** The handler's third argument. What it has besides methods are properties of its own, which a copy has, too. */
class ExecutionContext {
  tracing = createTracing();
  access = undefined;
  /** The cache of the worker: there is none here, as on workerd. */
  cache = undefined;
  props = undefined;
  exports = undefined;
  #event;

  /** Without `makeProps` there are no props. */
  constructor(token, event, makeProps, workerExports) {
    if (token !== inside) throw illegalConstructor();
    this.#event = event;
    if (makeProps === undefined) this.props = {};
    else defineLazily(this, "props", makeProps);
    if (flags.enableCtxExports) this.exports = workerExports;
    else ReflectDeleteProperty(this, "exports");
    // The version of the worker: none is known here, as on workerd.
    if (flags.enableVersionApi) ObjectDefineProperty(this, "version", OWN_UNDEFINED);
    const access = event.access;
    if (access !== undefined) {
      defineLazily(this, "access", () =>
        require("workers/access").createAccess(access, require("workers").identityChannel()),
      );
    }
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

  mapVirtualHost(fetcher = undefined, port = undefined) {
    if (!(#event in this)) throw illegalInvocation();
    return require("hyperdrive_rpc/virtual_hosts").mapVirtualHost("ExecutionContext", fetcher, port);
  }
}
defineInterface(ExecutionContext);

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
exports.createContext = (event, makeProps, workerExports) => new ExecutionContext(inside, event, makeProps, workerExports);
exports.keepAlive = keepAlive;
exports.install = (global, set) => {
  if (!set.allowIrrevocableStubStorage) delete ExecutionContext.prototype.restore;
  if (!set.workerdExperimental) delete ExecutionContext.prototype.mapVirtualHost;
};
