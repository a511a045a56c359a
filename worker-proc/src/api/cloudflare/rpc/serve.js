/* The serving side: a call on an object of this isolate, by the rules of what may be reached. Called by rpc/object.rs, and by
   `workers` and `actors` for the first call of a session. */
const {
  ArrayPrototypeJoin,
  ObjectGetPrototypeOf,
  ObjectHasOwn,
  ObjectPrototype,
  PromisePrototypeThen,
  PromiseResolve,
  ReflectApply,
  ReflectDeleteProperty,
  SymbolDispose,
  TypeError,
} = primordials;
const { isObject } = require("webidl");
const { Reader, Writer, read, write } = require("rpc/externals");
const rpc = require("rpc");
const { isPlain, isProxy } = require("structured_clone/prepare");
const errors = require("rpc/errors");
const trace = require("trace");

const { STUB, PROPERTY, SERVICE, stateOf } = rpc;

/** Names that every target keeps to itself, and those that entrypoints keep. */
const RESERVED = { __proto__: null, dup: true, constructor: true };
const RESERVED_BY_ENTRYPOINTS = {
  __proto__: null,
  dup: true,
  constructor: true,
  fetch: true,
  connect: true,
  alarm: true,
  webSocketMessage: true,
  webSocketClose: true,
  webSocketError: true,
};

const { GET, CALL, EVENT } = ops.CallKind;
const { NUMBER: TO_NUMBER, FIRST_EXTERNAL: TO_FIRST_EXTERNAL, NOTHING: TO_NOTHING } = ops.Pipeline;

const notImplemented = (name) => new TypeError(`The RPC receiver does not implement the method "${name}".`);

/** Follows a path from an object: the value at its end, and the object that it was found on. */
function lookUp(object, path, allowInstance, reserved) {
  if (path.length === 0) return { __proto__: null, value: object, self: object };
  let inStub = false;
  for (let i = 0; ; i++) {
    const name = path[i];
    if (reserved[name] === true) throw new TypeError(`'${name}' is a reserved method and cannot be called over RPC.`);
    // Of plain objects what they own can be reached; of instances what their class has.
    if (ObjectHasOwn(object, name) !== allowInstance) throw notImplemented(name);
    const value = object[name];
    if (!allowInstance && value === ObjectPrototype[name]) throw notImplemented(name);
    if (i === path.length - 1) return { __proto__: null, value, self: object };
    if (!isObject(value)) throw notImplemented(name);
    const kind = stateOf(value)?.kind;
    if (isPlain(value)) {
      allowInstance = true;
    } else if (rpc.isRpcTarget(value) || (isProxy(value) && rpc.stubType(value) === false)) {
      allowInstance = false;
    } else if (kind === STUB || kind === SERVICE || (inStub && kind === PROPERTY)) {
      allowInstance = false;
      inStub = true;
    } else if (rpc.isFunctionForRpc(value)) {
      allowInstance = true;
    } else {
      throw notImplemented(name);
    }
    object = value;
  }
}

/** Answers with what was written, on which nothing can be called. */
const replyWith = (reply, externals) => ops.reply(reply, externals, TO_NOTHING, 0, false);

/** Answers one call. `extra` is what a handler of a plain object takes after its one argument; `done` learns the end. */
function answer(object, allowInstance, reserved, extra, path, operation, bytes, externals, reply, done) {
  let stubs = [];
  let called = false;
  let taken = false;
  const failed = (error) => {
    // Nobody will ever read what came with a call of nothing.
    if (!taken) ops.releaseExternals(externals);
    rpc.disposeAll(stubs);
    // Whatever fails on an object that was passed says where from, of the first call of a session only what was called.
    errors.reply(reply, error, called || reserved === RESERVED);
    done(error, true, called);
  };
  try {
    if (operation === EVENT) throw new TypeError("The receiver takes no events.");
    const { value, self } = lookUp(object, path, allowInstance, reserved);
    let result = value;
    if (operation === CALL) {
      const label = path.length === 0 ? "(this)" : ArrayPrototypeJoin(path, ".");
      if (typeof value !== "function") throw new TypeError(`"${label}" is not a function.`);
      const reader = new Reader(externals, true);
      taken = true;
      stubs = reader.stubs;
      const args = bytes === undefined ? [] : read(bytes, reader);
      const all = extra === undefined ? args : withExtra(label, value, args, extra);
      called = true;
      result = ReflectApply(value, self, all);
    }
    called = true;
    PromisePrototypeThen(
      PromiseResolve(result),
      (returned) => {
        try {
          finish(returned, reply);
        } catch (error) {
          failed(error);
          return;
        }
        rpc.disposeAll(stubs);
        done(undefined, false, true);
      },
      failed,
    );
  } catch (error) {
    failed(error);
  }
}

/** The arguments of a handler that is no method: the caller's one, `env` and `ctx`. */
function withExtra(label, handler, args, extra) {
  if (handler.length > 3) {
    throw new TypeError(
      `Cannot call handler function "${label}" over RPC because it has the wrong number of arguments. A simple function ` +
        "handler can only be called over RPC if it has exactly the arguments (arg, env, ctx), where only the first argument " +
        "comes from the client. To support multi-argument RPC functions, use class-based syntax (extending " +
        "WorkerEntrypoint) instead.",
    );
  }
  if (args.length !== 1) {
    throw new TypeError(
      `Attempted to call RPC function "${label}" with the wrong number of arguments. When calling a top-level handler ` +
        "function that is not declared as part of a class, you must always send exactly one argument. In order to support " +
        "variable numbers of arguments, the server must use class-based syntax (extending WorkerEntrypoint) instead.",
    );
  }
  return [args[0], extra[0], extra[1]];
}

/** Sends a result. What is called on it goes to the value itself, for as long as the caller holds on to it. */
function finish(value, reply) {
  const plain = isObject(value) && !isProxy(value) && ObjectGetPrototypeOf(value) === ObjectPrototype;
  let dispose;
  if (plain) {
    dispose = value[SymbolDispose];
    ReflectDeleteProperty(value, SymbolDispose);
    if (typeof dispose !== "function") dispose = undefined;
  }
  const writer = new Writer(true, true);
  write(value, writer);
  const isService = isObject(value) && stateOf(value)?.kind === SERVICE;
  const { externals, stubs } = writer;
  if (plain || isService) {
    const end = dispose === undefined && stubs.length === 0 ? undefined : { __proto__: null, dispose, stubs };
    ops.reply(reply, externals, TO_NUMBER, ops.exportObject(value, plain, end, true), dispose !== undefined);
    return;
  }
  const isOne = isObject(value) && (typeof value === "function" || rpc.isRpcTarget(value) || isProxy(value));
  ops.reply(reply, externals, isOne ? TO_FIRST_EXTERNAL : TO_NOTHING, 0, false);
  rpc.disposeAll(stubs);
}

const nothing = () => {};

/** A call on an exported object. */
function deliver(object, allowInstance, path, operation, bytes, externals, reply) {
  answer(object, allowInstance, RESERVED, undefined, path, operation, bytes, externals, reply, nothing);
}

/** Nobody holds an exported object any more. */
function dispose(object, end) {
  rpc.disposeAll(end.stubs);
  if (end.dispose !== undefined) ReflectApply(end.dispose, object, []);
}

/**
 * The first call of a session. `extra` is `[env, ctx]` for handlers of a plain object, undefined for instances of classes;
 * `done(error, failed, called)` is called once the call has been answered; `called` is false where there was nothing to call.
 */
function serveEntrypoint(object, extra, path, operation, bytes, externals, reply, done) {
  trace.serve(path, operation !== GET, (closeSpan) => {
    const end =
      closeSpan === undefined
        ? done
        : (error, threw, called) => {
            closeSpan();
            done(error, threw, called);
          };
    const own = operation === CALL ? extra : undefined;
    answer(object, extra !== undefined, RESERVED_BY_ENTRYPOINTS, own, path, operation, bytes, externals, reply, end);
  });
}

/** The session's first call cannot be made. */
function refuse(error, reply, externals) {
  ops.releaseExternals(externals);
  errors.reply(reply, error);
}

exports.deliver = deliver;
exports.dispose = dispose;
exports.EVENT = EVENT;
exports.refuse = refuse;
exports.replyWith = replyWith;
exports.serveEntrypoint = serveEntrypoint;
