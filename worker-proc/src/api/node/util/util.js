/*
 * node:util. The inspector and the formatter are the console's own.
 */

// own: systemErrors (a SafeMap)
const {
  ArrayFrom,
  ArrayIsArray,
  ArrayPrototypeForEach,
  ArrayPrototypeJoin,
  ArrayPrototypeMap,
  ArrayPrototypePop,
  ArrayPrototypePush,
  Date,
  DatePrototypeGetDate,
  DatePrototypeGetHours,
  DatePrototypeGetMinutes,
  DatePrototypeGetMonth,
  DatePrototypeGetSeconds,
  Error,
  ErrorCaptureStackTrace,
  FunctionPrototypeBind,
  Map,
  NumberIsSafeInteger,
  ObjectAssign,
  ObjectDefineProperties,
  ObjectDefineProperty,
  ObjectFromEntries,
  ObjectGetOwnPropertyDescriptors,
  ObjectGetPrototypeOf,
  ObjectKeys,
  ObjectSetPrototypeOf,
  Promise,
  ReflectApply,
  ReflectOwnKeys,
  StringPrototypePadStart,
  StringPrototypeSplit,
  StringPrototypeToUpperCase,
  StringPrototypeToWellFormed,
  SymbolFor,
} = primordials;
const { AbortController } = require("abort");
const { console } = require("console");
const encoding = require("encoding");
const { ReadableStream, WritableStream } = require("streams").globals;
const { queueMicrotask } = require("timers");
const { published } = require("webidl");
const { inspect, setDefaultsCheck } = require("console/inspect");
const { formatWithOptions } = require("console/format");
const { stripEscapes } = require("console/text");
const { isDeepStrictEqual } = require("node/assert/comparisons");
const {
  ERR_FALSY_VALUE_REJECTION,
  ERR_INVALID_ARG_TYPE,
  ERR_METHOD_NOT_IMPLEMENTED,
  ERR_OUT_OF_RANGE,
} = require("node/common/errors");
const { MIMEParams, MIMEType } = require("mime");
const { parseEnv } = require("node/util/parse_env");
const { parseArgs } = require("node/util/parse_args");
const { systemErrors } = require("node/common/system_errors");
const { default: types } = require("node:util/types");
const { setLengths } = require("node/common/unsupported");
const {
  kValidateObjectAllowObjects,
  validateAbortSignal,
  validateBoolean,
  validateFunction,
  validateNumber,
  validateObject,
  validateOneOf,
  validateString,
} = require("node/common/validators");

setDefaultsCheck((options) => validateObject(options, "options"));

function format(...args) {
  return formatWithOptions(undefined, args);
}

function formatWithOptionsPublic(options, ...args) {
  validateObject(options, "inspectOptions", kValidateObjectAllowObjects);
  return formatWithOptions(options, args);
}
ObjectDefineProperty(formatWithOptionsPublic, "name", { value: "formatWithOptions" });

/** The exit status of a process that a signal ends. */
function convertProcessSignalToExitCode(signalCode) {
  const { signals } = require("node/common/system_constants");
  validateOneOf(signalCode, "signalCode", ObjectKeys(signals));
  return 128 + signals[signalCode];
}

const DIFF_MARKS = { __proto__: null, " ": 0, "-": 1, "+": -1 };

/** The steps between two strings or arrays of strings: `[1, x]` is only in `actual`, `[-1, x]` only in `expected`. */
function diff(actual, expected) {
  const parts = (value, name) => {
    if (ArrayIsArray(value)) {
      ArrayPrototypeForEach(value, (part, index) => validateString(part, `${name}[${index}]`));
      return value;
    }
    validateString(value, name);
    return StringPrototypeSplit(value, "");
  };
  const left = parts(actual, "actual");
  const right = parts(expected, "expected");
  if (actual === expected) return [];
  return ArrayPrototypeMap(require("node/assert/assertion_error").diffLines(left, right), ({ 0: mark, 1: part }) => [
    DIFF_MARKS[mark],
    part,
  ]);
}

function stripVTControlCharacters(text) {
  validateString(text, "str");
  return stripEscapes(text);
}

const customPromisify = SymbolFor("nodejs.util.promisify.custom");
const customPromisifyArgs = SymbolFor("nodejs.util.promisify.custom.args");

function promisify(original) {
  validateFunction(original, "original");
  const mark = (fn) =>
    ObjectDefineProperty(fn, customPromisify, {
      __proto__: null,
      value: fn,
      enumerable: false,
      writable: false,
      configurable: true,
    });
  const custom = original[customPromisify];
  if (custom) {
    validateFunction(custom, "util.promisify.custom");
    return mark(custom);
  }
  // Callbacks with several results resolve to an object with these names.
  const names = original[customPromisifyArgs];
  function promisified(...args) {
    return new Promise((resolve, reject) => {
      const callback = (error, ...values) => {
        if (error) return reject(error);
        if (names === undefined || values.length <= 1) return resolve(values[0]);
        resolve(ObjectFromEntries(ArrayPrototypeMap(names, (name, i) => [name, values[i]])));
      };
      ArrayPrototypePush(args, callback);
      ReflectApply(original, this, args);
    });
  }
  ObjectSetPrototypeOf(promisified, ObjectGetPrototypeOf(original));
  mark(promisified);
  const descriptors = ObjectGetOwnPropertyDescriptors(original);
  for (let i = 0, keys = ReflectOwnKeys(descriptors); i < keys.length; i++) ObjectSetPrototypeOf(descriptors[keys[i]], null);
  return ObjectDefineProperties(promisified, descriptors);
}
promisify.custom = customPromisify;

function callbackify(original) {
  validateFunction(original, "original");
  function callbackified(...args) {
    const last = ArrayPrototypePop(args);
    validateFunction(last, "last argument");
    const callback = FunctionPrototypeBind(last, this);
    // It may be any thenable.
    const promise = ReflectApply(original, this, args);
    const { then } = promise;
    ReflectApply(then, promise, [
      (value) => queueMicrotask(() => callback(null, value)),
      (reason) => queueMicrotask(() => callback(reason || new ERR_FALSY_VALUE_REJECTION(reason))),
    ]);
  }
  const descriptors = ObjectGetOwnPropertyDescriptors(original);
  // One more argument, the callback.
  if (typeof descriptors.length.value === "number") descriptors.length.value++;
  if (typeof descriptors.name.value === "string") descriptors.name.value += "Callbackified";
  for (let i = 0, keys = ReflectOwnKeys(descriptors); i < keys.length; i++) ObjectSetPrototypeOf(descriptors[keys[i]], null);
  return ObjectDefineProperties(callbackified, descriptors);
}

function inherits(constructor, parent) {
  if (constructor == null) throw new ERR_INVALID_ARG_TYPE("ctor", "Function", constructor);
  if (parent == null) throw new ERR_INVALID_ARG_TYPE("superCtor", "Function", parent);
  if (parent.prototype === undefined) {
    throw new ERR_INVALID_ARG_TYPE("superCtor.prototype", "Object", parent.prototype);
  }
  ObjectDefineProperty(constructor, "super_", {
    __proto__: null,
    value: parent,
    writable: true,
    configurable: true,
  });
  ObjectSetPrototypeOf(constructor.prototype, parent.prototype);
}

function _extend(target, source) {
  if (source === null || typeof source !== "object") return target;
  for (let i = 0, list = ObjectKeys(source); i < list.length; i++) {
    const key = list[i];
    target[key] = source[key];
  }
  return target;
}

const toUSVString = (text) => StringPrototypeToWellFormed(`${text}`);

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

function log(...args) {
  const now = new Date();
  const time = ArrayPrototypeJoin(
    ArrayPrototypeMap([DatePrototypeGetHours(now), DatePrototypeGetMinutes(now), DatePrototypeGetSeconds(now)], (n) =>
      StringPrototypePadStart(`${n}`, 2, "0"),
    ),
    ":",
  );
  console.log(
    "%s - %s",
    `${DatePrototypeGetDate(now)} ${MONTHS[DatePrototypeGetMonth(now)]} ${time}`,
    ReflectApply(format, undefined, args),
  );
}

async function aborted(signal, resource) {
  if (signal === undefined) throw new ERR_INVALID_ARG_TYPE("signal", "AbortSignal", signal);
  validateAbortSignal(signal, "signal");
  validateObject(resource, "resource", kValidateObjectAllowObjects);
  if (signal.aborted) return;
  return new Promise((resolve) => signal.addEventListener("abort", resolve, { __proto__: null, once: true }));
}

// The function itself: there is no process-wide place to warn once.
const deprecate = (fn) => fn;

/** Logs under a heading; every section is enabled, there being no NODE_DEBUG. */
function debuglog(section, callback) {
  let logOnce = (...args) => {
    const name = StringPrototypeToUpperCase(section);
    logOnce = (...values) => console.log(format("%s: %s\n", name, formatWithOptions({}, values)));
    if (typeof callback === "function") callback(logOnce);
    ReflectApply(logOnce, undefined, args);
  };
  const logger = (...args) => ReflectApply(logOnce, undefined, args);
  ObjectDefineProperty(logger, "enabled", {
    __proto__: null,
    get: () => true,
    configurable: true,
    enumerable: true,
  });
  return logger;
}

const MAX_CALL_SITES = 200;

/** The stack as objects, without this function's own frame. */
function getCallSites(frames = 8) {
  if (typeof frames === "object") frames = 8;
  validateNumber(frames, "frameCount", 1, MAX_CALL_SITES);
  const { prepareStackTrace, stackTraceLimit } = Error;
  try {
    Error.stackTraceLimit = frames;
    Error.prepareStackTrace = (_, sites) => sites;
    const holder = {};
    ErrorCaptureStackTrace(holder, getCallSites);
    const { stack } = holder;
    return ArrayFrom(ArrayIsArray(stack) ? stack : [], (site) => ({
      functionName: site.getFunctionName() ?? "",
      scriptName: site.getFileName() ?? "",
      lineNumber: site.getLineNumber() ?? 0,
      columnNumber: site.getColumnNumber() ?? 0,
      column: site.getColumnNumber() ?? 0,
    }));
  } finally {
    Error.prepareStackTrace = prepareStackTrace;
    Error.stackTraceLimit = stackTraceLimit;
  }
}

const escapeCode = (code) => (code === undefined ? "" : `\u001b[${code}m`);

function isStream(value) {
  if (value === null || typeof value !== "object") return false;
  return (
    value instanceof ReadableStream ||
    value instanceof WritableStream ||
    typeof value.pipe === "function" ||
    typeof value.write === "function"
  );
}

function styleText(styles, text, { validateStream = true, stream } = {}) {
  validateString(text, "text");
  validateBoolean(validateStream, "options.validateStream");
  let plain = false;
  if (validateStream) {
    if (stream !== undefined && !isStream(stream)) {
      throw new ERR_INVALID_ARG_TYPE("stream", ["ReadableStream", "WritableStream", "Stream"], stream);
    }
    const isTerminal = stream?.isTTY && typeof stream.getColorDepth === "function";
    plain = !isTerminal || stream.getColorDepth() <= 2;
  }
  let before = "";
  let after = "";
  for (let i = 0, list = ArrayIsArray(styles) ? styles : [styles]; i < list.length; i++) {
    const style = list[i];
    if (style === "none") continue;
    const codes = typeof style === "string" ? inspect.colors[style] : undefined;
    if (codes == null) validateOneOf(style, "format", ObjectKeys(inspect.colors));
    before += escapeCode(codes?.[0]);
    after = escapeCode(codes?.[1]) + after;
  }
  return plain ? text : before + text + after;
}

function checkSystemError(number) {
  validateNumber(number, "err");
  if (number >= 0 || !NumberIsSafeInteger(number)) throw new ERR_OUT_OF_RANGE("err", "a negative integer", number);
}

function getSystemErrorName(number) {
  checkSystemError(number);
  return systemErrors.get(number)?.[0] ?? `Unknown system error ${number}`;
}

function getSystemErrorMessage(number) {
  checkSystemError(number);
  return systemErrors.get(number)?.[1] ?? `Unknown system error ${number}`;
}

const getSystemErrorMap = () => new Map(systemErrors);

const unsupported = (name) =>
  ({
    [name]() {
      throw new ERR_METHOD_NOT_IMPLEMENTED(name);
    },
  })[name];

// Checks that later versions of Node dropped; older code still calls them.
const legacy = {
  isArray: (value) => ArrayIsArray(value),
  isBoolean: (value) => typeof value === "boolean",
  isBuffer: (value) => require("node:buffer").Buffer.isBuffer(value),
  isDate: (value) => types.isDate(value),
  isError: (value) => types.isNativeError(value) || value instanceof Error,
  isFunction: (value) => typeof value === "function",
  isNull: (value) => value === null,
  isNullOrUndefined: (value) => value == null,
  isNumber: (value) => typeof value === "number",
  isObject: (value) => value !== null && typeof value === "object",
  isPrimitive: (value) => value === null || (typeof value !== "object" && typeof value !== "function"),
  isRegExp: (value) => types.isRegExp(value),
  isString: (value) => typeof value === "string",
  isSymbol: (value) => typeof value === "symbol",
  isUndefined: (value) => value === undefined,
};

const util = {
  types,
  callbackify,
  promisify,
  inspect,
  format,
  formatWithOptions: formatWithOptionsPublic,
  stripVTControlCharacters,
  inherits,
  _extend,
  MIMEParams,
  MIMEType,
  toUSVString,
  log,
  aborted,
  debuglog,
  debug: debuglog,
  deprecate,
  getSystemErrorMap,
  getSystemErrorMessage,
  getSystemErrorName,
  TextEncoder: published(encoding.TextEncoder),
  TextDecoder: published(encoding.TextDecoder),
  parseArgs,
  parseEnv,
  styleText,
  convertProcessSignalToExitCode,
  diff,
  setTraceSigInt() {},
  transferableAbortController: () => new AbortController(),
  transferableAbortSignal(signal) {
    if (signal === undefined) throw new ERR_INVALID_ARG_TYPE("signal", "AbortSignal", signal);
    validateAbortSignal(signal, "signal");
    return signal;
  },
  getCallSite: getCallSites,
  getCallSites,
  isDeepStrictEqual,
  _errnoException: unsupported("_errnoException"),
  _exceptionWithHostPort: unsupported("_exceptionWithHostPort"),
  ...legacy,
};

setLengths(util, "deprecate/4 inspect/2 setTraceSigInt/1");

ObjectAssign(exports, util, { default: util });
