/* Exceptions on their way through RPC: told by class and message, and with `enhanced_error_serialization` with all that they
   hold. */
const { ErrorCaptureStackTrace, ObjectDefineProperty, ReflectSet, String, StringPrototypeSlice, StringPrototypeStartsWith } =
  primordials;
const flags = require("flags");
const { isObject } = require("webidl");
const { DOMException, isDOMException } = require("dom_exception");
const structuredClone = require("structured_clone");
const { describeError } = require("event");
const { define, isError } = require("structured_clone/prepare");
const { Reader, Writer, read, write } = require("rpc/externals");

const { ERROR_TYPES } = structuredClone;

/** The class that a name stands for, if it is one of the language's. */
function typeNamed(name) {
  for (let i = 0; i < ERROR_TYPES.length; i++) if (ERROR_TYPES[i].name === name) return ERROR_TYPES[i];
  return undefined;
}

/** Class, message, and the bytes of the whole exception or undefined. */
function describe(exception) {
  if (!isObject(exception)) {
    return { name: "Error", message: String(exception), bytes: undefined };
  }
  const described = describeError(exception);
  if (!isError(exception) && !isDOMException(exception)) {
    described.name = "Error";
    described.message = `#<${structuredClone.constructorName(exception)}>`;
  } else if (!isDOMException(exception) && typeNamed(described.name) === undefined) {
    described.message = `${described.name}: ${described.message}`;
    described.name = "Error";
  }
  described.bytes = undefined;
  if (flags.enhancedErrorSerialization) {
    try {
      const writer = new Writer(true, false);
      write(exception, writer);
      // An exception takes nothing along that has to be released.
      if (writer.externals.length === 0) described.bytes = ops.takeSerialized();
      else ops.dropExternals(writer.externals);
    } catch {
      // What cannot be copied is told by class and message.
    }
  }
  return described;
}

const { CLASS, MESSAGE, REMOTE, RETRYABLE, OVERLOADED, DURABLE_OBJECT_RESET, DISCONNECTED, ACTOR, BYTES } = ops.Failure;

/** The exception of an answer that is none. */
function fromParts(parts) {
  let error;
  if (parts[BYTES] !== undefined) {
    try {
      error = read(parts[BYTES], new Reader([]));
    } catch {
      // Its class and message are here all the same.
    }
  }
  if (!isObject(error)) error = make(parts[CLASS], parts[MESSAGE]);
  if (isDOMException(error)) stackHere(error);
  if (parts[REMOTE]) define(error, "remote", true);
  if (parts[RETRYABLE]) define(error, "retryable", true);
  if (parts[OVERLOADED]) define(error, "overloaded", true);
  if (parts[DURABLE_OBJECT_RESET]) define(error, "durableObjectReset", true);
  if (parts[ACTOR] !== undefined) define(error, "durableObjectId", parts[ACTOR]);
  if (parts[DISCONNECTED]) ops.markDisconnection(error);
  return error;
}

function make(name, message) {
  if (StringPrototypeStartsWith(name, "DOMException ")) return new DOMException(message, StringPrototypeSlice(name, 13));
  const type = typeNamed(name);
  if (type === undefined) return new ERROR_TYPES[0](message);
  return type === ERROR_TYPES[1] ? new type([], message) : new type(message);
}

/** A stack of the caller's; the other side's is no business of its own. */
function stackHere(exception) {
  try {
    ErrorCaptureStackTrace(exception);
    ObjectDefineProperty(exception, "stack", { __proto__: null, enumerable: true });
  } catch {
    // A frozen object keeps the one it has.
  }
}

/** What the caller is told of an exception as a property: it may have it of a call of its own. */
function says(exception, flag) {
  try {
    return isObject(exception) && exception[flag] === true;
  } catch {
    // What cannot be read is not set.
    return false;
  }
}

exports.describe = describe;
exports.fromParts = fromParts;
/** Answers a call with an exception; `byActor` if code of the object has thrown it, where there is one. */
exports.reply = (number, error, byActor = true) => {
  const actor = byActor ? ops.actorId() : undefined;
  if (actor !== undefined && isObject(error)) ReflectSet(error, "durableObjectId", actor);
  const { name, message, bytes } = describe(error);
  const retryable = says(error, "retryable");
  const overloaded = says(error, "overloaded");
  ops.replyError(number, name, message, bytes, error, retryable, overloaded, says(error, "durableObjectReset"));
};
