/* The binding of a Durable Object namespace: ids, and stubs for objects. Its class can be had too, to start facets of. */
// own: writer (what an RPC message refers to)
const { Error, ObjectDefineProperty, RangeError, TypeError } = primordials;
const { argumentError, defineInterface, illegalConstructor, illegalInvocation, isObject, toDictionary } = require("webidl");
const { CLASS, NAMESPACE, Fetcher, Stamp, kFetcher, makeCallable, own, specialize, stateOf, unsendableLoopbacks } =
  require("rpc");
const { SERVICE, anyWriter, currentReader } = require("rpc/externals");
const { channelToSend, readLasting, writeLasting } = require("rpc/transfer");
const { registerCloneable } = require("structured_clone");
const { addLoopback } = require("workers");
const trace = require("trace");

const inside = { __proto__: null };

const JURISDICTION = "Jurisdiction restrictions are not implemented in workerd.";
const UNSENDABLE = "Stubs pointing to ephemeral objects are not serializable.";
/** Bounds of an ephemeral object's name, in characters. */
const MAX_EPHEMERAL_ID = 2048;

function instanceProperty(object, name, value) {
  ObjectDefineProperty(object, name, { __proto__: null, value, writable: false, enumerable: true, configurable: true });
}

let textOf, isId;

/** Which object of a namespace; two are equal if they mean the same object. */
class DurableObjectId {
  #text;

  constructor(token, text, name) {
    if (token !== inside) throw illegalConstructor();
    this.#text = text;
    instanceProperty(this, "jurisdiction", undefined);
    instanceProperty(this, "name", name);
  }

  static {
    isId = (value) => isObject(value) && #text in value;
    textOf = (id) => id.#text;
  }

  toString() {
    if (!isId(this)) throw illegalInvocation();
    return this.#text;
  }

  equals(other) {
    if (!isId(this)) throw illegalInvocation();
    if (!isId(other)) throw argumentError("DurableObjectId", "equals", 1, "DurableObjectId");
    return this.#text === other.#text;
  }
}
defineInterface(DurableObjectId);

const createId = (text, name) => new DurableObjectId(inside, text, name);

/** A stub: calls go to the object wherever it lives. */
class DurableObject extends Fetcher {
  constructor(token, service, id) {
    if (token !== inside) throw illegalConstructor();
    super(kFetcher, service);
    if (trace.isOn()) stateOf(this).object = textOf(id);
    instanceProperty(this, "name", id.name);
    instanceProperty(this, "id", id);
  }
}
defineInterface(DurableObject);

/** A required string argument. */
function stringArgument(given, method, value) {
  if (given === 0) throw argumentError("DurableObjectNamespace", method, 1, "string");
  return `${value}`;
}

/** Neither is for anything in one process, but what is no string or not known is refused. */
function checkOptions(method, options) {
  const members = toDictionary(options, () => argumentError("DurableObjectNamespace", method, 2, "GetDurableObjectOptions"));
  if (members === undefined) return;
  if (members.locationHint !== undefined) `${members.locationHint}`;
  if (members.routingMode === undefined) return;
  const mode = `${members.routingMode}`;
  if (mode !== "primary-only") throw new RangeError(`unknown routingMode: ${mode}`);
}

const makeStub = (channel, id) => new DurableObject(inside, ops.object(channel, textOf(id), id.name), id);

class DurableObjectNamespace {
  constructor(token, channel) {
    if (token !== inside) throw illegalConstructor();
    new Stamp(this, { __proto__: null, kind: NAMESPACE, channel });
  }

  newUniqueId(options = undefined) {
    const { channel } = own(this, NAMESPACE);
    const members = toDictionary(options, () =>
      argumentError("DurableObjectNamespace", "newUniqueId", 1, "NewUniqueIdOptions"),
    );
    const jurisdiction = members?.jurisdiction;
    if (jurisdiction !== undefined && jurisdiction !== null) throw new Error(JURISDICTION);
    return createId(ops.uniqueId(channel), undefined);
  }

  idFromName(name) {
    const { channel } = own(this, NAMESPACE);
    const text = stringArgument(arguments.length, "idFromName", name);
    return createId(ops.idFromName(channel, text), text);
  }

  idFromString(id) {
    const { channel } = own(this, NAMESPACE);
    const text = stringArgument(arguments.length, "idFromString", id);
    return createId(ops.idFromString(channel, text), undefined);
  }

  get(id, options = undefined) {
    const { channel } = own(this, NAMESPACE);
    if (!isId(id)) throw argumentError("DurableObjectNamespace", "get", 1, "DurableObjectId");
    checkOptions("get", options);
    return makeStub(channel, id);
  }

  getByName(name, options = undefined) {
    const { channel } = own(this, NAMESPACE);
    const text = stringArgument(arguments.length, "getByName", name);
    checkOptions("getByName", options);
    return makeStub(channel, createId(ops.idFromName(channel, text), text));
  }

  jurisdiction(jurisdiction = undefined) {
    const { channel } = own(this, NAMESPACE);
    if (jurisdiction !== undefined && jurisdiction !== null) throw new Error(JURISDICTION);
    return new DurableObjectNamespace(inside, channel);
  }
}
defineInterface(DurableObjectNamespace);

/** Objects that keep nothing and are told by name alone. */
class ColoLocalActorNamespace {
  constructor(token, channel) {
    if (token !== inside) throw illegalConstructor();
    new Stamp(this, { __proto__: null, kind: NAMESPACE, channel });
  }

  get(id) {
    const { channel } = own(this, NAMESPACE);
    if (arguments.length === 0) throw argumentError("ColoLocalActorNamespace", "get", 1, "string");
    const name = `${id}`;
    if (name.length === 0 || name.length > MAX_EPHEMERAL_ID) {
      throw new TypeError("Actor ID length must be in the range [1, 2048].");
    }
    return new Fetcher(kFetcher, ops.ephemeral(channel, name), UNSENDABLE);
  }
}
defineInterface(ColoLocalActorNamespace);

// Classes, for `ctx.facets`.

/** A class of Durable Objects with its props. */
class DurableObjectClass {
  /** `service`: a channel's number, or a native object with a service. `unsendable`: why it cannot be sent, if so. */
  constructor(token, service, unsendable) {
    if (token !== inside) throw illegalConstructor();
    new Stamp(this, { __proto__: null, kind: CLASS, channel: service, unsendable });
  }
}
defineInterface(DurableObjectClass);

const createClass = (service, unsendable = undefined) => new DurableObjectClass(inside, service, unsendable);

registerCloneable({
  is: (value) => isObject(value) && typeof value !== "function" && stateOf(value)?.kind === CLASS,
  write: (object) => {
    const writer = anyWriter("DurableObjectClass cannot be serialized in this context.");
    return writer.add(SERVICE, channelToSend(stateOf(object)), true);
  },
  read: (index) => createClass(currentReader().take(index, SERVICE)[0]),
  external: 12,
  stored: {
    tag: 12,
    write: (object) => writeLasting("DurableObjectClass", stateOf(object), true),
    read: (fields) => createClass(readLasting("DurableObjectClass", fields[0], true)),
  },
});

/* In `ctx.exports`, called with `{ props }` each of these gives its class. A namespace is there as such too. */
class LoopbackDurableObjectClass extends DurableObjectClass {}
class LoopbackDurableObjectNamespace extends DurableObjectNamespace {}
class LoopbackColoLocalActorNamespace extends ColoLocalActorNamespace {}
for (
  let i = 0, Classes = [LoopbackDurableObjectClass, LoopbackDurableObjectNamespace, LoopbackColoLocalActorNamespace];
  i < Classes.length;
  i++
) {
  const Class = Classes[i];
  defineInterface(Class);
}

function callClass({ service, type }, ...args) {
  return createClass(specialize(service, type, args), unsendableLoopbacks());
}

const makeLoopback = (kind, channel, service, Class) =>
  makeCallable({ __proto__: null, kind, channel, service, type: Class.name }, Class.prototype, callClass);

/** `service` is the class's channel, `namespace` the namespace's, null for a class that stores nothing. */
addLoopback((service, namespace, ephemeral) => {
  if (namespace === null) return makeLoopback(CLASS, service, service, LoopbackDurableObjectClass);
  const Class = ephemeral ? LoopbackColoLocalActorNamespace : LoopbackDurableObjectNamespace;
  return makeLoopback(NAMESPACE, namespace, service, Class);
});

/** The channel or native service of a class: of a class itself, or of a namespace of `ctx.exports`. Undefined for anything else. */
function serviceOfClass(value) {
  const state = isObject(value) ? stateOf(value) : undefined;
  return state?.kind === CLASS ? state.channel : state?.kind === NAMESPACE ? state.service : undefined;
}

exports.createClass = createClass;
exports.createNamespace = (channel, isEphemeral) =>
  isEphemeral ? new ColoLocalActorNamespace(inside, channel) : new DurableObjectNamespace(inside, channel);
exports.createId = createId;
exports.isId = (value) => isId(value);
exports.serviceOfClass = serviceOfClass;
exports.textOf = (id) => textOf(id);
