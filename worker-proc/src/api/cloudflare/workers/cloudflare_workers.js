/* The module `cloudflare:workers`. */
const {
  ReflectDefineProperty,
  ReflectDeleteProperty,
  ReflectGet,
  ReflectGetOwnPropertyDescriptor,
  ReflectHas,
  ReflectOwnKeys,
  ReflectSet,
  Proxy,
} = primordials;
const flags = require("flags");
const { DurableObject, WorkerEntrypoint, WorkflowEntrypoint, keepAlive } = require("workers/entrypoints");
const { Fetcher, RpcPromise, RpcProperty, RpcStub, RpcTarget } = require("rpc");
const { current, runIn, valueOf, withValue } = require("async_context");
const { argumentError, isObject } = require("webidl");
const { kRestore } = require("workers/restore");
const workers = require("workers");
const { tracing } = require("trace/tracing");

/** Traps of an object that shows another one, which is not there yet when the module is made. What is written to it is gone. */
const reading = (get) => ({
  __proto__: null,
  get: (_, key) => ReflectGet(get(), key),
  has: (_, key) => ReflectHas(get(), key),
  ownKeys: () => ReflectOwnKeys(get()),
  getOwnPropertyDescriptor: (_, key) => {
    const descriptor = ReflectGetOwnPropertyDescriptor(get(), key);
    if (descriptor !== undefined) descriptor.configurable = true;
    return descriptor;
  },
});

/** Traps of one whose writes reach what it shows. */
const writing = (get) => ({
  ...reading(get),
  set: (_, key, value) => ReflectSet(get(), key, value),
  deleteProperty: (_, key) => ReflectDeleteProperty(get(), key),
  defineProperty: (_, key, descriptor) => ReflectDefineProperty(get(), key, descriptor),
});

const view = (traps) => new Proxy({}, traps);

/* What is written to it is gone. */
const nothing = () => ({ __proto__: null });

/* What `withEnv` and `withExports` put in place of the worker's own, for what runs inside and all that it starts. */
const ENV = { __proto__: null };
const EXPORTS = { __proto__: null };
const currentEnv = () => valueOf(ENV, undefined) ?? (flags.disableImportableEnv ? nothing() : workers.envOf());
const currentExports = () => valueOf(EXPORTS, undefined) ?? (flags.disableImportableEnv ? nothing() : workers.exportsOf());

/** `frame` with another value in a slot. The worker's own stays for what is no object; null is an empty object under a flag. */
function withSlot(frame, slot, value) {
  const isNull = value === undefined || value === null;
  if (isNull && flags.envModuleNullableSupport) return withValue(frame, slot, nothing());
  return withValue(frame, slot, isObject(value) ? value : undefined);
}

/** `position`: which parameter `fn` is, from 1. */
function runWith(method, frame, fn, position) {
  if (typeof fn !== "function") throw argumentError("EnvModule", method, position, "function");
  return runIn(frame, fn, undefined, []);
}

exports.currentEnv = currentEnv;
exports.currentExports = currentExports;
exports.module = {
  __proto__: null,
  DurableObject,
  RpcPromise,
  RpcProperty,
  RpcStub,
  RpcTarget,
  ServiceStub: Fetcher,
  WorkerEntrypoint,
  WorkflowEntrypoint,
  /** Ends the worker: one that another worker has loaded starts anew for who asks for its name, any other with its process. */
  abortIsolate(reason) {
    ops.abortIsolate(reason === undefined ? "" : `${reason}`);
  },
  // The cache that is the worker's own: there is none here.
  cache: view(reading(nothing)),
  env: view(writing(currentEnv)),
  exports: view(reading(currentExports)),
  restore: kRestore,
  tracing,
  waitUntil(promise) {
    if (arguments.length === 0) throw argumentError("EntrypointsModule", "waitUntil", 1, "Promise");
    keepAlive(promise);
  },
  withEnv: (env, fn) => runWith("withEnv", withSlot(current(), ENV, env), fn, 2),
  withExports: (exports, fn) => runWith("withExports", withSlot(current(), EXPORTS, exports), fn, 2),
  withEnvAndExports: (env, exports, fn) =>
    runWith("withEnvAndExports", withSlot(withSlot(current(), ENV, env), EXPORTS, exports), fn, 3),
};
