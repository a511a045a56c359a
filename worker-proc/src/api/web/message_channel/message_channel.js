/*
 * MessageChannel and MessagePort (HTML section 9.4), within one isolate. A message is cloned when posted and delivered
 * in a microtask. A port starts with its first listener of any kind, as in Node. Relies on `events` and
 * `structured_clone`.
 */

const { ArrayIsArray, ArrayPrototypePush, Error, ObjectDefineProperty, PromisePrototypeThen, PromiseResolve } = primordials;
const { argumentError, defineInterface, fieldError, illegalConstructor, illegalInvocation, isObject, published } =
  require("webidl");
const { Event, EventTarget, dispatch, setListenerHook, trust } = require("events");
const { MessageEvent, setPorts } = require("events/kinds");
const { cloneMessage } = require("structured_clone");

const kCreate = { __proto__: null };

let stateOf;
let isMessagePort;

/** Messages that a port which nobody listens to holds; later ones throw. */
const MAX_PENDING_MESSAGES = 65536;

class MessagePort extends EventTarget {
  #state = {
    __proto__: null,
    peer: null,
    onmessage: null,
    closed: false,
    /** Messages that wait for the port to start; null once it has. */
    pending: [],
  };

  constructor(token) {
    if (token !== kCreate) throw illegalConstructor();
    super();
  }

  static {
    stateOf = (port) => {
      try {
        return port.#state;
      } catch {
        throw illegalInvocation();
      }
    };
    isMessagePort = (value) => isObject(value) && #state in value;
  }

  postMessage(message, options) {
    const state = stateOf(this);
    if (transferOf(options).length > 0) throw new Error("Transfer list is not supported");
    const copy = cloneMessage(message);
    if (state.peer !== null) deliver(state.peer, copy);
  }

  close() {
    stateOf(this);
    close(this);
  }

  start() {
    stateOf(this);
    start(this);
  }

  get onmessage() {
    return stateOf(this).onmessage;
  }
  set onmessage(handler) {
    const state = stateOf(this);
    state.onmessage = isObject(handler) ? handler : null;
    if (state.onmessage !== null) start(this);
  }
}

/** The list in the second argument of postMessage, which may stand in a dictionary. */
function transferOf(options) {
  if (options === undefined || options === null) return [];
  if (ArrayIsArray(options)) return options;
  if (!isObject(options)) throw argumentError("MessagePort", "postMessage", 2, "Array or PostMessageOptions");
  const { transfer } = options;
  if (transfer === undefined) return [];
  if (!ArrayIsArray(transfer)) throw fieldError("PostMessageOptions", "transfer", "Array");
  return transfer;
}

const resolved = PromiseResolve(undefined);

/** Runs `deliver` in a microtask. */
function soon(deliver) {
  PromisePrototypeThen(resolved, () => {
    try {
      deliver();
    } catch (error) {
      require("report_error").reportUncaught(error);
    }
  });
}

function deliver(port, message) {
  const state = stateOf(port);
  if (state.closed) return;
  if (state.pending === null) {
    soon(() => dispatchMessage(port, message));
  } else if (state.pending.length >= MAX_PENDING_MESSAGES) {
    throw new Error("Too many messages wait for a port that nobody listens to.");
  } else {
    ArrayPrototypePush(state.pending, message);
  }
}

function start(port) {
  const state = stateOf(port);
  if (state.closed || state.pending === null) return;
  const messages = state.pending;
  state.pending = null;
  if (messages.length === 0) return;
  soon(() => {
    for (let i = 0; i < messages.length; i++) dispatchMessage(port, messages[i]);
  });
}

const messageEvent = (port, data) => {
  const event = trust(new MessageEvent("message", { __proto__: null, data, source: port }));
  ObjectDefineProperty(event, "origin", { __proto__: null, value: null });
  return event;
};

/** An error that a listener throws comes as the next message; one more is nobody's. */
function dispatchMessage(port, message) {
  if (stateOf(port).closed) return;
  try {
    dispatch(port, messageEvent(port, message));
  } catch (error) {
    dispatch(port, messageEvent(port, error));
  }
}

function close(port) {
  const state = stateOf(port);
  if (state.closed) return;
  state.closed = true;
  state.pending = null;
  const { peer } = state;
  state.peer = null;
  if (peer !== null) close(peer);
  dispatch(port, trust(new Event("close")));
}

class MessageChannel {
  constructor() {
    const port1 = new MessagePort(kCreate);
    const port2 = new MessagePort(kCreate);
    stateOf(port1).peer = port2;
    stateOf(port2).peer = port1;
    defineField(this, "port1", port1);
    defineField(this, "port2", port2);
  }
}

const defineField = (object, key, value) =>
  ObjectDefineProperty(object, key, {
    __proto__: null,
    value,
    writable: false,
    enumerable: true,
    configurable: true,
  });

defineInterface(MessagePort);
defineInterface(MessageChannel);

setListenerHook((target, type) => {
  if (type === "message" && isMessagePort(target)) start(target);
});

const classes = { __proto__: null, MessageChannel: published(MessageChannel), MessagePort: published(MessagePort) };

exports.classes = classes;
setPorts(isMessagePort);

exports.install = function (global, flags, scope) {
  if (!flags.exposeGlobalMessageChannel) return;
  for (const name in classes) {
    ObjectDefineProperty(scope, name, {
      __proto__: null,
      value: classes[name],
      writable: true,
      enumerable: true,
      configurable: true,
    });
  }
};
