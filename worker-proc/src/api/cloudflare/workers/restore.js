/* `ctx.restore(params)`: stubs that can be stored, because whoever loads one calls `[restore](params)` of the same worker or
   object again. Serves the event by which that is done; see service/lasting.rs. */
const { PromisePrototypeThen, PromiseResolve, ReflectApply, Symbol, TypeError } = primordials;
const { argumentError, isObject } = require("webidl");
const { OWNED_TARGET, SERVICE, Writer, readProps, write, writeProps } = require("rpc/externals");
const { ASYNC, logUncaught } = require("report_error");
const rpc = require("rpc");
const errors = require("rpc/errors");
const serving = require("rpc/serve");
const { done, fail } = require("event");

const kRestore = Symbol("cloudflare:workers:restore");

const NO_METHOD = "The WorkerEntrypoint or DurableObject class does not implement a [restore]() method.";
const NO_STUB = "The [restore]() method must return a ServiceStub or RpcStub.";

/** Calls the method of an entrypoint or object: a promise of a service's state, or of an RPC stub or what becomes one. */
function call(self, params) {
  const method = isObject(self) ? self[kRestore] : undefined;
  if (typeof method !== "function") throw new TypeError(NO_METHOD);
  return PromisePrototypeThen(PromiseResolve(ReflectApply(method, self, [params])), (made) => {
    const kind = isObject(made) ? rpc.stateOf(made)?.kind : undefined;
    if (kind === rpc.SERVICE || kind === rpc.STUB) return { made, service: kind === rpc.SERVICE };
    if (isObject(made) && (rpc.isRpcTarget(made) || (typeof made === "function" && kind === undefined))) {
      return { made, service: false };
    }
    throw new TypeError(NO_STUB);
  });
}

/** A number of a target that leads to a stub, or to what becomes one, and keeps its event alive. */
function exported(made) {
  const isStub = rpc.stateOf(made)?.kind === rpc.STUB;
  return rpc.exportObject(made, !isStub && rpc.stubType(made), true);
}

/** What `ctx.restore(params)` does for the entrypoint or object `self`. */
async function restore(type, self, given, params) {
  if (given === 0 || !isObject(params)) throw argumentError(type, "restore", 1, "Object");
  const { bytes, externals } = writeProps(params);
  const { made, service } = await call(self, params);
  if (service) return rpc.createFetcher(rpc.ops.restoredService(rpc.stateOf(made).channel, bytes, externals));
  return rpc.makeStub(rpc.ops.restoredStub(exported(made), bytes, externals)).object;
}

/** Answers whoever has a stored stub. */
function serve(event, self, bytes, externals, reply) {
  const failed = (error) => {
    logUncaught(ASYNC, error);
    errors.reply(reply, error);
    fail(event, error);
  };
  try {
    const answered = PromisePrototypeThen(call(self, readProps(bytes, externals)), ({ made, service }) => {
      const writer = new Writer(true, true);
      write(undefined, writer);
      if (service) writer.add(SERVICE, rpc.stateOf(made).channel);
      else writer.add(OWNED_TARGET, exported(made));
      serving.replyWith(reply, writer.externals);
      done(event);
    });
    PromisePrototypeThen(answered, undefined, failed);
  } catch (error) {
    failed(error);
  }
}

exports.EVENT = "restore";
exports.kRestore = kRestore;
exports.restore = restore;
exports.serve = serve;
