/* Exceptions on their way through RPC: told by class and message, and with `enhanced_error_serialization` with all that they
   hold. */
const { ErrorCaptureStackTrace, ObjectDefineProperty, ReflectSet, String, StringPrototypeSlice, StringPrototypeStartsWith } = primordials;
const flags = require("flags");
const { isObject } = require("webidl");
const { DOMException, isDOMException } = require("dom_exception");
const structuredClone = require("structured_clone");
const { describeError } = require("fetch/events");
const { define, isError } = require("rpc/prepare");
const { Reader, Writer, read, write } = require("rpc/externals");

const { ERROR_TYPES } = structuredClone;

/** As rpc/ops.rs numbers them. */
const FLAGS = ["retryable", "overloaded", "durableObjectReset"];

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

/** The exception of `[false, class, message, remote, retryable, overloaded, durableObjectReset, disconnected, actor, bytes]`. */
function fromParts(parts) {
  let error;
  if (parts[9] !== undefined) {
    try {
      error = read(parts[9], new Reader([]));
    } catch {
      // Its class and message are here all the same.
    }
  }
  if (!isObject(error)) error = make(parts[1], parts[2]);
  if (isDOMException(error)) stackHere(error);
  if (parts[3]) define(error, "remote", true);
  if (parts[4]) define(error, "retryable", true);
  if (parts[5]) define(error, "overloaded", true);
  if (parts[6]) define(error, "durableObjectReset", true);
  if (parts[8] !== undefined) define(error, "durableObjectId", parts[8]);
  if (parts[7]) ops.markDisconnection(error);
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

/** What the caller is told of an exception as properties: it may have them of a call of its own. */
function flagsOf(exception) {
  let sum = 0;
  for (let i = 0; i < FLAGS.length; i++) {
    try {
      if (isObject(exception) && exception[FLAGS[i]] === true) sum |= 1 << i;
    } catch {
      // What cannot be read is not set.
    }
  }
  return sum;
}

exports.describe = describe;
exports.fromParts = fromParts;
/** Answers a call with an exception. */
exports.reply = (number, error) => {
  const actor = ops.actorId();
  if (actor !== undefined && isObject(error)) ReflectSet(error, "durableObjectId", actor);
  const { name, message, bytes } = describe(error);
  ops.replyError(number, name, message, bytes, error, flagsOf(error));
};
