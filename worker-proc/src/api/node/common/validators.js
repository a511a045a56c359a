/*
 * Checks of arguments to node:* functions. Each throws the error Node throws, or returns.
 */

const {
  ArrayBufferIsView,
  ArrayIsArray,
  ArrayPrototypeIncludes,
  ArrayPrototypeJoin,
  ArrayPrototypeMap,
  NumberIsFinite,
  NumberIsInteger,
  NumberIsNaN,
  NumberMAX_SAFE_INTEGER,
  NumberMIN_SAFE_INTEGER,
  ObjectAssign,
  String,
  StringPrototypeTrim,
} = primordials;
const { ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_OUT_OF_RANGE, ERR_SOCKET_BAD_PORT } = require("node/common/errors");

const requireType = (type, shown) => (value, name) => {
  if (typeof value !== type) throw new ERR_INVALID_ARG_TYPE(name, shown, value);
};

exports.validateString = requireType("string", "string");
exports.validateBoolean = requireType("boolean", "boolean");
exports.validateFunction = requireType("function", "Function");

const isInt32 = (value) => typeof value === "number" && value === (value | 0);
const isUint32 = (value) => typeof value === "number" && value === value >>> 0;

exports.validateBuffer = function (value, name = "buffer") {
  if (!ArrayBufferIsView(value)) {
    throw new ERR_INVALID_ARG_TYPE(name, ["Buffer", "TypedArray", "DataView"], value);
  }
};

function checkInteger(value, name, isIn, range) {
  if (typeof value !== "number") throw new ERR_INVALID_ARG_TYPE(name, "number", value);
  if (!NumberIsInteger(value)) throw new ERR_OUT_OF_RANGE(name, "an integer", value);
  if (!isIn) throw new ERR_OUT_OF_RANGE(name, range, value);
}

exports.validateInteger = (value, name, min = NumberMIN_SAFE_INTEGER, max = NumberMAX_SAFE_INTEGER) =>
  checkInteger(value, name, typeof value === "number" && value >= min && value <= max, `>= ${min} && <= ${max}`);

exports.validateInt32 = (value, name, min = -2147483648, max = 2147483647) =>
  checkInteger(value, name, isInt32(value) && value >= min && value <= max, `>= ${min} && <= ${max}`);

exports.validateUint32 = function (value, name, positive = false) {
  checkInteger(value, name, isUint32(value), `>= ${positive ? 1 : 0} && < 4294967296`);
  if (positive && value === 0) throw new ERR_OUT_OF_RANGE(name, ">= 1 && < 4294967296", value);
};

exports.validateNumber = function (value, name, min = undefined, max = undefined) {
  if (typeof value !== "number") throw new ERR_INVALID_ARG_TYPE(name, "number", value);
  const low = min != null;
  const high = max != null;
  if ((low && value < min) || (high && value > max) || ((low || high) && NumberIsNaN(value))) {
    const range = `${low ? `>= ${min}` : ""}${low && high ? " && " : ""}${high ? `<= ${max}` : ""}`;
    throw new ERR_OUT_OF_RANGE(name, range, value);
  }
};

const NULLABLE = 1;
const ARRAY = 2;
const FUNCTION = 4;
ObjectAssign(exports, {
  kValidateObjectAllowNullable: NULLABLE,
  kValidateObjectAllowArray: ARRAY,
  kValidateObjectAllowObjects: ARRAY | FUNCTION,
});

exports.validateObject = function (value, name, allow = 0) {
  const isRight =
    value === null
      ? (allow & NULLABLE) !== 0
      : ArrayIsArray(value)
        ? (allow & ARRAY) !== 0
        : typeof value === "object" || ((allow & FUNCTION) !== 0 && typeof value === "function");
  if (!isRight) throw new ERR_INVALID_ARG_TYPE(name, "Object", value);
};

exports.validateOneOf = function (value, name, choices) {
  if (ArrayPrototypeIncludes(choices, value)) return;
  const allowed = ArrayPrototypeJoin(
    ArrayPrototypeMap(choices, (c) => (typeof c === "string" ? `'${c}'` : String(c))),
    ", ",
  );
  throw new ERR_INVALID_ARG_VALUE(name, value, `must be one of: ${allowed}`);
};

exports.validateArray = function (value, name, minLength = 0) {
  if (!ArrayIsArray(value)) throw new ERR_INVALID_ARG_TYPE(name, "Array", value);
  if (value.length < minLength) throw new ERR_INVALID_ARG_VALUE(name, value, `must be longer than ${minLength}`);
};

exports.validateStringArray = function (value, name) {
  exports.validateArray(value, name);
  for (let i = 0; i < value.length; i++) exports.validateString(value[i], `${name}[${i}]`);
};

exports.validateAbortSignal = function (signal, name) {
  if (signal !== undefined && (signal === null || typeof signal !== "object" || !("aborted" in signal))) {
    throw new ERR_INVALID_ARG_TYPE(name, "AbortSignal", signal);
  }
};

/** False for undefined and NaN, true for finite numbers; anything else is an error. */
function checkFiniteNumber(value, name) {
  if (value === undefined || NumberIsNaN(value)) return false;
  if (NumberIsFinite(value)) return true;
  exports.validateNumber(value, name);
  throw new ERR_OUT_OF_RANGE(name, "a finite number", value);
}

exports.checkRangesOrGetDefault = function (value, name, lower, upper, fallback) {
  if (!checkFiniteNumber(value, name)) return fallback;
  const most = upper === Infinity ? "" : ` and <= ${upper}`;
  if (value < lower || value > upper) throw new ERR_OUT_OF_RANGE(name, `>= ${lower}${most}`, value);
  return value;
};

/** The port that a number or its text means. */
exports.validatePort = function (port, name = "Port", allowZero = true) {
  const isText = typeof port === "string" && StringPrototypeTrim(port).length > 0;
  const number = isText || typeof port === "number" ? +port : -1;
  if (number !== number >>> 0 || number > 0xffff || (number === 0 && !allowZero)) {
    throw new ERR_SOCKET_BAD_PORT(name, port, allowZero);
  }
  return number;
};

const MAX_TIMER_MS = 2 ** 31 - 1;

/** Milliseconds that a timer can take. */
exports.validateTimerDuration = function (msecs, name) {
  exports.validateNumber(msecs, name);
  if (msecs < 0 || !NumberIsFinite(msecs)) throw new ERR_OUT_OF_RANGE(name, "a non-negative finite number", msecs);
  return msecs > MAX_TIMER_MS ? MAX_TIMER_MS : msecs;
};
