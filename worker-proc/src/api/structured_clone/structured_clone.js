/*
 * structuredClone (HTML section 2.7). The op runs V8's serializer; platform objects come here to be described by plain
 * values and made again from them. A module whose objects can be cloned says so with `registerCloneable`.
 */

const { ArrayIsArray, ArrayPrototypePush, ObjectDefineProperty } = primordials;
const { argumentError, fieldError, interfaceNameOf, toDictionary } = require("webidl");
const { DOMException, isDOMException } = require("dom_exception");

/** Kinds of platform object, each { is, write, read }; the index is written into the data. */
const kinds = [];

/**
 * Lets objects for which `is(object)` holds be cloned: `write(object)` gives a value that can be cloned itself, or
 * throws a DataCloneError; `read(value)` makes the copy. Called while modules load, in a fixed order.
 */
function registerCloneable(kind) {
  ArrayPrototypePush(kinds, kind);
}

const dataCloneError = (message) => new DOMException(message, "DataCloneError");

/** Called by the serializer for a platform object: its kind, and the value that stands for it. */
function describe(object) {
  for (let i = 0; i < kinds.length; i++) if (kinds[i].is(object)) return [i, kinds[i].write(object)];
  throw dataCloneError(
    `Could not serialize object of type "${interfaceNameOf(object)}". This type does not support serialization.`,
  );
}

/** Called by the deserializer. */
function revive(kind, value) {
  if (kind >= kinds.length) throw dataCloneError("The data holds an object of an unknown type.");
  return kinds[kind].read(value);
}

function throwDataCloneError(message) {
  throw dataCloneError(message);
}

const { structuredClone } = {
  structuredClone(value, options) {
    if (arguments.length < 1) throw argumentError("ServiceWorkerGlobalScope", "structuredClone", 1, "Value");
    const members = toDictionary(
      options,
      () => argumentError("ServiceWorkerGlobalScope", "structuredClone", 2, "StructuredCloneOptions"),
    );
    const transfer = members?.transfer;
    if (transfer !== undefined && !ArrayIsArray(transfer)) {
      throw fieldError("StructuredCloneOptions", "transfer", "Array");
    }
    return ops.clone(value, transfer);
  },
};

registerCloneable({
  is: isDOMException,
  write: (exception) => [exception.message, exception.name, exception.stack],
  read: (fields) => {
    const exception = new DOMException(fields[0], fields[1]);
    ObjectDefineProperty(exception, "stack", { __proto__: null, value: fields[2] });
    return exception;
  },
});

/** A copy of a message; memory cannot be shared with who gets it. */
const cloneMessage = (message) => ops.deserialize(ops.serialize(message));

exports.cloneMessage = cloneMessage;
exports.dataCloneError = dataCloneError;
exports.describe = describe;
/** Bytes of a value as V8 serializes it, and back. */
exports.serialize = (value) => ops.serialize(value);
exports.deserialize = (bytes) => ops.deserialize(bytes);
exports.registerCloneable = registerCloneable;
exports.revive = revive;
exports.structuredClone = structuredClone;
exports.throwDataCloneError = throwDataCloneError;
exports.globals = { structuredClone };
