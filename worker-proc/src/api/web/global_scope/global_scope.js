/*
 * The global object's classes, ServiceWorkerGlobalScope and WorkerGlobalScope (Service Workers section 4.1), which make
 * it an EventTarget, and its attributes `self` and `origin`. Relies on `events`.
 */

const {
  ObjectDefineProperty,
  ObjectPrototype,
  ObjectSetPrototypeOf,
  ReflectDeleteProperty,
  ReflectGetPrototypeOf,
  globalThis,
} = primordials;
const { copyPrototype, defineInterface, illegalConstructor, notImplemented } = require("webidl");
const { EventTarget } = require("events");

class WorkerGlobalScope extends EventTarget {
  constructor() {
    throw illegalConstructor();
  }

  importScripts() {
    throw notImplemented("WorkerGlobalScope", "importScripts");
  }
}

class ServiceWorkerGlobalScope extends WorkerGlobalScope {}

defineInterface(WorkerGlobalScope);
defineInterface(ServiceWorkerGlobalScope);
ObjectSetPrototypeOf(globalThis, ServiceWorkerGlobalScope.prototype);

exports.ServiceWorkerGlobalScope = ServiceWorkerGlobalScope;
exports.WorkerGlobalScope = WorkerGlobalScope;
exports.globals = { ServiceWorkerGlobalScope, WorkerGlobalScope };

exports.install = function (global, flags, scope, defineLazy) {
  if (flags.workerdExperimental) defineLazy(scope, "Datagram", "sockets/datagrams");
  if (!flags.noImportScripts) return;
  ReflectDeleteProperty(WorkerGlobalScope.prototype, "importScripts");
  ReflectDeleteProperty(ReflectGetPrototypeOf(ServiceWorkerGlobalScope.prototype), "importScripts");
};

/** Called once all globals are defined: as on workerd, what is above the global scope's prototype are others than the classes'. */
exports.detach = () => {
  const target = copyPrototype(EventTarget.prototype, ObjectPrototype);
  ObjectSetPrototypeOf(ServiceWorkerGlobalScope.prototype, copyPrototype(WorkerGlobalScope.prototype, target));
};

ObjectDefineProperty(globalThis, "self", {
  __proto__: null,
  value: globalThis,
  writable: true,
  enumerable: true,
  configurable: true,
});
ObjectDefineProperty(globalThis, "origin", {
  __proto__: null,
  value: "null",
  writable: false,
  enumerable: true,
  configurable: true,
});
