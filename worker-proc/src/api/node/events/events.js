/*
 * node:events: EventEmitter and the helpers around it (`once`, `on`, `getEventListeners` ...).
 * Relies on the async context for EventEmitterAsyncResource and on nextTick for captured rejections.
 */

const {
  ArrayPrototypeFilter,
  ArrayPrototypeFindLastIndex,
  ArrayPrototypeMap,
  ArrayPrototypePush,
  ArrayPrototypeShift,
  ArrayPrototypeSlice,
  ArrayPrototypeSplice,
  ArrayPrototypeUnshift,
  Boolean,
  Error,
  FunctionPrototypeCall,
  NumberIsNaN,
  ObjectAssign,
  ObjectDefineProperties,
  ObjectDefineProperty,
  ObjectGetPrototypeOf,
  Promise,
  PromiseReject,
  PromiseResolve,
  ReflectApply,
  ReflectOwnKeys,
  String,
  Symbol,
  SymbolAsyncIterator,
  SymbolDispose,
  SymbolFor,
} = primordials;
const { inspect } = require("console/inspect");
const { kind, Kind } = require("console/introspect");
const { AsyncResource } = require("async_context/async_local_storage");
const {
  AbortError,
  ERR_INVALID_ARG_TYPE,
  ERR_INVALID_THIS,
  ERR_OUT_OF_RANGE,
  ERR_UNHANDLED_ERROR,
} = require("node/common/errors");
const { processObject } = require("node/common/process");
const { setLength, setLengths } = require("node/common/unsupported");
const { validateAbortSignal, validateBoolean, validateFunction, validateObject } = require("node/common/validators");
const { EventTarget } = require("events");
const flags = require("flags");
const { queueMicrotask } = require("timers");

const kRejection = SymbolFor("nodejs.rejection");
const kCapture = Symbol("kCapture");
const kErrorMonitor = Symbol("events.errorMonitor");
const kMaxEventTargetListeners = Symbol("events.maxEventTargetListeners");

let defaultMaxListeners = 10;

function EventEmitter(options) {
  FunctionPrototypeCall(EventEmitter.init, this, options);
}

function checkLimit(value, name) {
  if (typeof value !== "number" || value < 0 || NumberIsNaN(value)) {
    throw new ERR_OUT_OF_RANGE(name, "a non-negative number", value);
  }
}

const checkListener = (listener) => validateFunction(listener, "listener");

EventEmitter.prototype._events = undefined;
EventEmitter.prototype._eventsCount = 0;
EventEmitter.prototype._maxListeners = undefined;
ObjectDefineProperty(EventEmitter.prototype, kCapture, { value: false, writable: true, enumerable: false });

EventEmitter.init = function (options) {
  if (this._events === undefined || this._events === ObjectGetPrototypeOf(this)._events) {
    this._events = { __proto__: null };
    this._eventsCount = 0;
  }
  this._maxListeners ??= undefined;
  this.domain = null;
  if (options?.captureRejections) {
    validateBoolean(options.captureRejections, "options.captureRejections");
    this[kCapture] = Boolean(options.captureRejections);
  } else {
    this[kCapture] = EventEmitter.prototype[kCapture];
  }
};

const maxListenersOf = (emitter) => emitter._maxListeners ?? defaultMaxListeners;

/** Passes on the rejection of an async listener, to the emitter's own handler or as "error". */
function watchRejection(emitter, promise, type, args) {
  if (!emitter[kCapture]) return;
  let then;
  try {
    ({ then } = promise);
  } catch (error) {
    emitter.emit("error", error);
    return;
  }
  if (typeof then !== "function") return;
  FunctionPrototypeCall(then, promise, undefined, (error) => {
    require("node/timers/next_tick").nextTick(() => {
      if (typeof emitter[kRejection] === "function") {
        ArrayPrototypeUnshift(args, error, type);
        ReflectApply(emitter[kRejection], emitter, args);
        return;
      }
      // A rejection of an "error" listener must not come back to it.
      const capture = emitter[kCapture];
      try {
        emitter[kCapture] = false;
        emitter.emit("error", error);
      } finally {
        emitter[kCapture] = capture;
      }
    });
  });
}

function call(emitter, listener, type, args) {
  const result = ReflectApply(listener, emitter, args);
  if (result !== undefined && result !== null) watchRejection(emitter, result, type, args);
}

function throwUnhandled(error) {
  if (error instanceof Error) throw error;
  let shown;
  try {
    shown = inspect(error);
  } catch {
    shown = error;
  }
  const unhandled = new ERR_UNHANDLED_ERROR(shown);
  unhandled.context = error;
  throw unhandled;
}

function warnOfLeak(emitter, list, type) {
  const max = maxListenersOf(emitter);
  if (max <= 0 || list.length <= max || list.warned) return;
  list.warned = true;
  const added = `${list.length} ${String(type)} listeners added to`;
  const say = (target) =>
    `Possible EventEmitter memory leak detected. ${added} ${target}. Use emitter.setMaxListeners() to increase limit`;
  require("console").console.log(say("an EventEmitter"));
  if (!flags.enableNodeJsProcessV2) return;
  const warning = new Error(say(inspect(emitter, { depth: -1 })));
  ObjectAssign(warning, { name: "MaxListenersExceededWarning", emitter, type, count: list.length });
  processObject().emitWarning(warning);
}

function add(emitter, type, listener, isFirst) {
  checkListener(listener);
  let events = emitter._events;
  if (events === undefined) {
    events = emitter._events = { __proto__: null };
    emitter._eventsCount = 0;
  } else if (events.newListener !== undefined) {
    emitter.emit("newListener", type, listener.listener ?? listener);
    // The listener may have replaced the table.
    events = emitter._events;
  }
  const present = events[type];
  if (present === undefined) {
    events[type] = listener;
    emitter._eventsCount++;
  } else if (typeof present === "function") {
    events[type] = isFirst ? [listener, present] : [present, listener];
    warnOfLeak(emitter, events[type], type);
  } else {
    if (isFirst) ArrayPrototypeUnshift(present, listener);
    else ArrayPrototypePush(present, listener);
    warnOfLeak(emitter, present, type);
  }
  return emitter;
}

/** A listener that removes itself, then calls the one it stands for. */
function onceWrapper(emitter, type, listener) {
  checkListener(listener);
  let isDone = false;
  const wrapped = function (...args) {
    if (isDone) return undefined;
    emitter.removeListener(type, wrapped);
    isDone = true;
    return ReflectApply(listener, emitter, args);
  };
  wrapped.listener = listener;
  return ObjectDefineProperty(wrapped, "name", { value: "bound onceWrapper" });
}

function listenersOf(emitter, type, unwrap) {
  const present = emitter._events?.[type];
  if (present === undefined) return [];
  const list = typeof present === "function" ? [present] : ArrayPrototypeSlice(present);
  return unwrap ? ArrayPrototypeMap(list, (listener) => listener.listener ?? listener) : list;
}

function listenerCount(type, listener) {
  const present = this._events?.[type];
  if (present === undefined) return 0;
  const list = typeof present === "function" ? [present] : present;
  if (listener == null) return list.length;
  return ArrayPrototypeFilter(list, (entry) => entry === listener || entry.listener === listener).length;
}

const emitterMethods = {
  setMaxListeners(n) {
    checkLimit(n, "n");
    this._maxListeners = n;
    return this;
  },

  getMaxListeners() {
    return maxListenersOf(this);
  },

  emit(type, ...args) {
    const events = this._events;
    if (type === "error") {
      if (events?.[kErrorMonitor] !== undefined) {
        const monitored = [kErrorMonitor];
        for (let i = 0; i < args.length; i++) monitored[i + 1] = args[i];
        ReflectApply(this.emit, this, monitored);
      }
      if (events?.error === undefined) throwUnhandled(args[0]);
    }
    const present = events?.[type];
    if (present === undefined) return false;
    if (typeof present === "function") {
      call(this, present, type, args);
    } else {
      // A copy: listeners may be added and removed while they run.
      const list = ArrayPrototypeSlice(present);
      for (let i = 0; i < list.length; i++) call(this, list[i], type, args);
    }
    return true;
  },

  addListener(type, listener) {
    return add(this, type, listener, false);
  },

  prependListener(type, listener) {
    return add(this, type, listener, true);
  },

  once(type, listener) {
    checkListener(listener);
    this.on(type, onceWrapper(this, type, listener));
    return this;
  },

  prependOnceListener(type, listener) {
    checkListener(listener);
    this.prependListener(type, onceWrapper(this, type, listener));
    return this;
  },

  removeListener(type, listener) {
    checkListener(listener);
    const events = this._events;
    const present = events?.[type];
    if (present === undefined) return this;
    const matches = (entry) => entry === listener || entry.listener === listener;
    let removed;
    if (typeof present === "function") {
      if (!matches(present)) return this;
      removed = present;
      this._eventsCount--;
      if (this._eventsCount === 0) this._events = { __proto__: null };
      else delete events[type];
    } else {
      // The most recently added one goes first.
      const index = ArrayPrototypeFindLastIndex(present, matches);
      if (index === -1) return this;
      removed = present[index];
      ArrayPrototypeSplice(present, index, 1);
      if (present.length === 1) events[type] = present[0];
    }
    if (events.removeListener !== undefined) this.emit("removeListener", type, removed.listener ?? listener);
    return this;
  },

  removeAllListeners(type) {
    const events = this._events;
    if (events === undefined) return this;
    if (events.removeListener === undefined) {
      if (arguments.length === 0) {
        this._events = { __proto__: null };
        this._eventsCount = 0;
      } else if (events[type] !== undefined) {
        this._eventsCount--;
        if (this._eventsCount === 0) this._events = { __proto__: null };
        else delete events[type];
      }
      return this;
    }
    if (arguments.length === 0) {
      for (let i = 0, keys = ReflectOwnKeys(events); i < keys.length; i++) {
        const key = keys[i];
        if (key !== "removeListener") this.removeAllListeners(key);
      }
      this.removeAllListeners("removeListener");
      this._events = { __proto__: null };
      this._eventsCount = 0;
      return this;
    }
    const list = listenersOf(this, type, false);
    for (let i = list.length - 1; i >= 0; i--) this.removeListener(type, list[i]);
    return this;
  },

  listeners(type) {
    return listenersOf(this, type, true);
  },

  rawListeners(type) {
    return listenersOf(this, type, false);
  },

  listenerCount,

  eventNames() {
    return this._eventsCount > 0 ? ReflectOwnKeys(this._events) : [];
  },
};
emitterMethods.on = emitterMethods.addListener;
emitterMethods.off = emitterMethods.removeListener;
ObjectAssign(EventEmitter.prototype, emitterMethods);

// What follows works on emitters and event targets alike.

const isEmitter = (value) => typeof value?.on === "function";
const isTarget = (value) => typeof value?.addEventListener === "function";
const wrongEmitter = (value) => new ERR_INVALID_ARG_TYPE("emitter", "EventEmitter", value);

function listen(emitter, name, listener, options) {
  if (isEmitter(emitter)) {
    if (options?.once) emitter.once(name, listener);
    else emitter.on(name, listener);
  } else if (isTarget(emitter)) {
    emitter.addEventListener(name, listener, options);
  } else {
    throw wrongEmitter(emitter);
  }
}

function unlisten(emitter, name, listener, options) {
  if (typeof emitter?.removeListener === "function") emitter.removeListener(name, listener);
  else if (typeof emitter?.removeEventListener === "function") emitter.removeEventListener(name, listener, options);
  else throw wrongEmitter(emitter);
}

/** Resolves with the arguments of the next `name`, rejects with an earlier "error". */
async function once(emitter, name, options = {}) {
  validateObject(options, "options");
  const { signal } = options;
  validateAbortSignal(signal, "options.signal");
  if (signal?.aborted) throw new AbortError(undefined, { cause: signal.reason });
  return new Promise((resolve, reject) => {
    const targetOptions = { once: true };
    const done = () => {
      unlisten(emitter, name, onEvent);
      if (typeof emitter.removeListener === "function") emitter.removeListener("error", onError);
      if (signal != null) unlisten(signal, "abort", onAbort);
    };
    const onEvent = (...args) => {
      done();
      resolve(args);
    };
    const onError = (error) => {
      done();
      reject(error);
    };
    const onAbort = () => {
      done();
      reject(new AbortError(undefined, { cause: signal.reason }));
    };
    listen(emitter, name, onEvent, targetOptions);
    if (name !== "error" && typeof emitter.once === "function") emitter.once("error", onError);
    if (signal != null) listen(signal, "abort", onAbort, { once: true });
  });
}

/** An async iterator over the arguments of every `name`. */
function on(emitter, name, options = {}) {
  validateObject(options, "options");
  const { signal } = options;
  validateAbortSignal(signal, "options.signal");
  if (signal?.aborted) throw new AbortError(undefined, { cause: signal.reason });
  if (!isEmitter(emitter) && !isTarget(emitter)) throw wrongEmitter(emitter);

  const events = [];
  const waiting = [];
  let failure;
  let isFinished = false;
  const closing = options.close ?? [];

  const finish = () => {
    isFinished = true;
    unlisten(emitter, name, onEvent);
    if (isEmitter(emitter)) emitter.removeListener("error", onError);
    for (let i = 0; i < closing.length; i++) unlisten(emitter, closing[i], onClose);
    if (signal) unlisten(signal, "abort", onAbort);
    for (let i = 0, entries = ArrayPrototypeSplice(waiting, 0); i < entries.length; i++)
      entries[i].resolve({ value: undefined, done: true });
    return PromiseResolve({ value: undefined, done: true });
  };
  const onEvent = (...args) => {
    if (waiting.length > 0) ArrayPrototypeShift(waiting).resolve({ value: args, done: false });
    else ArrayPrototypePush(events, args);
  };
  const onError = (error) => {
    if (waiting.length > 0) ArrayPrototypeShift(waiting).reject(error);
    else failure = { error };
    finish();
  };
  const onAbort = () => onError(new AbortError(undefined, { cause: signal.reason }));
  const onClose = () => finish();

  listen(emitter, name, onEvent);
  if (name !== "error" && isEmitter(emitter)) emitter.on("error", onError);
  for (let i = 0; i < closing.length; i++) listen(emitter, closing[i], onClose);
  if (signal) listen(signal, "abort", onAbort, { once: true });

  return {
    __proto__: ObjectGetPrototypeOf(ObjectGetPrototypeOf(async function* () {}).prototype),
    next() {
      if (events.length > 0) return PromiseResolve({ value: ArrayPrototypeShift(events), done: false });
      if (failure !== undefined) {
        const { error } = failure;
        failure = undefined;
        return PromiseReject(error);
      }
      if (isFinished) return finish();
      return new Promise((resolve, reject) => ArrayPrototypePush(waiting, { resolve, reject }));
    },
    return() {
      return finish();
    },
    throw(error) {
      if (kind(error) !== Kind.Error && !(error instanceof Error)) {
        throw new ERR_INVALID_ARG_TYPE("EventEmitter.AsyncIterator", "Error", error);
      }
      onError(error);
    },
    [SymbolAsyncIterator]() {
      return this;
    },
  };
}

function getEventListeners(target, type) {
  if (typeof target?.listeners === "function") return target.listeners(type);
  if (target instanceof EventTarget) return [];
  throw new ERR_INVALID_ARG_TYPE("emitter", ["EventEmitter", "EventTarget"], target);
}

function getMaxListeners(target) {
  if (typeof target?.getMaxListeners === "function") return maxListenersOf(target);
  if (typeof target?.[kMaxEventTargetListeners] === "number") return target[kMaxEventTargetListeners];
  if (target instanceof EventTarget) return defaultMaxListeners;
  throw new ERR_INVALID_ARG_TYPE("emitter", ["EventEmitter", "EventTarget"], target);
}

function setMaxListeners(n = defaultMaxListeners, ...targets) {
  checkLimit(n, "n");
  if (targets.length === 0) {
    defaultMaxListeners = n;
    return;
  }
  for (let i = 0; i < targets.length; i++) {
    const target = targets[i];
    if (target instanceof EventTarget) target[kMaxEventTargetListeners] = n;
    else if (typeof target?.setMaxListeners === "function") target.setMaxListeners(n);
    else throw new ERR_INVALID_ARG_TYPE("eventTargets", ["EventEmitter", "EventTarget"], target);
  }
}

function addAbortListener(signal, listener) {
  if (signal === undefined) throw new ERR_INVALID_ARG_TYPE("signal", "AbortSignal", signal);
  validateAbortSignal(signal, "signal");
  validateFunction(listener, "listener");
  let remove;
  if (signal.aborted) {
    queueMicrotask(() => listener());
  } else {
    signal.addEventListener("abort", listener, { __proto__: null, once: true });
    remove = () => signal.removeEventListener("abort", listener);
  }
  return {
    __proto__: null,
    [SymbolDispose]() {
      remove?.();
    },
  };
}

/** An emitter whose listeners run in the async context it was made in. */
class EventEmitterAsyncResource extends EventEmitter {
  #resource;

  constructor(options = undefined) {
    let name;
    if (typeof options === "string") {
      name = options;
      options = undefined;
    } else {
      name = options?.name || new.target.name;
    }
    super(options);
    this.#resource = new ReferencingResource(this, name, options);
  }

  emit(event, ...args) {
    if (!(#resource in this)) throw new ERR_INVALID_THIS("EventEmitterAsyncResource");
    ArrayPrototypeUnshift(args, super.emit, this, event);
    return ReflectApply(this.#resource.runInAsyncScope, this.#resource, args);
  }

  emitDestroy() {
    if (!(#resource in this)) throw new ERR_INVALID_THIS("EventEmitterAsyncResource");
  }

  get asyncId() {
    if (!(#resource in this)) throw new ERR_INVALID_THIS("EventEmitterAsyncResource");
    return this.#resource.asyncId();
  }

  get triggerAsyncId() {
    if (!(#resource in this)) throw new ERR_INVALID_THIS("EventEmitterAsyncResource");
    return this.#resource.triggerAsyncId();
  }

  get asyncResource() {
    if (!(#resource in this)) throw new ERR_INVALID_THIS("EventEmitterAsyncResource");
    return this.#resource;
  }
}

class ReferencingResource extends AsyncResource {
  #emitter;

  constructor(emitter, type, options) {
    super(type, options);
    this.#emitter = emitter;
  }

  get eventEmitter() {
    if (!(#emitter in this)) throw new ERR_INVALID_THIS("EventEmitterReferencingAsyncResource");
    return this.#emitter;
  }
}
ObjectDefineProperty(ReferencingResource, "name", { value: "EventEmitterReferencingAsyncResource" });

ObjectDefineProperties(EventEmitter, {
  captureRejections: {
    __proto__: null,
    get() {
      return EventEmitter.prototype[kCapture];
    },
    set(value) {
      validateBoolean(value, "EventEmitter.captureRejections");
      EventEmitter.prototype[kCapture] = value;
    },
    enumerable: true,
  },
  defaultMaxListeners: {
    __proto__: null,
    enumerable: true,
    get: () => defaultMaxListeners,
    set(value) {
      checkLimit(value, "defaultMaxListeners");
      defaultMaxListeners = value;
    },
  },
  kMaxEventTargetListeners: { __proto__: null, value: kMaxEventTargetListeners, enumerable: false },
});

const statics = {
  addAbortListener,
  once,
  on,
  getEventListeners,
  getMaxListeners,
  setMaxListeners,
  EventEmitter,
  usingDomains: false,
  captureRejectionSymbol: kRejection,
  kMaxEventTargetListenersWarned: Symbol("events.maxEventTargetListenersWarned"),
  EventEmitterAsyncResource,
  errorMonitor: kErrorMonitor,
  listenerCount(emitter, type) {
    if (typeof emitter.listenerCount === "function") return emitter.listenerCount(type);
    return ReflectApply(listenerCount, emitter, [type]);
  },
};
setLength([EventEmitterAsyncResource], 1);
setLengths(EventEmitter.prototype, "listenerCount/1");
ObjectAssign(EventEmitter, statics);

ObjectAssign(exports, statics, {
  captureRejections: false,
  defaultMaxListeners,
  init: EventEmitter.init,
  default: EventEmitter,
});
