/* The binding of debug ports: any service of this instance of workerd, or of another one, in the hands of a worker. */
const { Error } = primordials;
const { argumentError, defineInterface, illegalConstructor, illegalInvocation, isObject } = require("webidl");
const { createFetcher, propsOf } = require("rpc");

const inside = { __proto__: null };

const unsendable = () => new Error("WorkerdDebugPort bindings cannot be transferred to other workers");

class WorkerdDebugPortConnector {
  #isOne = true;

  constructor(token) {
    if (token !== inside) throw illegalConstructor();
  }

  connect(address) {
    if (!(#isOne in this)) throw illegalInvocation();
    if (arguments.length === 0) throw argumentError("WorkerdDebugPortConnector", "connect", 1, "string");
    return new WorkerdDebugPortClient(inside, ops.open(`${address}`));
  }

  current() {
    if (!(#isOne in this)) throw illegalInvocation();
    return new WorkerdDebugPortClient(inside, ops.open());
  }
}
defineInterface(WorkerdDebugPortConnector);

class WorkerdDebugPortClient {
  #port;

  constructor(token, port) {
    if (token !== inside) throw illegalConstructor();
    this.#port = port;
  }

  getEntrypoint(service, entrypoint = undefined, props = undefined) {
    if (!(#port in this)) throw illegalInvocation();
    if (arguments.length === 0) throw wrong("getEntrypoint", 1, "string");
    const from = `${service}`;
    const name = entrypoint === undefined ? undefined : `${entrypoint}`;
    if (props !== undefined && !isObject(props)) throw wrong("getEntrypoint", 3, "Object");
    const given = propsOf({ __proto__: null, props }, "Options");
    return createFetcher(ops.entrypoint(this.#port, from, name, given?.bytes, given?.externals), unsendable);
  }

  getActor(service, entrypoint, actorId) {
    if (!(#port in this)) throw illegalInvocation();
    if (arguments.length < 3) throw wrong("getActor", arguments.length + 1, "string");
    return createFetcher(ops.actor(this.#port, `${service}`, `${entrypoint}`, `${actorId}`), unsendable);
  }
}
defineInterface(WorkerdDebugPortClient);

const wrong = (method, index, type) => argumentError("WorkerdDebugPortClient", method, index, type);

exports.bind = () => new WorkerdDebugPortConnector(inside);
