/*
 * AsyncLocalStorage and AsyncResource, which `node:async_hooks` exports.
 */

const { TypeError, Error, globalThis } = primordials;
const { current, requestCheck, runIn, valueOf, withValue } = require("async_context");
const { argumentError, defineInterface, isObject } = require("webidl");

const isFunction = (value) => typeof value === "function";

/** `fn` bound to a frame: it checks the request, then runs with the caller's or the given receiver. */
function bindTo(frame, fn, hasReceiver, receiver) {
  const check = requestCheck();
  return function (...args) {
    check();
    return runIn(frame, fn, hasReceiver ? receiver : this, args);
  };
}

class AsyncLocalStorage {
  #defaultValue;
  #name;

  constructor(options = undefined) {
    if (isObject(options)) {
      this.#defaultValue = options.defaultValue;
      this.#name = options.name === undefined ? "" : `${options.name}`;
    } else {
      this.#name = "";
    }
  }

  get name() {
    return this.#name;
  }

  run(store, callback, ...args) {
    if (!isFunction(callback)) throw argumentError("AsyncLocalStorage", "run", 2, "function");
    // Reading a private field checks the receiver.
    void this.#name;
    return runIn(withValue(current(), this, store), callback, globalThis, args);
  }

  exit(callback, ...args) {
    if (!isFunction(callback)) throw argumentError("AsyncLocalStorage", "exit", 1, "function");
    void this.#name;
    return runIn(withValue(current(), this, undefined), callback, globalThis, args);
  }

  getStore() {
    return valueOf(this, this.#defaultValue);
  }

  enterWith() {
    throw new Error("asyncLocalStorage.enterWith() is not implemented");
  }

  disable() {
    throw new Error("asyncLocalStorage.disable() is not implemented");
  }

  static bind(fn) {
    if (!isFunction(fn)) throw argumentError("AsyncLocalStorage", "bind", 1, "function");
    return bindTo(current(), fn, false);
  }

  static snapshot() {
    const check = requestCheck();
    const frame = current();
    return function (fn, ...args) {
      if (!isFunction(fn)) throw new TypeError("The first argument must be a function");
      check();
      return runIn(frame, fn, this, args);
    };
  }
}

class AsyncResource {
  #frame = current();

  asyncId() {
    return 0;
  }

  triggerAsyncId() {
    return 0;
  }

  bind(fn, thisArg) {
    if (!isFunction(fn)) throw argumentError("AsyncResource", "bind", 1, "function");
    const bound = bindTo(this.#frame, fn, thisArg !== undefined, thisArg);
    bound.asyncResource = this;
    return bound;
  }

  runInAsyncScope(fn, thisArg, ...args) {
    if (!isFunction(fn)) throw argumentError("AsyncResource", "runInAsyncScope", 1, "function");
    return runIn(this.#frame, fn, thisArg === undefined ? globalThis : thisArg, args);
  }

  emitDestroy() {}

  static bind(fn, type, thisArg) {
    if (!isFunction(fn)) throw argumentError("AsyncResource", "bind", 1, "function");
    return new AsyncResource(type ?? "AsyncResource").bind(fn, thisArg);
  }
}

exports.AsyncLocalStorage = defineInterface(AsyncLocalStorage) ?? AsyncLocalStorage;
exports.AsyncResource = defineInterface(AsyncResource) ?? AsyncResource;
