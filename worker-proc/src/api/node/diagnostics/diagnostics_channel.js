/*
 * node:diagnostics_channel: named channels, and tracing channels over five of them.
 * Relies on the async context for stores that a channel binds.
 */

// own: [kSubscribers] (a SafeSet); [kStores] (a SafeMap)
const {
  ArrayPrototypePush,
  ArrayPrototypeSome,
  ArrayPrototypeSplice,
  Error,
  ObjectAssign,
  ObjectCreate,
  ObjectDefineProperty,
  Promise,
  PromisePrototypeThen,
  PromiseReject,
  PromiseResolve,
  ReflectApply,
  SafeMap,
  SafeSet,
  Symbol,
  SymbolToStringTag,
  globalThis,
} = primordials;
const { reportError } = require("report_error");
const { queueMicrotask } = require("timers");
const { current, runIn, withValue } = require("async_context");
const { ERR_INVALID_ARG_TYPE } = require("node/common/errors");
const { setLength, setLengths } = require("node/common/unsupported");
const { validateObject } = require("node/common/validators");
const flags = require("flags");
const trace = require("trace");

const hasGetter = flags.diagnosticsChannelHasSubscribersGetter;
const channels = new SafeMap();

function checkSubscriber(callback) {
  if (typeof callback !== "function") throw new ERR_INVALID_ARG_TYPE("subscription", ["function"], callback);
}

/** A subscriber's or transform's error does not reach the publisher: it is reported. */
const report = (error) => queueMicrotask(() => reportError(error));

const isActive = (channel) => channel[kSubscribers].size > 0 || channel[kStores].size > 0;
const kSubscribers = Symbol("kSubscribers");
const kStores = Symbol("kStores");

class Channel {
  constructor(name) {
    this.name = name;
    ObjectDefineProperty(this, kSubscribers, { value: new SafeSet() });
    ObjectDefineProperty(this, kStores, { value: new SafeMap() });
  }

  publish(message) {
    trace.published(this.name, message);
    // A copy: subscribers may come and go while they are called.
    const subscribers = [];
    this[kSubscribers].forEach((callback) => ArrayPrototypePush(subscribers, callback));
    for (let i = 0; i < subscribers.length; i++) {
      const callback = subscribers[i];
      try {
        callback(message, this.name);
      } catch (error) {
        report(error);
      }
    }
  }

  subscribe(callback) {
    checkSubscriber(callback);
    this[kSubscribers].add(callback);
  }

  unsubscribe(callback) {
    return this[kSubscribers].delete(callback);
  }

  bindStore(store, transform) {
    this[kStores].set(store, transform);
  }

  unbindStore(store) {
    return this[kStores].delete(store);
  }

  runStores(message, callback, thisArg, ...args) {
    let frame = current();
    this[kStores].forEach((transform, store) => {
      let value = message;
      if (transform !== undefined) {
        try {
          value = transform(message);
        } catch (error) {
          report(error);
          return;
        }
      }
      frame = withValue(frame, store, value);
    });
    return runIn(
      frame,
      () => {
        this.publish(message);
        return ReflectApply(callback, thisArg, args);
      },
      undefined,
      [],
    );
  }
}

const defineHasSubscribers = (Class, isOn) =>
  ObjectDefineProperty(
    Class.prototype,
    "hasSubscribers",
    hasGetter
      ? {
          __proto__: null,
          get() {
            return isOn(this);
          },
          configurable: true,
        }
      : {
          __proto__: null,
          value: function hasSubscribers() {
            return isOn(this);
          },
          writable: true,
          configurable: true,
        },
  );
defineHasSubscribers(Channel, isActive);

function channel(name) {
  if (typeof name !== "string" && typeof name !== "symbol") {
    throw new ERR_INVALID_ARG_TYPE("channel", ["string", "symbol"], name);
  }
  let found = channels.get(name);
  if (found === undefined) channels.set(name, (found = new Channel(name)));
  return found;
}

const hasSubscribers = (name) => channels.has(name) && isActive(channels.get(name));
const subscribe = (name, callback) => channel(name).subscribe(callback);
const unsubscribe = (name, callback) => channel(name).unsubscribe(callback);

const EVENTS = ["start", "end", "asyncStart", "asyncEnd", "error"];
const kChannels = Symbol("kChannels");

class TracingChannel {
  constructor() {
    throw new Error("Use diagnostic_channel.tracingChannels() to create TracingChannel");
  }

  subscribe(subscriptions) {
    for (let i = 0; i < EVENTS.length; i++) {
      const event = EVENTS[i];
      if (subscriptions[event] !== undefined) this[event]?.subscribe(subscriptions[event]);
    }
  }

  unsubscribe(subscriptions) {
    for (let i = 0; i < EVENTS.length; i++) {
      const event = EVENTS[i];
      if (subscriptions[event] !== undefined) this[event]?.unsubscribe(subscriptions[event]);
    }
  }

  traceSync(fn, context = {}, thisArg = globalThis, ...args) {
    return traced(this, context, thisArg, () => {
      context.result = ReflectApply(fn, thisArg, args);
      return context.result;
    });
  }

  tracePromise(fn, context = {}, thisArg = globalThis, ...args) {
    const { asyncStart, asyncEnd, error } = this;
    const settled = () => {
      asyncStart?.publish(context);
      asyncEnd?.publish(context);
    };
    return traced(this, context, thisArg, () => {
      const promise = ReflectApply(fn, thisArg, args);
      return PromisePrototypeThen(
        promise instanceof Promise ? promise : PromiseResolve(promise),
        (result) => {
          context.result = result;
          settled();
          return result;
        },
        (reason) => {
          context.error = reason;
          error?.publish(context);
          settled();
          return PromiseReject(reason);
        },
      );
    });
  }

  traceCallback(fn, position = -1, context = {}, thisArg = globalThis, ...args) {
    const { asyncStart, asyncEnd, error } = this;
    const callback = args[position < 0 ? args.length + position : position];
    if (typeof callback !== "function") throw new ERR_INVALID_ARG_TYPE("callback", ["function"], callback);
    function wrapped(...results) {
      if (results[0]) {
        context.error = results[0];
        error?.publish(context);
      } else {
        context.result = results[1];
      }
      const run = () => {
        try {
          ReflectApply(callback, this, results);
        } finally {
          asyncEnd?.publish(context);
        }
      };
      if (asyncStart === undefined) run();
      else asyncStart.runStores(context, run, thisArg);
    }
    ArrayPrototypeSplice(args, position, 1, wrapped);
    return traced(this, context, thisArg, () => ReflectApply(fn, thisArg, args));
  }
}

/** Runs `body` between "start" and "end", publishing what it throws. */
function traced(tracing, context, thisArg, body) {
  const { start, end, error } = tracing;
  return start?.runStores(
    context,
    () => {
      try {
        return body();
      } catch (thrown) {
        context.error = thrown;
        error?.publish(context);
        throw thrown;
      } finally {
        end?.publish(context);
      }
    },
    thisArg,
  );
}

for (let i = 0; i < EVENTS.length; i++) {
  const event = EVENTS[i];
  ObjectDefineProperty(TracingChannel.prototype, event, {
    __proto__: null,
    get() {
      return this[kChannels]?.[event];
    },
    configurable: true,
  });
}
defineHasSubscribers(TracingChannel, (tracing) =>
  ArrayPrototypeSome(EVENTS, (event) => tracing[event] && isActive(tracing[event])),
);

function tracingChannel(nameOrChannels) {
  const list = {};
  if (typeof nameOrChannels !== "string") validateObject(nameOrChannels, "channels");
  for (let i = 0; i < EVENTS.length; i++) {
    const event = EVENTS[i];
    if (typeof nameOrChannels === "string") {
      list[event] = channel(`tracing:${nameOrChannels}:${event}`);
    } else {
      const given = nameOrChannels[event];
      if (!(given instanceof Channel)) throw new ERR_INVALID_ARG_TYPE(`channels.${event}`, "Channel", given);
      list[event] = given;
    }
  }
  return ObjectDefineProperty(ObjectCreate(TracingChannel.prototype), kChannels, { value: list });
}

const diagnosticsChannel = { hasSubscribers, channel, subscribe, unsubscribe, tracingChannel, Channel };

setLength([Channel], 2);
ObjectDefineProperty(Channel.prototype, SymbolToStringTag, { __proto__: null, value: "Channel", configurable: true });
setLengths(Channel.prototype, "publish/0 runStores/0");

ObjectAssign(exports, diagnosticsChannel, { TracingChannel, default: diagnosticsChannel });
