/*
 * node:assert. As in the published binary, the plain functions are the strict ones: `equal` is
 * `strictEqual` and `deepEqual` is `deepStrictEqual`.
 */

const {
  ArrayPrototypeFind,
  ArrayPrototypeIndexOf,
  ArrayPrototypeJoin,
  ArrayPrototypeMap,
  ArrayPrototypePush,
  ArrayPrototypeSlice,
  Boolean,
  Error,
  ObjectAssign,
  ObjectDefineProperty,
  ObjectGetPrototypeOf,
  ObjectIs,
  ObjectKeys,
  ObjectPrototype,
  Promise,
  ReflectApply,
  RegExp,
  RegExpPrototypeExec,
  String,
  StringPrototypeSplit,
} = primordials;
const { inspect } = require("console/inspect");
const { AssertionError, strictEqualMessage } = require("node/assert/assertion_error");
const { isDeepStrictEqual, isPartialDeepStrictEqual } = require("node/assert/comparisons");
const {
  ERR_AMBIGUOUS_ARGUMENT,
  ERR_INVALID_ARG_TYPE,
  ERR_INVALID_ARG_VALUE,
  ERR_INVALID_RETURN_VALUE,
  ERR_MISSING_ARGS,
} = require("node/common/errors");
const { setLength } = require("node/common/unsupported");

function failure(options, isGenerated) {
  const error = new AssertionError(options);
  if (isGenerated !== undefined) error.generatedMessage = isGenerated;
  return error;
}

function assert(...args) {
  const { 0: value, 1: message } = args;
  if (args.length === 0) {
    throw new AssertionError({ message: "No value argument passed to `assert.ok()`", stackStartFn: assert });
  }
  if (!value) throw new AssertionError({ message, actual: value, expected: true, operator: "==", stackStartFn: assert });
}

const ok = (...args) => ReflectApply(assert, undefined, args);
ObjectDefineProperty(ok, "name", { value: "ok" });

const needTwo = (count, first = "actual", second = "expected") => {
  if (count < 2) throw new ERR_MISSING_ARGS(first, second);
};

/** Throws unless `holds`; the message is made only then. */
function check(holds, actual, expected, operator, message, makeMessage, stackStartFn) {
  if (holds) return;
  const text = message ? `${message}` : makeMessage?.(actual, expected);
  throw new AssertionError({ message: text, actual, expected, operator, stackStartFn });
}

function strictEqual(actual, expected, message) {
  needTwo(arguments.length);
  check(ObjectIs(actual, expected), actual, expected, "strictEqual", message, strictEqualMessage, strictEqual);
}

function notStrictEqual(actual, expected, message) {
  needTwo(arguments.length);
  const makeMessage = () => "Expected actual to be strictly unequal to expected";
  check(!ObjectIs(actual, expected), actual, expected, "notStrictEqual", message, makeMessage, notStrictEqual);
}

function deepStrictEqual(actual, expected, message) {
  needTwo(arguments.length);
  const same = isDeepStrictEqual(actual, expected);
  check(same, actual, expected, "deepStrictEqual", message, undefined, deepStrictEqual);
}

function notDeepStrictEqual(actual, expected, message) {
  needTwo(arguments.length);
  const differ = !isDeepStrictEqual(actual, expected);
  const makeMessage = () => "Expected actual to not be deeply strictly equal to expected";
  check(differ, actual, expected, "notDeepStrictEqual", message, makeMessage, notDeepStrictEqual);
}

function partialDeepStrictEqual(actual, expected, message) {
  needTwo(arguments.length);
  const holds = isPartialDeepStrictEqual(actual, expected);
  const makeMessage = () => "Expected actual to be partially deeply strictly equal to expected";
  check(holds, actual, expected, "partialDeepStrictEqual", message, makeMessage, partialDeepStrictEqual);
}

const equal = {
  equal(...args) {
    return ReflectApply(strictEqual, undefined, args);
  },
}.equal;
const notEqual = {
  notEqual(...args) {
    return ReflectApply(notStrictEqual, undefined, args);
  },
}.notEqual;
const deepEqual = {
  deepEqual(...args) {
    return ReflectApply(deepStrictEqual, undefined, args);
  },
}.deepEqual;
const notDeepEqual = {
  notDeepEqual(...args) {
    return ReflectApply(notDeepStrictEqual, undefined, args);
  },
}.notDeepEqual;

function fail(message) {
  if (message != null && typeof message !== "string") throw message;
  throw failure({ message: message ?? "Failed", operator: "fail", stackStartFn: fail }, message == null);
}

function match(actual, regexp, message) {
  needTwo(arguments.length, "actual", "regexp");
  if (!(regexp instanceof RegExp)) throw new ERR_INVALID_ARG_TYPE("regexp", "RegExp", regexp);
  const makeMessage = () => `actual: "${actual}" expected to match: "${regexp}"`;
  check(RegExpPrototypeExec(regexp, actual) !== null, actual, regexp, "match", message, makeMessage, match);
}

function doesNotMatch(string, regexp, message) {
  needTwo(arguments.length, "string", "regexp");
  if (!(regexp instanceof RegExp)) throw new ERR_INVALID_ARG_TYPE("regexp", "RegExp", regexp);
  const common = { actual: string, expected: regexp, operator: "doesNotMatch", stackStartFn: doesNotMatch };
  if (typeof string !== "string") {
    if (message instanceof Error) throw message;
    const kind = `Received type ${typeof string} (${inspect(string)})`;
    throw new AssertionError({
      ...common,
      message: message || `The "string" argument must be of type string. ${kind}`,
    });
  }
  if (RegExpPrototypeExec(regexp, string) === null) return;
  throw new AssertionError({
    ...common,
    message: message ? `${message}` : `actual: "${string}" expected to not match: "${regexp}"`,
  });
}

const isErrorClass = (value) =>
  typeof value === "function" && value.prototype !== undefined && (value === Error || value.prototype instanceof Error);

/** Throws unless what was thrown is as `expected` says. */
function checkThrown(thrown, expected, message, operator, validator = "validation") {
  if (typeof expected === "string") {
    if (message != null) {
      throw new ERR_INVALID_ARG_TYPE("error", ["Object", "Error", "Function", "RegExp"], expected);
    }
    if (typeof thrown === "object" && thrown !== null) {
      if (thrown.message === expected) {
        throw new ERR_AMBIGUOUS_ARGUMENT(
          "error/message",
          `The error message "${thrown.message}" is identical to the message.`,
        );
      }
    } else if (thrown === expected) {
      throw new ERR_AMBIGUOUS_ARGUMENT("error/message", `The error "${thrown}" is identical to the message.`);
    }
    return;
  }
  const mismatch = (text, isGenerated = true) => failure({ message: text, actual: thrown, expected, operator }, isGenerated);

  if (isErrorClass(expected)) {
    if (thrown instanceof expected) return;
    throw mismatch(
      `The error is expected to be an instance of "${expected.name}". Received "${thrown?.constructor?.name}"` +
        `\n\nError message:\n\n${thrown?.message}`,
    );
  }
  if (typeof expected === "function") {
    const result = expected(thrown);
    if (result === true) return;
    throw mismatch(
      `The ${validator} function is expected to return "true". Received ${inspect(result)}\n\nCaught error:\n\n${thrown}`,
    );
  }
  if (expected instanceof RegExp) {
    if (RegExpPrototypeExec(expected, String(thrown)) !== null) return;
    throw mismatch(`The input did not match the regular expression ${expected}. Input:\n\n'${String(thrown)}'\n`);
  }
  if (typeof expected === "object" && expected !== null) {
    const keys = ObjectKeys(expected);
    if (expected instanceof Error) ArrayPrototypePush(keys, "name", "message");
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      const isGenerated = message == null;
      if (thrown == null) throw mismatch(message || "object is expected to thrown, but got null", isGenerated);
      if (typeof thrown === "string" || typeof thrown === "number") {
        throw mismatch(message || `object is expected to thrown, but got ${typeof thrown}: ${thrown}`, isGenerated);
      }
      if (!(key in thrown)) {
        throw mismatch(message || `A key in the expected object is missing: ${key}`, isGenerated);
      }
      if (typeof thrown[key] === "string" && expected[key] instanceof RegExp) match(thrown[key], expected[key]);
      else deepStrictEqual(thrown[key], expected[key]);
    }
    return;
  }
  if (expected !== undefined) throw mismatch(`Invalid expectation: ${expected}`);
}

function checkThrowsArguments(fn, expected, message) {
  if (typeof fn !== "function") throw new ERR_INVALID_ARG_TYPE("fn", "function", fn);
  if (
    typeof expected === "object" &&
    expected !== null &&
    ObjectGetPrototypeOf(expected) === ObjectPrototype &&
    ObjectKeys(expected).length === 0
  ) {
    throw new ERR_INVALID_ARG_VALUE("error", expected, "may not be an empty object");
  }
  const isExpectation = typeof expected === "function" || typeof expected === "object";
  const isAllowed =
    isExpectation || (typeof message !== "string" && (expected === undefined || typeof expected === "string"));
  if (!isAllowed) {
    throw new ERR_INVALID_ARG_TYPE("error", ["Function", "Error", "RegExp", "Object"], expected);
  }
}

function throws(fn, expected, message) {
  checkThrowsArguments(fn, expected, message);
  let thrown;
  let didThrow = false;
  try {
    fn();
  } catch (error) {
    thrown = error;
    didThrow = true;
  }
  if (didThrow) return checkThrown(thrown, expected, message, "throws");
  const named = typeof expected === "function" && expected.name;
  let text = "Missing expected exception.";
  if (message) text = `Missing expected exception${named ? ` (${expected.name})` : ""}: ${message}`;
  else if (typeof expected === "string") text = `Missing expected exception: ${expected}`;
  else if (named && expected.prototype !== undefined) text = `Missing expected exception (${expected.name}).`;
  throw new AssertionError({
    message: text,
    operator: "throws",
    actual: undefined,
    expected: typeof expected === "string" ? undefined : expected,
    stackStartFn: throws,
  });
}

function unwanted(error, expected, message, operator) {
  const fails = (text) => new AssertionError({ message: text, operator });
  const actual = error ? error.message : String(error);
  if (typeof expected === "string") {
    throw fails(`Got unwanted exception: ${expected}\nActual message: "${error.message}"`);
  }
  if (typeof expected === "function" && expected.prototype !== undefined) {
    const suffix = message ? ` ${String(message)}` : "";
    if (error instanceof expected) throw fails(`Got unwanted exception: ${error.constructor?.name}${suffix}`);
    if (!(expected.prototype instanceof Error) && expected(error) === true) {
      throw fails(`Got unwanted rejection.\nActual message: "${error.message}"${suffix}`);
    }
    throw error;
  }
  throw fails(`Got unwanted exception${message ? `: ${message}` : "."}\nActual message: "${actual}"`);
}

function doesNotThrow(fn, expected, message) {
  if (typeof fn !== "function") throw new ERR_INVALID_ARG_TYPE("fn", "function", fn);
  const isRight =
    expected instanceof RegExp || typeof expected === "function" || typeof expected === "string" || expected === undefined;
  if (!isRight) throw new ERR_INVALID_ARG_TYPE("expected", ["Function", "RegExp"], fn);
  try {
    fn();
  } catch (error) {
    unwanted(error, expected, message, "doesNotThrow");
  }
}

const isThenable = (value) => Boolean(value) && (value instanceof Promise || typeof value.then === "function");

/** The promise to watch, from a promise or a function that returns one. */
function watch(source) {
  if (typeof source === "function") {
    const promise = source();
    if (!isThenable(promise)) throw new ERR_INVALID_RETURN_VALUE("instance of Promise", "promiseFn", promise);
    return promise;
  }
  if (!isThenable(source)) throw new ERR_INVALID_ARG_TYPE("promiseFn", ["function", "Promise"], source);
  return source;
}

async function rejects(source, expected, message) {
  const promise = watch(source);
  let reason;
  try {
    await promise;
  } catch (error) {
    reason = { error };
  }
  if (reason) return checkThrown(reason.error, expected, message, "rejects", '"validate" validation');
  let text = "Missing expected rejection";
  if (typeof expected === "string") text += `: ${expected}`;
  else if (typeof expected === "function" && expected.prototype !== undefined) text += ` (${expected.name}).`;
  else text += ".";
  throw failure({ message: text, operator: "rejects" }, true);
}

async function doesNotReject(source, expected, message) {
  const promise = watch(source);
  try {
    await promise;
  } catch (error) {
    unwanted(error, expected, message, "doesNotReject");
  }
}

function ifError(value) {
  if (value === null || value === undefined) return;
  let message = "ifError got unwanted exception: ";
  if (typeof value === "object" && typeof value.message === "string") {
    message += value.message.length === 0 && value.constructor ? value.constructor.name : value.message;
  } else {
    message += inspect(value);
  }
  const error = new AssertionError({ actual: value, expected: null, operator: "ifError", message, stackStartFn: ifError });
  const { stack } = value;
  if (typeof stack === "string") {
    // The original frames follow those that lead here, without the ones they share.
    const original = ArrayPrototypeSlice(StringPrototypeSplit(stack, "\n"), 1);
    let own = StringPrototypeSplit(error.stack, "\n");
    const shared = ArrayPrototypeFind(
      ArrayPrototypeMap(original, (frame) => ArrayPrototypeIndexOf(own, frame)),
      (index) => index !== -1,
    );
    if (shared !== undefined) own = ArrayPrototypeSlice(own, 0, shared);
    error.stack = `${ArrayPrototypeJoin(own, "\n")}\n${ArrayPrototypeJoin(original, "\n")}`;
  }
  throw error;
}

const common = {
  fail,
  deepStrictEqual,
  notDeepStrictEqual,
  strictEqual,
  notStrictEqual,
  partialDeepStrictEqual,
  match,
  doesNotMatch,
  throws,
  rejects,
  doesNotThrow,
  doesNotReject,
  ifError,
};

/** A set of assertions of one's own; its options have no effect on the strict comparisons. */
class Assert {
  constructor(options) {
    if (options !== undefined && (typeof options !== "object" || options === null)) {
      throw new ERR_INVALID_ARG_TYPE("options", "Object", options);
    }
    ObjectAssign(this, common, { AssertionError, ok, equal, notEqual, deepEqual, notDeepEqual });
  }
}

function strict(...args) {
  return ReflectApply(assert, undefined, args);
}

ObjectAssign(strict, common, {
  Assert,
  AssertionError,
  ok,
  strict,
  equal: strictEqual,
  notEqual: notStrictEqual,
  deepEqual: deepStrictEqual,
  notDeepEqual: notDeepStrictEqual,
});
ObjectAssign(assert, common, { Assert, AssertionError, ok, strict, equal, notEqual, deepEqual, notDeepEqual });

ObjectAssign(Assert.prototype, common, {
  ok: (...args) => ReflectApply(ok, undefined, args),
  equal,
  notEqual,
  deepEqual,
  notDeepEqual,
});
setLength([assert, ok, strict], 2);
setLength([equal, notEqual, deepEqual, notDeepEqual], 3);

ObjectAssign(exports, assert, { default: assert });
