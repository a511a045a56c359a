/* How logs and exceptions are recorded: arguments as JSON, errors in parts. Nothing that a worker's objects do here gets out. */
const {
  ArrayIsArray,
  ArrayPrototypeJoin,
  ArrayPrototypePush,
  JSONStringify,
  ObjectGetPrototypeOf,
  ObjectPrototype,
  String,
  SafeSet,
  StringPrototypeSlice,
  StringPrototypeStartsWith,
} = primordials;
const { isObject } = require("webidl");
const { kind, Kind } = require("console/introspect");
const { STDOUT, warn } = require("console/output");
const { told } = require("trace");
const { current } = require("trace/spans");

/** Whether an argument is shown as JSON: plain values and objects, and what has a `toJSON`. */
function isJson(value) {
  if (!isObject(value)) {
    const type = typeof value;
    return type !== "symbol" && type !== "bigint";
  }
  if (ArrayIsArray(value)) return true;
  const prototype = ObjectGetPrototypeOf(value);
  return prototype === ObjectPrototype || prototype === null || typeof value.toJSON === "function";
}

/** An argument as JSON, `{}` where it cannot be read. */
function toJson(value) {
  try {
    // Symbols throw.
    return JSONStringify(isJson(value) ? value : `${value}`) ?? "null";
  } catch {
    return "{}";
  }
}

const without = (text, prefix) =>
  StringPrototypeStartsWith(text, prefix) ? StringPrototypeSlice(text, prefix.length) : undefined;

/** Name, message and stack, which repeats neither. May throw what the error's getters do. */
function partsOf(error) {
  let name, message, stack;
  if (isObject(error)) {
    ({ name, message, stack } = error);
    if (message !== undefined) message = `${message}`;
    if (name !== undefined) name = `${name}`;
    if (stack !== undefined) stack = `${stack}`;
  }
  name ??= "Error";
  if (message === undefined) {
    try {
      message = String(error);
    } catch {
      message = "";
    }
  }
  if (stack !== undefined) {
    const named = without(stack, name);
    if (named !== undefined) stack = without(named, ": ") ?? named;
    const rest = without(stack, message);
    if (rest !== undefined) stack = without(rest, "\n") ?? rest;
    if (stack === "") stack = undefined;
  }
  return told(name, message, stack);
}

/** For each argument that is an error its parts; undefined if none is. */
function errorsOf(args) {
  let errors;
  for (let i = 0; i < args.length; i++) {
    if (kind(args[i]) !== Kind.Error) continue;
    let parts;
    try {
      parts = partsOf(args[i]);
    } catch {
      continue;
    }
    if (errors === undefined) {
      errors = [];
      for (let j = 0; j < args.length; j++) ArrayPrototypePush(errors, null);
    }
    errors[i] = parts;
  }
  return errors;
}

exports.log = (level, args) => {
  if (!ops.isTraced()) return;
  const errors = errorsOf(args);
  const texts = [];
  for (let i = 0; i < args.length; i++) ArrayPrototypePush(texts, toJson(args[i]));
  ops.log(level, `[${ArrayPrototypeJoin(texts, ", ")}]`, errors, current());
};

function exception(error) {
  if (!ops.isTraced()) return;
  let parts;
  try {
    parts = partsOf(error);
  } catch {
    parts = told("Error", "an error that cannot be read", undefined);
  }
  ops.exception(parts, current());
}

/** Texts of warnings that the worker has had. */
const warned = new SafeSet();

/** A warning for whoever looks at the output. */
exports.warnOnce = (text) => {
  if (!warned.has(text)) warn(STDOUT, text);
  warned.add(text);
};

exports.exception = exception;
exports.failed = () => ops.failed();
exports.bodyFailed = (reason) => {
  exception(reason);
  ops.failed();
};
exports.reported = (text) => ops.exception(told("Error", text, undefined), current());
exports.backgroundFailed = () => ops.backgroundFailed();
exports.published = (channel, message) =>
  ops.diagnostic(typeof channel === "symbol" ? (channel.description ?? "") : channel, message, current());
