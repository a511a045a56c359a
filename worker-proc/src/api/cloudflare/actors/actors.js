/* A Durable Object from inside: its instance and `ctx`. Called by actors/events.rs. */
const { Error, ObjectDefineProperty, PromisePrototypeThen, PromiseResolve, ReflectApply, ReflectConstruct, TypeError } =
  primordials;
const flags = require("flags");
const {
  argumentError,
  defineInterface,
  defineLazily,
  illegalConstructor,
  illegalInvocation,
  toDictionary,
} = require("webidl");
const { nativeRequest } = require("fetch/request");
const { describeError, fail } = require("event");
const { ASYNC, SYNC, logUncaught } = require("report_error");
const { DurableObject, keepAlive } = require("workers/entrypoints");
const { EVENT, refuse, serveEntrypoint } = require("rpc/serve");
const answered = require("workers/answered");
const restoring = require("workers/restore");
const { createId } = require("actors/namespace");
const workers = require("workers");

const inside = { __proto__: null };

/** What other folders add to `ctx`: name, and a function of the object's holder that makes the value. */
const parts = [];
function addPart(name, make) {
  parts[parts.length] = { name, make };
}

/* Compiled for workers that use them. */
addPart("storage", (holder) => require("storage").storageOf(holder, section));
const hibernation = () => require("websocket/hibernation");

function own(object, name, value) {
  ObjectDefineProperty(object, name, { __proto__: null, value, writable: true, enumerable: true, configurable: true });
}

/** The constructor's first argument. */
class DurableObjectState {
  #holder;

  constructor(token, holder) {
    if (token !== inside) throw illegalConstructor();
    this.#holder = holder;
    own(this, "id", holder.id);
    for (let i = 0; i < parts.length; i++) {
      const { name, make } = parts[i];
      defineLazily(this, name, () => make(holder));
    }
    if (flags.enableCtxExports) defineLazily(this, "exports", () => workers.exportsOf());
    defineLazily(this, "props", holder.props);
    own(this, "container", undefined);
  }

  waitUntil(promise) {
    if (!(#holder in this)) throw illegalInvocation();
    if (arguments.length === 0) throw argumentError("DurableObjectState", "waitUntil", 1, "Promise");
    keepAlive(promise);
  }

  blockConcurrencyWhile(callback) {
    if (!(#holder in this)) throw illegalInvocation();
    if (typeof callback !== "function") {
      throw argumentError("DurableObjectState", "blockConcurrencyWhile", 1, "function");
    }
    return section(callback, true);
  }

  acceptWebSocket(ws, tags = undefined) {
    if (!(#holder in this)) throw illegalInvocation();
    hibernation().acceptWebSocket(this.#holder, ws, tags);
  }

  getWebSockets(tag = undefined) {
    if (!(#holder in this)) throw illegalInvocation();
    return hibernation().getWebSockets(this.#holder, tag);
  }

  setWebSocketAutoResponse(pair = undefined) {
    if (!(#holder in this)) throw illegalInvocation();
    hibernation().setWebSocketAutoResponse(pair);
  }

  getWebSocketAutoResponse() {
    if (!(#holder in this)) throw illegalInvocation();
    return hibernation().getWebSocketAutoResponse();
  }

  getWebSocketAutoResponseTimestamp(ws) {
    if (!(#holder in this)) throw illegalInvocation();
    return hibernation().getWebSocketAutoResponseTimestamp(ws);
  }

  setHibernatableWebSocketEventTimeout(timeoutMs = undefined) {
    if (!(#holder in this)) throw illegalInvocation();
    hibernation().setHibernatableWebSocketEventTimeout(timeoutMs);
  }

  getHibernatableWebSocketEventTimeout() {
    if (!(#holder in this)) throw illegalInvocation();
    return hibernation().getHibernatableWebSocketEventTimeout();
  }

  getTags(ws) {
    if (!(#holder in this)) throw illegalInvocation();
    return hibernation().getTags(ws);
  }

  restore(params = undefined) {
    if (!(#holder in this)) throw illegalInvocation();
    return restoring.restore("DurableObjectState", this.#holder.instance, arguments.length, params);
  }

  abort(reason = undefined, options = undefined) {
    if (!(#holder in this)) throw illegalInvocation();
    const text = reason === undefined ? "Application called abort() to reset Durable Object." : `${reason}`;
    const members = toDictionary(options, () => argumentError("DurableObjectState", "abort", 2, "AbortOptions"));
    ops.abort(text, members?.retryAlarm === undefined || !!members.retryAlarm);
  }
}
defineInterface(DurableObjectState);

exports.install = (global, set) => {
  if (!set.allowIrrevocableStubStorage) delete DurableObjectState.prototype.restore;
};

/** Runs `callback` while no other event does. What it throws resets the object, if `resets`. */
function section(callback, resets) {
  return PromisePrototypeThen(ops.enterSection(), (number) => {
    const failed = (error) => {
      if (resets) {
        const { name, message } = describeError(error);
        logUncaught(ASYNC, error);
        ops.reset(name, message);
      }
      ops.leaveSection(number);
      throw error;
    };
    let result;
    try {
      result = PromiseResolve(callback());
    } catch (error) {
      return failed(error);
    }
    return PromisePrototypeThen(
      result,
      (value) => {
        ops.leaveSection(number);
        return value;
      },
      failed,
    );
  });
}

/**
 * Makes an instance. Returns what the other functions here take; an array tells of an exception. `name` is null where `id` is
 * text and no id.
 */
function construct(className, props, externals, id, name) {
  const holder = {
    __proto__: null,
    id: name === null ? id : createId(id, name),
    instance: undefined,
    props: () => workers.makeProps(props, externals),
    passThrough: false,
    life: ops.life(),
    stores: ops.stores(),
    hasAlarm: false,
    sockets: undefined,
  };
  try {
    const Class = workers.actorClass(className);
    if (Class === undefined)
      throw new TypeError(`The class ${className} is no Durable Object class that the worker exports.`);
    holder.hasAlarm = typeof Class.prototype.alarm === "function";
    holder.instance = ReflectConstruct(Class, [new DurableObjectState(inside, holder), workers.envOf()]);
  } catch (error) {
    const { name: kind, message } = describeError(error);
    logUncaught(SYNC, error, true);
    return [kind, message];
  }
  return holder;
}

const handlerOf = (holder, name) => {
  const handler = holder.instance[name];
  if (typeof handler !== "function") throw new Error(answered.noHandler(name));
  return handler;
};

function fetch(holder, event, head, method, url, body, length, cf) {
  if (method === "CONNECT") {
    workers.acceptConnection(event, url, body, cf, () => {
      const connect = handlerOf(holder, "connect");
      return (socket) => ReflectApply(connect, holder.instance, [socket]);
    });
    return;
  }
  workers.answer(event, holder, nativeRequest(head, method, url, body, length, cf), (request) =>
    ReflectApply(handlerOf(holder, "fetch"), holder.instance, [request]),
  );
}

/** Another event. `argument` is JSON for the handler's only argument. */
function event(holder, number, name, argument) {
  try {
    const handler = handlerOf(holder, name);
    workers.settle(number, ReflectApply(handler, holder.instance, [primordials.JSONParse(argument)]));
  } catch (error) {
    workers.failed(number, SYNC, error);
  }
}

/** An event of a hibernatable WebSocket; see websocket/hibernation. */
function webSocket(holder, number, socket, name, what, reason, wasClean) {
  try {
    workers.settle(number, hibernation().deliver(holder, socket, name, what, reason, wasClean));
  } catch (error) {
    workers.failed(number, SYNC, error);
  }
}

const NO_RPC =
  "The receiving Durable Object does not support RPC, because its class was not declared with `extends DurableObject`. In order " +
  "to enable RPC, make sure your class extends the special class `DurableObject`, which can be imported from the module " +
  '"cloudflare:workers".';

/** An event of which the sender wants to know the outcome. */
function deliverAnswered({ instance }, event, name, bytes, externals, reply) {
  if (name === restoring.EVENT) {
    restoring.serve(event, instance, bytes, externals, reply);
    return;
  }
  if (!answered.isKind(name)) throw new TypeError(answered.NO_EVENTS);
  const method = instance[name];
  const handler = typeof method !== "function" ? undefined : (controller) => ReflectApply(method, instance, [controller]);
  answered.deliver(event, name, bytes, externals, reply, { __proto__: null, handler, isScript: false, isAlone: false });
}

/** An RPC session's first call; see rpc/serve. */
function rpc(holder, event, path, operation, bytes, externals, reply) {
  try {
    if (operation === EVENT) {
      deliverAnswered(holder, event, path[0], bytes, externals, reply);
      return;
    }
    if (!flags.jsRpc && !(holder.instance instanceof DurableObject)) throw new TypeError(NO_RPC);
    serveEntrypoint(holder.instance, undefined, path, operation, bytes, externals, reply, workers.ended(event));
  } catch (error) {
    refuse(error, reply, externals);
    fail(event, error);
  }
}

exports.addPart = addPart;
exports.construct = construct;
exports.fetch = fetch;
exports.event = event;
exports.rpc = rpc;
exports.webSocket = webSocket;
