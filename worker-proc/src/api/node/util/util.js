/*
 * node:util. The inspector and the formatter are the console's own.
 */

const { inspect } = require("console/inspect");
const { formatWithOptions } = require("console/format");
const { stripEscapes } = require("console/text");
const { isDeepStrictEqual } = require("node/assert/comparisons");
const { ERR_FALSY_VALUE_REJECTION, ERR_INVALID_ARG_TYPE, ERR_METHOD_NOT_IMPLEMENTED } = require("node/common/errors");
const { MIMEParams, MIMEType } = require("node/util/mime");
const { parseEnv } = require("node/util/parse_env");
const { parseArgs } = require("node/util/parse_args");
const { systemErrors } = require("node/common/system_errors");
const { default: types } = require("node/common/types");
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

function format(...args) {
  return formatWithOptions(undefined, args);
}

function formatWithOptionsPublic(options, ...args) {
  validateObject(options, "inspectOptions", kValidateObjectAllowObjects);
  return formatWithOptions(options, args);
}
Object.defineProperty(formatWithOptionsPublic, "name", { value: "formatWithOptions" });

/** The exit status of a process that a signal ends. */
function convertProcessSignalToExitCode(signalCode) {
  const { signals } = require("node/common/system_constants");
  validateOneOf(signalCode, "signalCode", Object.keys(signals));
  return 128 + signals[signalCode];
}

const DIFF_MARKS = { __proto__: null, " ": 0, "-": 1, "+": -1 };

/** The steps between two strings or arrays of strings: `[1, x]` is only in `actual`, `[-1, x]` only in `expected`. */
function diff(actual, expected) {
  const parts = (value, name) => {
    if (Array.isArray(value)) {
      value.forEach((part, index) => validateString(part, `${name}[${index}]`));
      return value;
    }
    validateString(value, name);
    return value.split("");
  };
  const left = parts(actual, "actual");
  const right = parts(expected, "expected");
  if (actual === expected) return [];
  return require("node/assert/assertion_error").diffLines(left, right).map(([mark, part]) => [DIFF_MARKS[mark], part]);
}

function stripVTControlCharacters(text) {
  validateString(text, "str");
  return stripEscapes(text);
}

const customPromisify = Symbol.for("nodejs.util.promisify.custom");
const customPromisifyArgs = Symbol.for("nodejs.util.promisify.custom.args");

function promisify(original) {
  validateFunction(original, "original");
  const mark = (fn) =>
    Object.defineProperty(fn, customPromisify, {
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
        resolve(Object.fromEntries(names.map((name, i) => [name, values[i]])));
      };
      Reflect.apply(original, this, [...args, callback]);
    });
  }
  Object.setPrototypeOf(promisified, Object.getPrototypeOf(original));
  mark(promisified);
  const descriptors = Object.getOwnPropertyDescriptors(original);
  for (const key of Reflect.ownKeys(descriptors)) Object.setPrototypeOf(descriptors[key], null);
  return Object.defineProperties(promisified, descriptors);
}
promisify.custom = customPromisify;

function callbackify(original) {
  validateFunction(original, "original");
  function callbackified(...args) {
    const last = args.pop();
    validateFunction(last, "last argument");
    const callback = last.bind(this);
    Reflect.apply(original, this, args).then(
      (value) => queueMicrotask(() => callback(null, value)),
      (reason) => queueMicrotask(() => callback(reason || new ERR_FALSY_VALUE_REJECTION(reason))),
    );
  }
  const descriptors = Object.getOwnPropertyDescriptors(original);
  // One more argument, the callback.
  if (typeof descriptors.length.value === "number") descriptors.length.value++;
  if (typeof descriptors.name.value === "string") descriptors.name.value += "Callbackified";
  for (const key of Reflect.ownKeys(descriptors)) Object.setPrototypeOf(descriptors[key], null);
  return Object.defineProperties(callbackified, descriptors);
}

function inherits(constructor, parent) {
  if (constructor == null) throw new ERR_INVALID_ARG_TYPE("ctor", "Function", constructor);
  if (parent == null) throw new ERR_INVALID_ARG_TYPE("superCtor", "Function", parent);
  if (parent.prototype === undefined) {
    throw new ERR_INVALID_ARG_TYPE("superCtor.prototype", "Object", parent.prototype);
  }
  Object.defineProperty(constructor, "super_", {
    __proto__: null,
    value: parent,
    writable: true,
    configurable: true,
  });
  Object.setPrototypeOf(constructor.prototype, parent.prototype);
}

function _extend(target, source) {
  if (source === null || typeof source !== "object") return target;
  for (const key of Object.keys(source)) target[key] = source[key];
  return target;
}

const toUSVString = (text) => `${text}`.toWellFormed();

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

function log(...args) {
  const now = new Date();
  const time = [now.getHours(), now.getMinutes(), now.getSeconds()].map((n) => `${n}`.padStart(2, "0")).join(":");
  console.log("%s - %s", `${now.getDate()} ${MONTHS[now.getMonth()]} ${time}`, format(...args));
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
    const name = section.toUpperCase();
    logOnce = (...values) => console.log(format("%s: %s\n", name, formatWithOptions({}, values)));
    if (typeof callback === "function") callback(logOnce);
    logOnce(...args);
  };
  const logger = (...args) => logOnce(...args);
  Object.defineProperty(logger, "enabled", {
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
    Error.captureStackTrace(holder, getCallSites);
    const { stack } = holder;
    return Array.from(Array.isArray(stack) ? stack : [], (site) => ({
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
  for (const style of Array.isArray(styles) ? styles : [styles]) {
    if (style === "none") continue;
    const codes = typeof style === "string" ? inspect.colors[style] : undefined;
    if (codes == null) validateOneOf(style, "format", Object.keys(inspect.colors));
    before += escapeCode(codes?.[0]);
    after = escapeCode(codes?.[1]) + after;
  }
  return plain ? text : before + text + after;
}

function getSystemErrorName(number) {
  validateNumber(number, "err");
  return systemErrors.get(number)?.[0] ?? `Unknown system error ${number}`;
}

function getSystemErrorMessage(number) {
  validateNumber(number, "err");
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
  isArray: (value) => Array.isArray(value),
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
  TextEncoder,
  TextDecoder,
  parseArgs,
  parseEnv,
  styleText,
  convertProcessSignalToExitCode,
  diff,
  setTraceSigInt() {},
  transferableAbortController: () => new AbortController(),
  transferableAbortSignal(signal) {
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

Object.assign(exports, util, { default: util });
