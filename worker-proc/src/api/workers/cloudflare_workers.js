/* The module `cloudflare:workers`. */
"use strict";
const { ReflectDefineProperty, ReflectDeleteProperty, ReflectGet, ReflectGetOwnPropertyDescriptor, ReflectHas, ReflectOwnKeys, ReflectSet, Proxy } =
  primordials;
const flags = require("flags");
const { provide } = require("modules");
const { DurableObject, RpcTarget, WorkerEntrypoint, WorkflowEntrypoint, keepAlive } = require("workers/entrypoints");
const workers = require("workers");

/** An object that shows another one, which is not there yet when the module is made. */
const view = (get) =>
  new Proxy({ __proto__: null }, {
    __proto__: null,
    get: (_, key) => ReflectGet(get(), key),
    set: (_, key, value) => ReflectSet(get(), key, value),
    has: (_, key) => ReflectHas(get(), key),
    ownKeys: () => ReflectOwnKeys(get()),
    deleteProperty: (_, key) => ReflectDeleteProperty(get(), key),
    defineProperty: (_, key, descriptor) => ReflectDefineProperty(get(), key, descriptor),
    getOwnPropertyDescriptor: (_, key) => {
      const descriptor = ReflectGetOwnPropertyDescriptor(get(), key);
      if (descriptor !== undefined) descriptor.configurable = true;
      return descriptor;
    },
  });

const nothing = { __proto__: null };

exports.module = {
  __proto__: null,
  DurableObject,
  RpcTarget,
  WorkerEntrypoint,
  WorkflowEntrypoint,
  env: view(() => (flags.disableImportableEnv ? nothing : workers.envOf() ?? nothing)),
  exports: view(() => workers.exportsOf()),
  waitUntil: (promise) => keepAlive(promise),
};
provide("cloudflare:workers", "workers/cloudflare_workers");
