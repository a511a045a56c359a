/* The module `workerd:unsafe`: what tests of a worker do to its Durable Objects. */
const { TypeError } = primordials;
const { argumentError, defineInterface, illegalConstructor, illegalInvocation, isObject } = require("webidl");
const { provide } = require("modules");
const { Fetcher, stateOf } = require("rpc");

const inside = { __proto__: null };

/** Whether an object's hibernatable WebSockets are to be closed. */
function toClose(options, method, index) {
  if (options === undefined || options === null) return false;
  if (!isObject(options)) throw argumentError("UnsafeModule", method, index, "EvictOptions");
  const { webSockets } = options;
  if (webSockets === undefined) return false;
  const mode = `${webSockets}`;
  if (mode === "hibernate") return false;
  if (mode === "close") return true;
  throw new TypeError('options.webSockets must be "hibernate" or "close".');
}

class UnsafeModule {
  #token;

  constructor(token) {
    if (token !== inside) throw illegalConstructor();
    this.#token = token;
  }

  async abortAllDurableObjects() {
    if (!(#token in this)) throw illegalInvocation();
    await ops.abortAll();
  }

  async deleteAllDurableObjects() {
    if (!(#token in this)) throw illegalInvocation();
    await ops.deleteAll();
  }

  async evict(stub, options = undefined) {
    if (!(#token in this)) throw illegalInvocation();
    if (!(stub instanceof Fetcher)) throw argumentError("UnsafeModule", "evict", 1, "Fetcher");
    await ops.evict(stateOf(stub).channel, toClose(options, "evict", 2));
  }

  async evictAllDurableObjects(options = undefined) {
    if (!(#token in this)) throw illegalInvocation();
    await ops.evictAll(toClose(options, "evictAllDurableObjects", 1));
  }

  /** Whether the process was told to try what is not ready: it never is. */
  isTestAutogateEnabled() {
    if (!(#token in this)) throw illegalInvocation();
    return false;
  }

  /** Whether the worker's state came from a snapshot of it: there are none of workers. */
  startedFromStartupSnapshot() {
    if (!(#token in this)) throw illegalInvocation();
    return false;
  }
}
defineInterface(UnsafeModule);

exports.module = { __proto__: null, default: new UnsafeModule(inside) };
provide("workerd:unsafe", "actors/unsafe", (flags) => flags.unsafeModule);
