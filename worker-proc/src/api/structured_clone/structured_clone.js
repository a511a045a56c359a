/*
 * structuredClone (HTML section 2.7). The op runs V8's serializer; platform objects come here to be described by plain
 * values and made again from them. A module whose objects can be cloned says so with `registerCloneable`.
 */

const {
  AggregateError, AggregateErrorPrototype, ArrayIsArray, ArrayPrototypePush, Error, ErrorPrototype, EvalError,
  EvalErrorPrototype, ObjectDefineProperty, ObjectGetPrototypeOf, RangeError, RangeErrorPrototype, ReferenceError,
  ReferenceErrorPrototype, ReflectOwnKeys, SyntaxError, SyntaxErrorPrototype, TypeError, TypeErrorPrototype, URIError,
  URIErrorPrototype,
} = primordials;
const flags = require("flags");
const { argumentError, fieldError, interfaceNameOf, toDictionary } = require("webidl");
const { DOMException, isDOMException } = require("dom_exception");

/** Kinds of platform object, each { is, write, read }; the index is written into the data. */
const kinds = [];

/** What `rpc/externals` makes of things that pass by reference; null while nothing is written or read for RPC. */
const session = { __proto__: null, writer: null, reader: null };

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
    `Could not serialize object of type "${interfaceNameOf(object) ?? ops.constructorName(object)}". This type does not support serialization.`,
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
    return ops.clone(value, transfer, flags.enhancedErrorSerialization);
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

// The language's errors, with `enhanced_error_serialization`: V8 alone would drop the properties that users give them.

const ERROR_TYPES = [Error, AggregateError, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError];
const ERROR_PROTOTYPES = [
  ErrorPrototype, AggregateErrorPrototype, EvalErrorPrototype, RangeErrorPrototype, ReferenceErrorPrototype,
  SyntaxErrorPrototype, TypeErrorPrototype, URIErrorPrototype,
];

/** The index of the built-in type that an error is of. */
function errorType(error) {
  for (let proto = ObjectGetPrototypeOf(error); proto !== null; proto = ObjectGetPrototypeOf(proto)) {
    for (let i = 0; i < ERROR_PROTOTYPES.length; i++) if (proto === ERROR_PROTOTYPES[i]) return i;
  }
  return 0;
}

registerCloneable({
  is: ops.isError,
  write: (error) => {
    const properties = [];
    // Another request's error says nothing of where in here it was made.
    const stack = session.writer === null ? error.stack : undefined;
    const keys = ReflectOwnKeys(error);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      if (typeof key !== "string" || key === "stack" || key === "message") continue;
      ArrayPrototypePush(properties, key);
      ArrayPrototypePush(properties, error[key]);
    }
    const parts = [errorType(error), `${error.message}`, stack, properties];
    return session.writer === null ? parts : session.writer.prepare(parts);
  },
  read: (parts) => {
    const type = ERROR_TYPES[parts[0]] ?? Error;
    const error = type === AggregateError ? new AggregateError([], parts[1]) : new type(parts[1]);
    const properties = parts[3];
    for (let i = 0; i < properties.length; i += 2) defineField(error, properties[i], properties[i + 1], true);
    if (parts[2] !== undefined) defineField(error, "stack", parts[2], false);
    return error;
  },
});

const defineField = (object, key, value, enumerable) =>
  ObjectDefineProperty(object, key, { __proto__: null, value, writable: true, enumerable, configurable: true });

/** A copy of a message; memory cannot be shared with who gets it. */
const cloneMessage = (message) => ops.deserialize(ops.serialize(message));

exports.ERROR_TYPES = ERROR_TYPES;
exports.cloneMessage = cloneMessage;
exports.dataCloneError = dataCloneError;
exports.describe = describe;
/** Bytes of a value as V8 serializes it, and back. */
exports.constructorName = (object) => ops.constructorName(object);
exports.serialize = (value) => ops.serialize(value);
exports.deserialize = (bytes) => ops.deserialize(bytes);
exports.registerCloneable = registerCloneable;
exports.revive = revive;
exports.session = session;
exports.structuredClone = structuredClone;
exports.throwDataCloneError = throwDataCloneError;
exports.globals = { structuredClone };
