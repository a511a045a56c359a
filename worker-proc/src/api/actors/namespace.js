/* The binding of a Durable Object namespace: ids, and stubs for objects. */
"use strict";
const { Error, ObjectDefineProperty, String, TypeError } = primordials;
const { argumentError, defineInterface, illegalConstructor, illegalInvocation, isObject } = require("webidl");
const { Fetcher, kFetcher } = require("rpc");
const { addBinder } = require("workers");

const inside = { __proto__: null };

const JURISDICTION = "Jurisdiction restrictions are not implemented in workerd.";
/** Bounds of an ephemeral object's name, in characters. */
const MAX_EPHEMERAL_ID = 2048;

function instanceProperty(object, name, value) {
  ObjectDefineProperty(object, name, { __proto__: null, value, writable: false, enumerable: true, configurable: false });
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
    super(kFetcher, service, undefined);
    instanceProperty(this, "name", id.name);
    instanceProperty(this, "id", id);
  }
}
defineInterface(DurableObject);

/** A required string argument. */
function stringArgument(given, method, value) {
  if (given === 0) throw argumentError("DurableObjectNamespace", method, 1, "string");
  return String(value);
}

class DurableObjectNamespace {
  #channel;

  constructor(token, channel) {
    if (token !== inside) throw illegalConstructor();
    this.#channel = channel;
  }

  newUniqueId(options = undefined) {
    if (!(#channel in this)) throw illegalInvocation();
    const jurisdiction = options === undefined || options === null ? undefined : options.jurisdiction;
    if (jurisdiction !== undefined && jurisdiction !== null) throw new Error(JURISDICTION);
    return createId(ops.uniqueId(this.#channel), undefined);
  }

  idFromName(name) {
    if (!(#channel in this)) throw illegalInvocation();
    const text = stringArgument(arguments.length, "idFromName", name);
    return createId(ops.idFromName(this.#channel, text), text);
  }

  idFromString(id) {
    if (!(#channel in this)) throw illegalInvocation();
    const text = stringArgument(arguments.length, "idFromString", id);
    return createId(ops.idFromString(this.#channel, text), undefined);
  }

  get(id, options = undefined) {
    if (!(#channel in this)) throw illegalInvocation();
    if (!isId(id)) throw argumentError("DurableObjectNamespace", "get", 1, "DurableObjectId");
    return this.#stub(id, options);
  }

  getByName(name, options = undefined) {
    if (!(#channel in this)) throw illegalInvocation();
    const text = stringArgument(arguments.length, "getByName", name);
    return this.#stub(createId(ops.idFromName(this.#channel, text), text), options);
  }

  jurisdiction(jurisdiction = undefined) {
    if (!(#channel in this)) throw illegalInvocation();
    if (jurisdiction !== undefined && jurisdiction !== null) throw new Error(JURISDICTION);
    return new DurableObjectNamespace(inside, this.#channel);
  }

  #stub(id, options) {
    if (options !== undefined && options !== null && !isObject(options)) {
      throw argumentError("DurableObjectNamespace", "get", 2, "GetDurableObjectOptions");
    }
    return new DurableObject(inside, ops.object(this.#channel, textOf(id), id.name), id);
  }
}
defineInterface(DurableObjectNamespace);

/** Objects that keep nothing and are told by name alone. */
class ColoLocalActorNamespace {
  #channel;

  constructor(token, channel) {
    if (token !== inside) throw illegalConstructor();
    this.#channel = channel;
  }

  get(id) {
    if (!(#channel in this)) throw illegalInvocation();
    if (arguments.length === 0) throw argumentError("ColoLocalActorNamespace", "get", 1, "string");
    const name = String(id);
    if (name.length === 0 || name.length > MAX_EPHEMERAL_ID) {
      throw new TypeError("Actor ID length must be in the range [1, 2048].");
    }
    return new Fetcher(kFetcher, ops.ephemeral(this.#channel, name), undefined);
  }
}
defineInterface(ColoLocalActorNamespace);

addBinder("actors", (channel) => new DurableObjectNamespace(inside, channel));
addBinder("ephemeral_actors", (channel) => new ColoLocalActorNamespace(inside, channel));

exports.createId = createId;
