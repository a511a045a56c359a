/*
 * structuredClone (HTML section 2.7). The op runs V8's serializer; platform objects come here to be described by plain
 * values and made again from them. A module whose objects can be cloned says so with `registerCloneable`, and
 * with `stored` that Durable Objects can store them.
 */

const {
  AggregateError,
  AggregateErrorPrototype,
  ArrayIsArray,
  ArrayPrototypePush,
  ArrayPrototypeUnshift,
  Error,
  ErrorPrototype,
  EvalError,
  EvalErrorPrototype,
  ObjectDefineProperty,
  ObjectGetPrototypeOf,
  RangeError,
  RangeErrorPrototype,
  ReferenceError,
  ReferenceErrorPrototype,
  ReflectOwnKeys,
  SyntaxError,
  SyntaxErrorPrototype,
  TypeError,
  TypeErrorPrototype,
  URIError,
  URIErrorPrototype,
} = primordials;
const flags = require("flags");
const { argumentError, fieldError, interfaceNameOf, isObject, toDictionary } = require("webidl");
const { DOMException, isDOMException } = require("dom_exception");
const { prepare } = require("structured_clone/prepare");

const UNKNOWN_TYPE = "The data holds an object of an unknown type.";

/** Kinds of platform object, each { is, write, read, stored?, wire?, external? }; the index is written into the data, or a tag. */
const kinds = [];

/**
 * What `rpc/externals` makes of things that pass by reference; null while nothing is written or read for RPC or as props. What
 * is stored refers to RPC stubs by tokens, which `storage` takes and gives.
 */
const session = { __proto__: null, writer: null, reader: null, pushToken: undefined, nextToken: undefined };

/**
 * Lets objects for which `is(object)` holds be cloned: `write(object)` gives a value that can be cloned itself, or
 * throws a DataCloneError; `read(value)` makes the copy. `stored` has a tag of the published runtime, and the same with
 * lists of fields: strings, numbers, bytes, and any other value in an array of its own, which is read without it. `wire` is
 * the same for RPC, where that differs, and `external` the tag of what only lists what it refers to, by `write` and `read`.
 * Called while modules load, in a fixed order.
 */
function registerCloneable(kind) {
  ArrayPrototypePush(kinds, kind);
}

/** Objects that say why they cannot be cloned: functions that give the message, or undefined for objects of other kinds. */
const refusals = [];

const registerUncloneable = (refusal) => {
  ArrayPrototypePush(refusals, refusal);
};

const dataCloneError = (message) => new DOMException(message, "DataCloneError");

const unsupportedType = (name) =>
  dataCloneError(`Could not serialize object of type "${name}". This type does not support serialization.`);

function unsupported(object) {
  for (let i = 0; i < refusals.length; i++) {
    const message = refusals[i](object);
    if (message !== undefined) return dataCloneError(message);
  }
  return unsupportedType(interfaceNameOf(object) ?? ops.constructorName(object));
}

/** Called by the serializer for a platform object: its kind, and the value that stands for it. */
function describe(object) {
  for (let i = 0; i < kinds.length; i++) if (kinds[i].is(object)) return [i, kinds[i].write(object)];
  throw unsupported(object);
}

/** Called by the serializer of stored values for a platform object: the published runtime's tag, and the fields. */
function describeStored(object) {
  for (let i = 0; i < kinds.length; i++) {
    const { is, write, stored } = kinds[i];
    if (!is(object)) continue;
    if (stored !== undefined) {
      const fields = stored.write(object);
      ArrayPrototypeUnshift(fields, stored.tag);
      return fields;
    }
    // What cannot be stored says why.
    write(object);
    break;
  }
  throw unsupported(object);
}

/** Called by the deserializer of stored values. */
function reviveStored(tag, fields) {
  if (tag === DOM_EXCEPTION_V1) return exceptionOf([fields[0], checked(fields[1], isObject).message, fields[1].stack]);
  for (let i = 0; i < kinds.length; i++) if (kinds[i].stored?.tag === tag) return kinds[i].stored.read(fields);
  throw dataCloneError(UNKNOWN_TYPE);
}

/** Called by the serializer of RPC for a platform object: the published runtime's tag, and the fields. */
function describeWire(object) {
  for (let i = 0; i < kinds.length; i++) {
    const { is, write, stored, wire, external } = kinds[i];
    if (!is(object)) continue;
    if (external !== undefined) {
      write(object);
      return [external];
    }
    const format = wire ?? stored;
    if (format === undefined) break;
    const fields = format.write(object);
    ArrayPrototypeUnshift(fields, format.tag ?? stored.tag);
    return fields;
  }
  throw unsupported(object);
}

/** Called by the deserializer of RPC. What is referred to is listed in the order in which it is read. */
function reviveWire(tag, fields) {
  for (let i = 0; i < kinds.length; i++) {
    const { read, stored, wire, external } = kinds[i];
    if (external === tag) return read(session.reader.next());
    if ((wire?.tag ?? stored?.tag) === tag && external === undefined) return (wire ?? stored).read(fields);
  }
  return reviveStored(tag, fields);
}

/** Called by the deserializer. */
function revive(kind, value) {
  if (kind >= kinds.length) throw dataCloneError(UNKNOWN_TYPE);
  return kinds[kind].read(value);
}

function throwDataCloneError(message) {
  throw dataCloneError(message);
}

const { structuredClone } = {
  structuredClone(value, options) {
    if (arguments.length < 1) throw argumentError("ServiceWorkerGlobalScope", "structuredClone", 1, "Value");
    const members = toDictionary(options, () =>
      argumentError("ServiceWorkerGlobalScope", "structuredClone", 2, "StructuredCloneOptions"),
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
  read: (fields) => exceptionOf([fields[1], fields[0], fields[2]]),
  stored: {
    tag: 8,
    write: (exception) => [exception.name, exception.message, `${exception.stack}`],
    read: exceptionOf,
  },
});

/** The tag of an earlier format of exceptions, which is only read. */
const DOM_EXCEPTION_V1 = 7;

/** The exception of a name, a message and a stack. */
function exceptionOf(fields) {
  for (let i = 0; i < 3; i++) checked(fields[i], isText);
  const exception = new DOMException(fields[1], fields[0]);
  ObjectDefineProperty(exception, "stack", { __proto__: null, value: fields[2] });
  return exception;
}

const isText = (value) => typeof value === "string";

/** A value that was read, if it is what it must be: it may be of data that nobody has written. */
function checked(value, is) {
  if (!is(value)) throw dataCloneError("Unable to deserialize cloned data.");
  return value;
}

// The language's errors, with `enhanced_error_serialization`: V8 alone would drop the properties that users give them.

const ERROR_TYPES = [Error, AggregateError, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError];
const ERROR_PROTOTYPES = [
  ErrorPrototype,
  AggregateErrorPrototype,
  EvalErrorPrototype,
  RangeErrorPrototype,
  ReferenceErrorPrototype,
  SyntaxErrorPrototype,
  TypeErrorPrototype,
  URIErrorPrototype,
];

/** The index of the built-in type that an error is of. */
function errorType(error) {
  for (let proto = ObjectGetPrototypeOf(error); proto !== null; proto = ObjectGetPrototypeOf(proto)) {
    for (let i = 0; i < ERROR_PROTOTYPES.length; i++) if (proto === ERROR_PROTOTYPES[i]) return i;
  }
  return 0;
}

/** What users gave an error, but for one name. As on workerd it is set, not defined: setters of Object.prototype take it. */
function propertiesOf(error, left) {
  const properties = {};
  const keys = ReflectOwnKeys(error);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i];
    if (typeof key === "string" && key !== left && key !== "message") properties[key] = error[key];
  }
  return properties;
}

registerCloneable({
  is: ops.isError,
  write: (error) => {
    // Another request's error says nothing of where in here it was made.
    const stack = session.writer === null ? error.stack : undefined;
    const set = propertiesOf(error, "stack");
    const keys = ReflectOwnKeys(set);
    const properties = [];
    for (let i = 0; i < keys.length; i++) ArrayPrototypePush(properties, keys[i], set[keys[i]]);
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
  stored: {
    tag: 10,
    write: (error) => {
      let properties = propertiesOf(error, "name");
      if (session.writer?.forCall) {
        delete properties.stack;
        properties = session.writer.prepare(properties);
      }
      const name = `${error.name}`;
      const type = storedType(name);
      return type === 0 ? [0, [name], [`${error.message}`], [properties]] : [type, [`${error.message}`], [properties]];
    },
    read: (fields) => {
      const type = STORED_ERRORS[fields[0]] ?? Error;
      const rest = fields[0] === 0 ? 2 : 1;
      const message = checked(fields[rest], isText);
      const error = type === AggregateError ? new AggregateError([], message) : new type(message);
      if (rest === 2) defineField(error, "name", checked(fields[1], isText), true);
      const properties = checked(fields[rest + 1], isObject);
      const keys = ReflectOwnKeys(properties);
      for (let i = 0; i < keys.length; i++) {
        // Over RPC, where in the other side it was made says nothing here.
        if (session.reader === null || keys[i] !== "stack") defineField(error, keys[i], properties[keys[i]], true);
      }
      return error;
    },
  },
});

/** The types of stored errors, by number; those of WebAssembly and SuppressedError come back as errors of that name. */
const STORED_ERRORS = [
  undefined,
  Error,
  TypeError,
  RangeError,
  ReferenceError,
  SyntaxError,
  undefined,
  undefined,
  undefined,
  undefined,
  EvalError,
  URIError,
  AggregateError,
];

function storedType(name) {
  for (let i = 0; i < STORED_ERRORS.length; i++) if (STORED_ERRORS[i]?.name === name) return i;
  return 0;
}

const defineField = (object, key, value, enumerable) =>
  ObjectDefineProperty(object, key, { __proto__: null, value, writable: true, enumerable, configurable: true });

/** A copy of a message; memory cannot be shared with who gets it. */
const cloneMessage = (message) => ops.deserialize(ops.serialize(message));

exports.ERROR_TYPES = ERROR_TYPES;
exports.cloneMessage = cloneMessage;
exports.dataCloneError = dataCloneError;
exports.unsupportedType = unsupportedType;
exports.describe = describe;
exports.describeStored = describeStored;
exports.describeWire = describeWire;
exports.describesErrors = () => flags.enhancedErrorSerialization;
/** Bytes of a value as V8 serializes it, and back. */
exports.constructorName = (object) => ops.constructorName(object);
exports.serialize = (value) => ops.serialize(value);
exports.deserialize = (bytes) => ops.deserialize(bytes);
exports.serializeProps = (value) => ops.serializeProps(value);
exports.deserializeProps = (bytes) => ops.deserializeProps(bytes);
exports.deserializeWire = (bytes) => ops.deserializeWire(bytes);
/** The value with stand-ins for what V8 does not take; undefined if there is nothing of the kind. */
exports.prepareStored = (value) => {
  const prepared = prepare(value);
  return prepared === value ? undefined : prepared;
};
exports.registerCloneable = registerCloneable;
exports.registerUncloneable = registerUncloneable;
exports.revive = revive;
exports.reviveStored = reviveStored;
exports.reviveWire = reviveWire;
exports.session = session;
exports.throwDataCloneError = throwDataCloneError;
exports.globals = { structuredClone };
