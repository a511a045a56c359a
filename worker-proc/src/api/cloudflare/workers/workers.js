/* From an event to the worker's handler and back. Called by dispatch/worker.rs: `setup` before the worker's code runs,
   `entrypoints` after it, `fetch` and `event` for each event. */
// own: require() (a binding's module)
const {
  ArrayPrototypePush,
  ArrayPrototypeSort,
  Error,
  JSONParse,
  ObjectDefineProperty,
  ObjectGetPrototypeOf,
  ObjectKeys,
  PromisePrototypeThen,
  PromiseResolve,
  ReflectApply,
  ReflectConstruct,
  ReflectOwnKeys,
  SafeMap,
  TypeError,
  globalThis,
} = primordials;
const { NO_PROMISE } = require("webidl");
const { nativeRequest, withoutUsedBody } = require("fetch/request");
const { isResponse, respond, sendResponse } = require("fetch/response");
const { fetchThrough, GLOBAL_OUTBOUND } = require("fetch");
const { WorkerEntrypoint, WorkflowEntrypoint, createContext } = require("workers/entrypoints");
const { createFetcher, createLoopback, keepLoopbacks } = require("rpc");
const { BOUND_STUB, SERVICE, readProps, writeProps } = require("rpc/externals");
const serving = require("rpc/serve");
const { EVENT } = serving;
const answered = require("workers/answered");
const restoring = require("workers/restore");
const { retainUntil } = require("streams/resource");
const { done, fail, isDisconnection } = require("event");
const { ASYNC, SYNC, logOnly, logUncaught } = require("report_error");
const trace = require("trace");
const { beginTime } = require("clock");
const flags = require("flags");
const serviceWorker = require("workers/service_worker");

const HANDLERS = [
  "fetch",
  "test",
  "scheduled",
  "queue",
  "tail",
  "trace",
  "tailStream",
  "alarm",
  "email",
  "connect",
  "webSocketMessage",
];

/** What a worker is made of, filled by `setup`. */
const worker = { env: undefined, entrypoints: new SafeMap(), exports: {}, script: false, identity: null };

/** Why nothing that leads to a worker which another one has loaded can be sent. */
const LOADED =
  "Entrypoints to dynamically-loaded workers cannot be transferred to other Workers, because the system does not know how to " +
  "reload this Worker from scratch. Instead, have the parent Worker expose an entrypoint which constructs the dynamic worker " +
  "and forwards to it.";

function isA(Class, Base) {
  for (let proto = Class; proto !== null; proto = ObjectGetPrototypeOf(proto)) if (proto === Base) return true;
  return false;
}

const isObject = (value) => (typeof value === "object" && value !== null) || typeof value === "function";

/** A class that extends none of the entrypoints is a Durable Object's, as before there were any. */
function kindOf(Class) {
  if (isA(Class, WorkerEntrypoint)) return "class";
  return isA(Class, WorkflowEntrypoint) ? "workflow" : "actor";
}

/* In brackets, as all that every start calls: see glue/bootstrap.js. */

/** Adds properties to `env`: of each its name, the module that makes it, and what that makes it of. */
const build = function (env, properties) {
  for (let i = 0; i < properties.length; i++) {
    const { 0: name, 1: module, 2: value } = properties[i];
    define(env, name, require(module).bind(value, name));
  }
  return env;
};

const define = function (object, name, value) {
  ObjectDefineProperty(object, name, { __proto__: null, value, writable: true, enumerable: true, configurable: true });
};

/** What another worker gave this one as its `env`: JSON or bytes, and the channels of what the bytes refer to. */
function addGiven(env, caps) {
  const externals = [];
  for (let i = 1; i < caps.length; i += 2)
    ArrayPrototypePush(externals, caps[i] ? BOUND_STUB : SERVICE, caps[i + 1], undefined);
  const given = makeProps(caps[0], externals);
  const names = ObjectKeys(given);
  for (let i = 0; i < names.length; i++) define(env, names[i], given[names[i]]);
}

/** `actors` makes what stands for a class of Durable Objects in `ctx.exports`. */
let makeActorLoopback;
function addLoopback(make) {
  makeActorLoopback = make;
}

/**
 * The worker's own entrypoints as bindings; for each its name and channel, the channel of its namespace or null, whether that
 * is ephemeral, and the channel of the service behind a workflow or null. Durable Objects come last.
 */
const setExports = function (list) {
  const actors = [];
  const add = (name, value) => define(worker.exports, name, value);
  for (let i = 0; i < list.length; i += 5) {
    const { kind } = worker.entrypoints.get(list[i]);
    const workflow = list[i + 4];
    if (kind === "object" || kind === "class") add(list[i], createLoopback(list[i + 1]));
    else if (kind === "workflow" && workflow !== null) add(list[i], makeWorkflow(workflow));
    else if (kind === "actor") ArrayPrototypePush(actors, i);
  }
  for (let i = 0; i < actors.length; i++) {
    const at = actors[i];
    add(list[at], makeActorLoopback(list[at + 1], list[at + 2], list[at + 3]));
  }
};

/** A workflow as its worker's bindings give it. */
const makeWorkflow = function (channel) {
  const fetcher = createFetcher(channel);
  return require("wrapped/make").make("cloudflare-internal:workflows-api", "default", { __proto__: null, fetcher });
};

/** The props of the class that runs a workflow, which has the service as an external; undefined if the worker has no such class. */
const workflowProps = function (workflowClassName, workflowName, service) {
  if (worker.entrypoints.get(workflowClassName)?.kind !== "workflow") return undefined;
  return writeProps({ workflowClassName, workflowName, workflowClass: createFetcher(service) }).bytes;
};

/**
 * Makes `env`: a script's properties are globals. `given`: what another worker, which has loaded this one, gives it; undefined
 * if none has, null if nothing. `traced`: there are tail workers. `identity`: the channel of who answers `ctx.access`.
 */
const setup = function (properties, given, script, traced, identity) {
  if (given !== undefined) keepLoopbacks(LOADED);
  if (traced) trace.enable();
  worker.script = script;
  worker.identity = identity;
  worker.env = script ? globalThis : {};
  build(worker.env, properties);
  if (given) addGiven(worker.env, given);
};

/** Takes the main module's namespace (null for a script); returns `entrypoint:handler`s. */
const entrypoints = function (namespace) {
  beginTime();
  if (worker.script) return serviceWorker.handlers();
  const list = [];
  const keys = ReflectOwnKeys(namespace);
  // The default entrypoint comes first.
  ArrayPrototypeSort(keys, (a, b) => (b === "default") - (a === "default"));
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i];
    if (typeof key !== "string") continue;
    const value = namespace[key];
    const isClass = typeof value === "function";
    if (!isObject(value)) {
      if (key === "default" && value === undefined) continue;
      throw new TypeError(
        `Incorrect type for map entry '${key}': the provided value is not of type 'function or ExportedHandler'.`,
      );
    }
    const kind = !isClass ? "object" : kindOf(value);
    worker.entrypoints.set(key, { value, kind });
    const source = isClass ? value.prototype : value;
    if (!isObject(source)) continue;
    for (let j = 0; j < HANDLERS.length; j++) {
      if (kind !== "actor" && typeof source[HANDLERS[j]] === "function") ArrayPrototypePush(list, `${key}:${HANDLERS[j]}`);
    }
    ArrayPrototypePush(list, `${key}:`);
  }
  return list;
};

/* What all events of plain entrypoints share under a flag. */
const sharedState = { __proto__: null, passThrough: false, self: undefined, access: undefined };
let sharedContext;

/** What an event of an entrypoint and its `ctx` share. */
const newState = (access = undefined) => ({ __proto__: null, passThrough: false, self: undefined, access });

/** `ctx` of an event of an entrypoint. */
function contextOf(entrypoint, state, props, externals) {
  const isShared = flags.reuseCtxAcrossNonclassEvents && worker.entrypoints.get(entrypoint ?? "default")?.kind === "object";
  if (isShared) return (sharedContext ??= createContext(sharedState, () => ({})));
  return createContext(state, () => makeProps(props, externals));
}

/** The handler of an entrypoint, with what it is called on: undefined if it has none. */
function target(entrypoint, handler, ctx, state) {
  const found = worker.entrypoints.get(entrypoint ?? "default");
  if (found === undefined) return undefined;
  if (found.kind === "object") {
    state.self = found.value;
    return { self: found.value, method: found.value[handler], bare: true };
  }
  const instance = ReflectConstruct(found.value, [ctx, worker.env]);
  state.self = instance;
  return { self: instance, method: instance[handler], bare: false };
}

/** `ctx.props` of what push_props in rpc/payload.rs gives: JSON, bytes with externals, or null. */
function makeProps(props, externals) {
  if (props === null) return {};
  return typeof props === "string" ? JSONParse(props) : readProps(props, externals);
}

/** A plain context has one event: its number does not matter. */
const ONLY = 0;

/** Answers the event with what `call(request)` gives: a response, or a promise of one. */
function answer(event, state, request, call) {
  const onError = (source, error) => {
    // A lost connection is not the worker's fault.
    if (!isDisconnection(error)) logUncaught(source, error, true);
    if (!state.passThrough) {
      fail(event, error);
      return;
    }
    trace.failed();
    // The origin answers in the worker's place.
    PromisePrototypeThen(fetchThrough(GLOBAL_OUTBOUND, withoutUsedBody(request), undefined), reply, (failure) =>
      fail(event, failure),
    );
  };
  const onRejected = (error) => onError(ASYNC, error);
  const reply = (value) => {
    try {
      if (!isResponse(value)) throw new TypeError(NO_RESPONSE);
      sendResponse(value, request, event);
    } catch (error) {
      onError(ASYNC, error);
    }
  };
  try {
    const result = call(request);
    if (isResponse(result)) {
      reply(result);
    } else {
      // As on workerd: whatever has a `then` is taken for a promise, a function or not.
      if (!isObject(result) || !("then" in result)) throw new TypeError(NO_PROMISE);
      PromisePrototypeThen(PromiseResolve(result), reply, onRejected);
    }
  } catch (error) {
    onError(SYNC, error);
  }
}

function fetch(entrypoint, props, externals, access, head, method, url, body, length, cf) {
  if (method === CONNECT) {
    connect(entrypoint, props, externals, url, body, cf);
    return;
  }
  const state = newState(access);
  answer(ONLY, state, nativeRequest(head, method, url, body, length, cf), (request) => {
    if (worker.script) return serviceWorker.fetch(request, state) ?? fetchThrough(GLOBAL_OUTBOUND, request, undefined);
    const ctx = contextOf(entrypoint, state, props, externals);
    const handler = target(entrypoint, "fetch", ctx, state);
    if (handler === undefined || typeof handler.method !== "function") throw new Error(answered.noHandler("fetch"));
    return handler.bare
      ? ReflectApply(handler.method, handler.self, [request, worker.env, ctx])
      : ReflectApply(handler.method, handler.self, [request]);
  });
}

/** A connection; see `acceptConnection`. The handler has more arguments than others of its kind. */
function connect(entrypoint, props, externals, authority, body, remote) {
  if (flags.connectPassThrough) {
    const passed = require("sockets").passOn(body, authority);
    PromisePrototypeThen(
      passed,
      (output) => respond(ONLY, 200, undefined, [], output, 0),
      (error) => fail(ONLY, error),
    );
    return;
  }
  acceptConnection(ONLY, authority, body, remote, () => {
    if (worker.script) throw new Error("Connect ingress is not currently supported with Service Workers syntax.");
    const state = newState();
    const ctx = contextOf(entrypoint, state, props, externals);
    const { self, method, bare } = target(entrypoint, "connect", ctx, state) ?? {};
    if (typeof method !== "function") {
      require("trace/record").warnOnce(NO_CONNECT);
      throw new Error(answered.noHandler("connect"));
    }
    return (socket) => ReflectApply(method, self, bare ? [socket, worker.env, ctx] : [socket, undefined, undefined]);
  });
}

/**
 * Answers a CONNECT: `open()` gives what handles the socket, or throws. The connection is there before that runs, and gone
 * when it has ended.
 */
function acceptConnection(event, authority, body, remote, open) {
  let handle;
  let accepted;
  try {
    handle = open();
    accepted = require("sockets").accept(body, authority, remote);
  } catch (error) {
    failed(event, SYNC, error);
    return;
  }
  const { socket, output, end } = accepted;
  respond(event, 200, undefined, [], output, 0);
  const threw = (source) => (error) => {
    // A lost connection is not the worker's fault.
    if (!isDisconnection(error)) logUncaught(source, error);
    end(new TypeError("Can't read from request stream after responding with an exception."));
  };
  let handled;
  try {
    handled = PromiseResolve(handle(socket));
  } catch (error) {
    threw(SYNC)(error);
    return;
  }
  const over = () => end(new TypeError("Can't read from request stream because client disconnected."));
  retainUntil(PromisePrototypeThen(handled, over, threw(ASYNC)));
}

const CONNECT = "CONNECT";
const NO_CONNECT = "Received a connect event but we lack a handler. Did you remember to export a connect() function?";
const NO_RESPONSE = "Incorrect type for Promise: the Promise did not resolve to 'Response'.";
const NO_TAIL = "Attempted to send events but we lack a handler, did you remember to export a tail() function?";

/** The event ends with the result, or with the promise that it is. */
function settle(event, result) {
  PromisePrototypeThen(
    PromiseResolve(result),
    () => done(event),
    (error) => failed(event, ASYNC, error),
  );
}

/** The entrypoint's first handler of these names, as a function of its first argument; undefined if it has none. */
function handlerOf(entrypoint, props, externals, names) {
  const state = newState();
  const ctx = contextOf(entrypoint, state, props, externals);
  for (let i = 0; i < names.length; i++) {
    const handler = target(entrypoint, names[i], ctx, state);
    if (handler === undefined || typeof handler.method !== "function") continue;
    return (first) => ReflectApply(handler.method, handler.self, handler.bare ? [first, worker.env, ctx] : [first]);
  }
  return undefined;
}

/** Events other than fetch: `argument` is JSON for the handler's first argument, or what a tail worker is told. */
function event(entrypoint, props, externals, name, argument) {
  try {
    let result;
    if (name === "tail") {
      const events = [require("trace/items").traceItem(argument)];
      if (worker.script) {
        serviceWorker.tail(events);
      } else {
        const call = handlerOf(entrypoint, props, externals, ["tail", "trace"]);
        if (call === undefined) {
          require("trace/record").warnOnce(NO_TAIL);
          throw new Error(answered.noHandler("tail"));
        }
        result = call(events);
      }
    } else if (name === "tailStream") {
      const call = worker.script ? undefined : handlerOf(entrypoint, props, externals, ["tailStream"]);
      result = require("trace/stream").run(argument, call);
    } else if (worker.script) {
      result = serviceWorker.event(name, JSONParse(argument));
    } else {
      const call = handlerOf(entrypoint, props, externals, [name]);
      if (call === undefined) throw new Error(answered.noHandler(name));
      const make = controllers[name];
      result = call(make === undefined ? JSONParse(argument) : make(argument));
    }
    settle(ONLY, result);
  } catch (error) {
    failed(ONLY, SYNC, error);
  }
}

/** The event ends with an exception, which the log shows. */
function failed(event, source, error) {
  logUncaught(source, error);
  fail(event, error);
}

/**
 * For rpc/serve: ends the event as its call did. The log shows what the worker threw, not calls of what is not there; tail
 * workers are told of neither, as it is the caller's.
 */
const ended = (event) => (error, threw, called) => {
  if (!threw) {
    done(event);
    return;
  }
  if (called) logOnly(ASYNC, error, true);
  fail(event, error);
};

/** An event of which the sender wants to know the outcome. */
function deliverAnswered(entrypoint, props, propsExternals, name, bytes, externals, reply) {
  if (name === restoring.EVENT) {
    const state = newState();
    const ctx = contextOf(entrypoint, state, props, propsExternals);
    target(entrypoint, name, ctx, state);
    restoring.serve(ONLY, state.self, bytes, externals, reply);
    return;
  }
  if (!answered.isKind(name)) throw new TypeError(answered.NO_EVENTS);
  const receiver = { __proto__: null, handler: undefined, isScript: worker.script, isAlone: true };
  receiver.handler = worker.script ? serviceWorker.listener(name) : handlerOf(entrypoint, props, propsExternals, [name]);
  answered.deliver(ONLY, name, bytes, externals, reply, receiver);
}

/** The first call of an RPC session; see rpc/serve. */
function rpc(entrypoint, props, propsExternals, path, operation, bytes, externals, reply) {
  try {
    if (operation === EVENT) {
      deliverAnswered(entrypoint, props, propsExternals, path[0], bytes, externals, reply);
      return;
    }
    const found = worker.script ? undefined : worker.entrypoints.get(entrypoint ?? "default");
    if (found === undefined) throw new TypeError("The receiver is not an RPC object");
    const state = newState();
    const ctx = contextOf(entrypoint, state, props, propsExternals);
    const bare = found.kind === "object";
    const object = bare ? found.value : ReflectConstruct(found.value, [ctx, worker.env]);
    state.self = object;
    serving.serveEntrypoint(
      object,
      bare ? [worker.env, ctx] : undefined,
      path,
      operation,
      bytes,
      externals,
      reply,
      ended(ONLY),
    );
  } catch (error) {
    serving.refuse(error, reply, externals);
    failed(ONLY, SYNC, error);
  }
}

const controllers = { __proto__: null, test: () => ({}) };

exports.LOADED = LOADED;
exports.build = build;
exports.addLoopback = addLoopback;
exports.entrypoints = entrypoints;
exports.setup = setup;
exports.setExports = setExports;
exports.acceptConnection = acceptConnection;
exports.answer = answer;
exports.settle = settle;
exports.ended = ended;
exports.failed = failed;
/** The class of an entrypoint that is a Durable Object's. */
exports.actorClass = (name) => {
  const found = worker.entrypoints.get(name);
  return found !== undefined && found.kind === "actor" ? found.value : undefined;
};
exports.makeProps = makeProps;
exports.workflowProps = workflowProps;
exports.identityChannel = () => worker.identity;
exports.fetch = fetch;
exports.event = event;
exports.rpc = rpc;
exports.envOf = () => worker.env;
exports.exportsOf = () => worker.exports;
