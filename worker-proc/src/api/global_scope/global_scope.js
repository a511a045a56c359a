/*
 * The global object's classes, ServiceWorkerGlobalScope and WorkerGlobalScope (Service Workers section 4.1), which make
 * it an EventTarget, and its attributes `self` and `origin`. Relies on `events`.
 */

const { ObjectDefineProperty, ObjectSetPrototypeOf, globalThis } = primordials;
const { defineInterface, illegalConstructor } = require("webidl");
const { EventTarget } = require("events");

class WorkerGlobalScope extends EventTarget {
  constructor() {
    throw illegalConstructor();
  }
}

class ServiceWorkerGlobalScope extends WorkerGlobalScope {}

defineInterface(WorkerGlobalScope);
defineInterface(ServiceWorkerGlobalScope);
ObjectSetPrototypeOf(globalThis, ServiceWorkerGlobalScope.prototype);

exports.globals = { ServiceWorkerGlobalScope, WorkerGlobalScope };

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
