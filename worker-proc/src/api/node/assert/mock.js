/*
 * node:test: only `mock`, which counts the calls of functions and methods.
 */

const {
  ArrayPrototypePush,
  ArrayPrototypeSlice,
  Error,
  ObjectAssign,
  ObjectDefineProperty,
  ObjectGetOwnPropertyDescriptor,
  ObjectGetPrototypeOf,
  ObjectHasOwn,
  Proxy,
  ReflectApply,
  ReflectConstruct,
  ReflectGet,
  SafeMap,
} = primordials;
const { ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE } = require("node/common/errors");
const { validateFunction, validateInteger, validateObject } = require("node/common/validators");

class MockFunctionContext {
  #calls = [];
  #state;
  #once = new SafeMap();

  constructor(state) {
    this.#state = state;
  }

  get calls() {
    return ArrayPrototypeSlice(this.#calls);
  }

  callCount() {
    return this.#calls.length;
  }

  mockImplementation(implementation) {
    validateFunction(implementation, "implementation");
    this.#state.implementation = implementation;
  }

  mockImplementationOnce(implementation, onCall = this.#calls.length) {
    validateFunction(implementation, "implementation");
    validateInteger(onCall, "onCall", this.#calls.length);
    this.#once.set(onCall, implementation);
  }

  restore() {
    this.#state.restore?.();
    this.#state.implementation = this.#state.original;
  }

  resetCalls() {
    this.#calls = [];
  }

  /** The implementation for the next call: one set for just that call, the mock's, or the original's. */
  static next(context) {
    const index = context.#calls.length;
    const once = context.#once.get(index);
    if (once !== undefined) {
      context.#once.delete(index);
      return once;
    }
    const state = context.#state;
    return state.times === undefined || index < state.times ? state.implementation : state.original;
  }

  static track(context, call) {
    ArrayPrototypePush(context.#calls, call);
  }
}
const { next, track } = MockFunctionContext;
delete MockFunctionContext.next;
delete MockFunctionContext.track;

function makeMock(state) {
  const context = new MockFunctionContext(state);
  const invoke = (target, receiver, args, newTarget) => {
    const implementation = next(context);
    const call = {
      arguments: args,
      error: undefined,
      result: undefined,
      stack: new Error(),
      target: newTarget === undefined ? undefined : state.original,
      this: receiver,
    };
    try {
      call.result =
        newTarget === undefined
          ? ReflectApply(implementation, receiver, args)
          : ReflectConstruct(implementation, args, newTarget);
      if (newTarget !== undefined) call.this = call.result;
      return call.result;
    } catch (error) {
      call.error = error;
      throw error;
    } finally {
      track(context, call);
    }
  };
  return new Proxy(state.original, {
    __proto__: null,
    apply: (target, receiver, args) => invoke(target, receiver, args, undefined),
    construct: (target, args, newTarget) => invoke(target, undefined, args, newTarget),
    get: (target, key, receiver) => (key === "mock" ? context : ReflectGet(target, key, receiver)),
  });
}

function checkTimes(options) {
  if (options?.times !== undefined) validateInteger(options.times, "options.times", 1);
}

/** The options of `getter` and `setter`, which imply the option of that name. */
function sideOptions(options, side, other) {
  if (options[side] === false) throw new ERR_INVALID_ARG_VALUE(`options.${side}`, false, "cannot be false");
  if (options[other]) throw new ERR_INVALID_ARG_VALUE("options.setter", true, "cannot be used with 'options.getter'");
  return { ...options, [side]: true };
}

class MockTracker {
  #contexts = [];

  fn(original = function () {}, implementation = original, options = undefined) {
    if (original !== null && typeof original === "object") {
      options = original;
      original = function () {};
      implementation = original;
    } else if (implementation !== null && typeof implementation === "object") {
      options = implementation;
      implementation = original;
    }
    validateFunction(original, "original");
    validateFunction(implementation, "implementation");
    checkTimes(options);
    return this.#register({ original, implementation, times: options?.times });
  }

  method(object, name, implementation = undefined, options = {}) {
    if (implementation !== null && typeof implementation === "object") {
      options = implementation;
      implementation = undefined;
    }
    if (typeof name !== "string" && typeof name !== "symbol") {
      throw new ERR_INVALID_ARG_TYPE("methodName", ["string", "symbol"], name);
    }
    if (object === null || (typeof object !== "object" && typeof object !== "function")) {
      throw new ERR_INVALID_ARG_TYPE("object", ["Function", "Object"], object);
    }
    validateObject(options, "options");
    if (options.getter && options.setter) {
      throw new ERR_INVALID_ARG_VALUE("options.setter", options.setter, "cannot be used with 'options.getter'");
    }
    checkTimes(options);
    let owner = object;
    while (owner !== null && !ObjectHasOwn(owner, name)) owner = ObjectGetPrototypeOf(owner);
    const descriptor = owner === null ? undefined : ObjectGetOwnPropertyDescriptor(owner, name);
    const kind = options.getter ? "get" : options.setter ? "set" : "value";
    const original = descriptor?.[kind];
    if (typeof original !== "function") throw new ERR_INVALID_ARG_VALUE("methodName", original, "must be a method");
    const state = {
      original,
      implementation: implementation ?? original,
      times: options.times,
      restore() {
        ObjectDefineProperty(object, name, descriptor);
      },
    };
    const mocked = this.#register(state);
    ObjectDefineProperty(object, name, { ...descriptor, configurable: true, [kind]: mocked });
    return mocked;
  }

  getter(object, name, implementation, options = {}) {
    if (implementation !== null && typeof implementation === "object") {
      options = implementation;
      implementation = undefined;
    }
    return this.method(object, name, implementation, sideOptions(options, "getter", "setter"));
  }

  setter(object, name, implementation, options = {}) {
    if (implementation !== null && typeof implementation === "object") {
      options = implementation;
      implementation = undefined;
    }
    return this.method(object, name, implementation, sideOptions(options, "setter", "getter"));
  }

  reset() {
    this.restoreAll();
    this.#contexts = [];
  }

  restoreAll() {
    for (let i = 0; i < this.#contexts.length; i++) this.#contexts[i].restore();
  }

  #register(state) {
    const mocked = makeMock(state);
    ArrayPrototypePush(this.#contexts, mocked.mock);
    return mocked;
  }
}

const test = { mock: new MockTracker(), MockFunctionContext, MockTracker };

ObjectAssign(exports, test, { default: test });
