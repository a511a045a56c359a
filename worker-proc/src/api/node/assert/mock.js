/*
 * node:test: only `mock`, which counts the calls of functions and methods, and the uses of properties.
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
const { setLength } = require("node/common/unsupported");
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

  mockImplementationOnce(implementation, onCall) {
    onCall ??= this.#calls.length;
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

/** Stands for a property of an object, and counts what is read from it and written to it. */
class MockPropertyContext {
  #object;
  #name;
  #value;
  #original;
  #descriptor;
  #accesses = [];
  #once = new SafeMap();

  constructor(object, name, ...values) {
    this.#object = object;
    this.#name = name;
    this.#original = object[name];
    this.#value = values.length === 0 ? this.#original : values[0];
    this.#descriptor = ObjectGetOwnPropertyDescriptor(object, name);
    if (this.#descriptor === undefined) {
      throw new ERR_INVALID_ARG_VALUE("propertyName", name, "is not a property of the object");
    }
    const { configurable, enumerable } = this.#descriptor;
    ObjectDefineProperty(object, name, {
      __proto__: null,
      configurable,
      enumerable,
      get: () => this.#access("get", this.#value),
      set: (value) => this.mockImplementation(value),
    });
  }

  get accesses() {
    return ArrayPrototypeSlice(this.#accesses);
  }

  accessCount() {
    return this.#accesses.length;
  }

  mockImplementation(value) {
    if (!this.#descriptor.writable) throw new ERR_INVALID_ARG_VALUE("propertyName", this.#name, "cannot be set");
    this.#value = this.#access("set", value);
  }

  /** The value of an access: `value`, but for one that was set for just that access. */
  #access(type, value) {
    const index = this.#accesses.length;
    const given = this.#once.has(index) ? this.#once.get(index) : value;
    this.#once.delete(index);
    ArrayPrototypePush(this.#accesses, { __proto__: null, type, value: given, stack: new Error() });
    return given;
  }

  mockImplementationOnce(value, onAccess) {
    const index = onAccess ?? this.#accesses.length;
    validateInteger(index, "onAccess", this.#accesses.length);
    this.#once.set(index, value);
  }

  resetAccesses() {
    this.#accesses = [];
  }

  restore() {
    ObjectDefineProperty(this.#object, this.#name, { ...this.#descriptor, value: this.#original });
  }
}

function checkTimes(options) {
  if (options?.times !== undefined) validateInteger(options.times, "options.times", 1);
}

function checkName(value, name) {
  if (typeof value === "string" || typeof value === "symbol") return;
  throw new ERR_INVALID_ARG_TYPE(name, ["string", "symbol"], value);
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
    checkName(name, "methodName");
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

  getter(object, name, implementation = undefined, options = {}) {
    if (implementation !== null && typeof implementation === "object") {
      options = implementation;
      implementation = undefined;
    }
    return this.method(object, name, implementation, sideOptions(options, "getter", "setter"));
  }

  setter(object, name, implementation = undefined, options = {}) {
    if (implementation !== null && typeof implementation === "object") {
      options = implementation;
      implementation = undefined;
    }
    return this.method(object, name, implementation, sideOptions(options, "setter", "getter"));
  }

  property(object, propertyName, value) {
    validateObject(object, "object");
    checkName(propertyName, "propertyName");
    const context =
      arguments.length > 2
        ? new MockPropertyContext(object, propertyName, value)
        : new MockPropertyContext(object, propertyName);
    ArrayPrototypePush(this.#contexts, context);
    return new Proxy(object, {
      __proto__: null,
      get: (target, key, receiver) => (key === "mock" ? context : ReflectGet(target, key, receiver)),
    });
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

setLength([MockFunctionContext], 3);

ObjectAssign(exports, test, { default: test });
