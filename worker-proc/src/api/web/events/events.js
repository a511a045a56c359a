/*
 * Event and EventTarget (DOM section 2), without a tree: an event has one target. The global scope is a target too.
 * AbortSignal, WebSocket, EventSource and MessagePort derive from EventTarget; the runtime fires trusted events
 * through `dispatch`. Relies on `webidl` and `dom_exception`; `abort` says what a signal is that a listener is tied to.
 */

// own: map (a SafeMap)
const {
  ArrayPrototypePush,
  ArrayPrototypeSlice,
  ArrayPrototypeSplice,
  FunctionPrototypeCall,
  ObjectDefineProperty,
  ReflectDeleteProperty,
  ReflectGetOwnPropertyDescriptor,
  SafeMap,
  TypeError,
} = primordials;
const {
  argumentError,
  constructorError,
  defineConstants,
  defineInterface,
  exposeMembers,
  fieldError,
  illegalInvocation,
  isObject,
  toDOMString,
  toDictionary,
} = require("webidl");
const { DOMException } = require("dom_exception");
const flags = require("flags");

/** `isAbortSignal`, `isAborted` and `addAlgorithm` of `abort`. */
let signals;

let stateOfEvent;
let isEvent;

/** The members of the EventInit dictionary, read in their order. */
function readInit(init) {
  return {
    __proto__: null,
    bubbles: !!init.bubbles,
    cancelable: !!init.cancelable,
    composed: !!init.composed,
  };
}

const noInit = { __proto__: null, bubbles: false, cancelable: false, composed: false };

class Event {
  #state;

  constructor(type, init) {
    if (arguments.length < 1) throw constructorError("Event", 1, "string");
    type = toDOMString(type);
    const members = toDictionary(init, () => constructorError("Event", 2, "Init"));
    this.#state = {
      __proto__: null,
      type,
      init: members === undefined ? noInit : readInit(members),
      target: undefined,
      dispatching: false,
      passive: false,
      prevented: false,
      stopped: false,
      propagationStopped: false,
      trusted: false,
    };
    if (flags.pedanticWpt) ownIsTrusted(this, false);
  }

  static {
    stateOfEvent = (event) => {
      try {
        return event.#state;
      } catch {
        throw illegalInvocation();
      }
    };
    isEvent = (value) => isObject(value) && #state in value;
  }

  get type() {
    return stateOfEvent(this).type;
  }
  get eventPhase() {
    return stateOfEvent(this).dispatching ? 2 : 0;
  }
  get composed() {
    return stateOfEvent(this).init.composed;
  }
  get bubbles() {
    return stateOfEvent(this).init.bubbles;
  }
  get cancelable() {
    return stateOfEvent(this).init.cancelable;
  }
  get defaultPrevented() {
    return isDefaultPrevented(stateOfEvent(this));
  }
  get returnValue() {
    return !isDefaultPrevented(stateOfEvent(this));
  }
  get currentTarget() {
    const { target, dispatching } = stateOfEvent(this);
    return flags.pedanticWpt && !dispatching ? null : target;
  }
  get target() {
    return stateOfEvent(this).target;
  }
  get srcElement() {
    return stateOfEvent(this).target;
  }
  get timeStamp() {
    stateOfEvent(this);
    return 0;
  }
  get isTrusted() {
    return stateOfEvent(this).trusted;
  }
  get cancelBubble() {
    return stateOfEvent(this).propagationStopped;
  }
  set cancelBubble(value) {
    stateOfEvent(this).propagationStopped = !!value;
  }
  stopImmediatePropagation() {
    stateOfEvent(this).stopped = true;
  }
  preventDefault() {
    preventDefault(stateOfEvent(this));
  }
  stopPropagation() {
    stateOfEvent(this).propagationStopped = true;
  }
  composedPath() {
    const state = stateOfEvent(this);
    return state.dispatching ? [state.target] : [];
  }
}

defineInterface(Event);
defineConstants(Event, { __proto__: null, NONE: 0, CAPTURING_PHASE: 1, AT_TARGET: 2, BUBBLING_PHASE: 3 });

const isDefaultPrevented = (state) => state.init.cancelable && state.prevented;

function preventDefault(state) {
  if (!state.passive) state.prevented = true;
}

/** Under `pedantic_wpt`, every event has it itself. */
function ownIsTrusted(event, value) {
  ObjectDefineProperty(event, "isTrusted", {
    __proto__: null,
    value,
    writable: false,
    enumerable: true,
    configurable: true,
  });
}

/** What the prototype has under `pedantic_wpt`. */
const pedantic = exposeMembers(
  {
    get returnValue() {
      return !isDefaultPrevented(stateOfEvent(this));
    },
    set returnValue(value) {
      const state = stateOfEvent(this);
      if (!value) preventDefault(state);
    },
  },
  () => false,
);

/** Marks an event made by the runtime, so that `isTrusted` is true; returns it. */
function trust(event) {
  stateOfEvent(event).trusted = true;
  if (flags.pedanticWpt) ownIsTrusted(event, true);
  return event;
}

// Listeners. A target keeps, by type, the list of its listeners in the order they came.

let listenersOf;

class EventTarget {
  #listeners = null;

  static {
    const read = (target) => target.#listeners;
    const write = (target, map) => (target.#listeners = map);
    /** The listener map of a target: null while empty, unless `create`. */
    listenersOf = (target, create) => {
      if (target === scope.global || target === undefined) {
        return scope.listeners === null && create ? (scope.listeners = new SafeMap()) : scope.listeners;
      }
      try {
        const map = read(target);
        return map === null && create ? write(target, new SafeMap()) : map;
      } catch {
        throw illegalInvocation();
      }
    };
  }

  addEventListener(type, handler, options) {
    const map = listenersOf(this, true);
    if (arguments.length < 1) throw argumentError("EventTarget", "addEventListener", 1, "string");
    type = toDOMString(type);
    const callback = toHandler(handler, arguments.length);
    const { capture, once, passive, signal } = toAddOptions(options);
    if (callback === null) return;
    if (capture) throw new TypeError(`addEventListener(): ${capture} must be false.`);
    const list = map.get(type);
    if (list !== undefined && indexOfHandler(list, handler) >= 0) return;
    const listener = { __proto__: null, handler, callback, once, passive, removed: false };
    if (signal !== undefined) {
      if (signals.isAborted(signal)) return;
      signals.addAlgorithm(signal, () => removeListener(map, type, handler));
    }
    if (list === undefined) map.set(type, [listener]);
    else ArrayPrototypePush(list, listener);
    const hook = scope.listenerHook;
    if (hook !== null) hook(this, type);
  }

  removeEventListener(type, handler, options) {
    const map = listenersOf(this, false);
    if (arguments.length < 1) throw argumentError("EventTarget", "removeEventListener", 1, "string");
    type = toDOMString(type);
    const isNothing = handler === null || (handler === undefined && arguments.length > 1);
    if (!isNothing && !isObject(handler)) throw argumentError("EventTarget", "removeEventListener", 2, "Object");
    checkCapture("removeEventListener", options);
    if (map !== null && !isNothing) removeListener(map, type, handler);
  }

  dispatchEvent(event) {
    listenersOf(this, false);
    if (!isEvent(event)) throw argumentError("EventTarget", "dispatchEvent", 1, "Event");
    return dispatch(this ?? scope.global, event);
  }
}

/** What belongs to the isolate: the global object and its listeners, and who wants to hear of new listeners. */
const scope = { __proto__: null, global: null, listeners: null, listenerHook: null };

defineInterface(EventTarget);

const noOptions = { __proto__: null, capture: undefined, once: false, passive: false, signal: undefined };

/** The function to call for a handler argument, or null where the argument is there but nothing. */
function toHandler(handler, count) {
  if (typeof handler === "function") return handler;
  if (handler === null || (handler === undefined && count > 1)) return null;
  if (!isObject(handler)) {
    throw argumentError("EventTarget", "addEventListener", 2, "function or HandlerObject");
  }
  const callback = handler.handleEvent;
  if (typeof callback !== "function") throw fieldError("HandlerObject", "handleEvent", "function");
  return callback;
}

/** `capture` names the option that asks for what there is not, if one does. */
function toAddOptions(options) {
  if (options === undefined) return noOptions;
  if (!isObject(options)) return options ? { __proto__: null, capture: "useCapture" } : noOptions;
  const capture = options.capture ? "options.capture" : undefined;
  const passive = !!options.passive;
  const once = !!options.once;
  const signal = options.signal;
  if (signal !== undefined && !signals.isAbortSignal(signal)) {
    throw fieldError("AddEventListenerOptions", "signal", "AbortSignal");
  }
  return { __proto__: null, capture, once, passive, signal };
}

function checkCapture(method, options) {
  if (isObject(options)) {
    if (options.capture) throw new TypeError(`${method}(): options.capture must be false.`);
  } else if (options) {
    throw new TypeError(`${method}(): useCapture must be false.`);
  }
}

function indexOfHandler(list, handler) {
  for (let i = 0; i < list.length; i++) if (list[i].handler === handler) return i;
  return -1;
}

function removeListener(map, type, handler) {
  const list = map.get(type);
  if (list === undefined) return;
  const index = indexOfHandler(list, handler);
  if (index < 0) return;
  list[index].removed = true;
  if (list.length === 1) map.delete(type);
  else ArrayPrototypeSplice(list, index, 1);
}

/**
 * Calls what `on<type>` holds and then the listeners, stopping at the first that throws. False if a listener prevented
 * the default, which it can for an event that is not cancelable too.
 */
function dispatch(target, event) {
  const state = stateOfEvent(event);
  if (state.dispatching) throw new DOMException("The event is already being dispatched.", "InvalidStateError");
  state.dispatching = true;
  state.target = target;
  state.prevented = false;
  try {
    const attribute = target[`on${state.type}`];
    if (typeof attribute === "function") call(attribute, undefined, event, state);
    const map = listenersOf(target, false);
    const list = map === null ? undefined : map.get(state.type);
    if (list === undefined) return !state.prevented;
    const current = list.length === 1 ? list : ArrayPrototypeSlice(list);
    const length = current.length;
    for (let i = 0; i < length; i++) {
      if (state.stopped) break;
      const listener = current[i];
      if (listener.removed) continue;
      if (listener.once) removeListener(map, state.type, listener.handler);
      const receiver = typeof listener.handler === "function" ? target : listener.handler;
      state.passive = listener.passive;
      call(listener.callback, receiver, event, state);
    }
    return !state.prevented;
  } finally {
    state.passive = false;
    state.dispatching = false;
  }
}

function call(callback, receiver, event, state) {
  const result = FunctionPrototypeCall(callback, flags.setEventTargetThis ? receiver : undefined, event);
  // Returning true is an old way to prevent the default.
  if (result === true) preventDefault(state);
}

/** How many listeners of a type a target has. */
function listenerCount(target, type) {
  const map = listenersOf(target, false);
  const list = map === null ? undefined : map.get(type);
  return list === undefined ? 0 : list.length;
}

/** Forgets every listener of a target that will never fire again. */
function removeAllListeners(target) {
  const map = listenersOf(target, false);
  if (map !== null) map.clear();
}

/** Called by the isolate for a rejection that nobody handles, or that somebody handles late. */
function reportRejection(type, promise, reason) {
  const map = scope.listeners;
  const attribute = scope.global[`on${type}`];
  if ((map === null || !map.has(type)) && typeof attribute !== "function") return;
  const { promiseRejectionEvent } = require("events/kinds");
  dispatch(scope.global, promiseRejectionEvent(type, promise, type === "unhandledrejection" ? reason : undefined));
}

exports.Event = Event;
exports.EventTarget = EventTarget;
exports.dispatch = dispatch;
const { addEventListener } = EventTarget.prototype;
/** Adds a listener to the global scope. */
exports.listen = (type, listener) => FunctionPrototypeCall(addEventListener, scope.global, type, listener);
exports.listenerCount = listenerCount;
exports.removeAllListeners = removeAllListeners;
exports.reportRejection = reportRejection;
/** `hook(target, type)` is told of every listener added (to the global scope: target is undefined or the global). */
exports.setListenerHook = (hook) => {
  scope.listenerHook = hook;
};
exports.setSignals = (functions) => {
  signals = functions;
};
exports.trust = trust;
exports.globals = { Event, EventTarget };
exports.install = function (global, flags) {
  scope.global = global;
  if (!flags.pedanticWpt) return;
  ReflectDeleteProperty(Event.prototype, "isTrusted");
  ObjectDefineProperty(Event.prototype, "returnValue", ReflectGetOwnPropertyDescriptor(pedantic, "returnValue"));
};
