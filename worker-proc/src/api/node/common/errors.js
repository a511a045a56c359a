/*
 * The errors of node:* modules: one constructor a code, with Node's class, code and message.
 * `new ERR_X(...)` gives an instance of the language's error class, so `instanceof TypeError` holds.
 */

const {
  AggregateError,
  ArrayIsArray,
  ArrayPrototypeIncludes,
  ArrayPrototypeIndexOf,
  ArrayPrototypeJoin,
  ArrayPrototypeMap,
  ArrayPrototypePush,
  ArrayPrototypeSlice,
  ArrayPrototypeSplice,
  ArrayPrototypeUnshift,
  Error,
  ErrorCaptureStackTrace,
  MathAbs,
  NumberIsInteger,
  ObjectAssign,
  ObjectDefineProperty,
  RangeError,
  ReflectApply,
  RegExpPrototypeExec,
  RegExpPrototypeSymbolReplace,
  String,
  StringPrototypeEndsWith,
  StringPrototypeIncludes,
  StringPrototypeSlice,
  StringPrototypeToLowerCase,
  SyntaxError,
  TypeError,
} = primordials;
const { inspect } = require("console/inspect");

const Err = Error;
const TypeErr = TypeError;
const RangeErr = RangeError;

/** Makes the constructor for a code. `build` gives the message; `finish` may add fields. */
function define(code, Base, build, finish, shownCode = code) {
  const Made = {
    [code]: function (...args) {
      const error = new Base(ReflectApply(build, undefined, args));
      ErrorCaptureStackTrace(error, Made);
      const { name } = error;
      error.code = shownCode;
      ObjectDefineProperty(error, "name", { __proto__: null, value: name, writable: true, configurable: true });
      ObjectDefineProperty(error, "toString", {
        __proto__: null,
        value() {
          return `${this.name} [${shownCode}]: ${this.message}`;
        },
        writable: true,
        configurable: true,
      });
      if (finish !== undefined) {
        ArrayPrototypeUnshift(args, error);
        ReflectApply(finish, undefined, args);
      }
      return error;
    },
  }[code];
  Made.prototype = Base.prototype;
  exports[code] = Made;
  return Made;
}

const TYPES = ["string", "function", "number", "object", "Function", "Object", "boolean", "bigint", "symbol"];
const CLASS_NAME = /^([A-Z][a-z0-9]*)+$/;

// "a", "a or b", "a, b, or c".
function alternatives(list) {
  if (list.length <= 2) return ArrayPrototypeJoin(list, " or ");
  return `${ArrayPrototypeJoin(ArrayPrototypeSlice(list, 0, -1), ", ")}, or ${list[list.length - 1]}`;
}

function expectation(name, expected) {
  const list = ArrayIsArray(expected) ? expected : [expected];
  const types = [];
  const classes = [];
  const others = [];
  for (let i = 0; i < list.length; i++) {
    const entry = list[i];
    if (ArrayPrototypeIncludes(TYPES, entry)) ArrayPrototypePush(types, StringPrototypeToLowerCase(entry));
    else if (RegExpPrototypeExec(CLASS_NAME, entry) !== null) ArrayPrototypePush(classes, entry);
    else ArrayPrototypePush(others, entry);
  }
  // Beside other classes, "object" is one more of them.
  const object = ArrayPrototypeIndexOf(types, "object");
  if (classes.length > 0 && object !== -1) {
    ArrayPrototypeSplice(types, object, 1);
    ArrayPrototypePush(classes, "Object");
  }
  const parts = [];
  if (types.length > 0)
    ArrayPrototypePush(
      parts,
      `${types.length > 2 ? "one of type" : types.length === 2 ? "one of type" : "of type"} ${alternatives(types)}`,
    );
  if (classes.length > 0) ArrayPrototypePush(parts, `an instance of ${alternatives(classes)}`);
  if (others.length > 1) ArrayPrototypePush(parts, `one of ${alternatives(others)}`);
  else if (others.length === 1)
    ArrayPrototypePush(parts, `${StringPrototypeToLowerCase(others[0]) !== others[0] ? "an " : ""}${others[0]}`);
  let subject;
  if (StringPrototypeEndsWith(name, " argument")) subject = name;
  else subject = `"${name}" ${StringPrototypeIncludes(name, ".") ? "property" : "argument"}`;
  return `The ${subject} must be ${ArrayPrototypeJoin(parts, " or ")}`;
}

/** "type string ('x')", "an instance of Foo": what was received instead. */
function received(value, limit = 28) {
  if (value == null) return `${value}`;
  if (typeof value === "function" && value.name) return `function ${value.name}`;
  if (typeof value === "object") {
    if (value.constructor?.name) return `an instance of ${value.constructor.name}`;
    return inspect(value, { depth: -1 });
  }
  let shown = inspect(value, { colors: false });
  if (shown.length > limit) shown = `${StringPrototypeSlice(shown, 0, 25)}...`;
  return `type ${typeof value} (${shown})`;
}

const wrongType = (name, expected, actual) => `${expectation(name, expected)}. Received ${received(actual, 25)}`;
const wrongValue = (name, value, reason = "is invalid") =>
  `The ${StringPrototypeIncludes(name, ".") ? "property" : "argument"} '${name}' ${reason}. Received ${inspect(value)}`;

function grouped(digits) {
  return RegExpPrototypeSymbolReplace(/\B(?=(\d{3})+$)/g, digits, "_");
}

function outOfRange(name, range, input, nameIsMessage = false) {
  let shown;
  if (NumberIsInteger(input) && MathAbs(input) > 2 ** 32) shown = grouped(String(input));
  else if (typeof input === "bigint") {
    shown = `${input > 2n ** 32n || input < -(2n ** 32n) ? grouped(String(input)) : input}n`;
  } else shown = inspect(input);
  const lead = nameIsMessage ? name : `The value of "${name}" is out of range.`;
  return `${lead} It must be ${range}. Received ${shown}`;
}

const nameOf = (name) => (typeof name === "symbol" ? name.description : name);
const always = (message) => () => message;

define("ERR_INVALID_ARG_TYPE", TypeErr, wrongType);
define("ERR_INVALID_ARG_VALUE", TypeErr, wrongValue);
{
  // The same two codes on a RangeError.
  const { ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE } = exports;
  ERR_INVALID_ARG_TYPE.RangeError = define("ERR_INVALID_ARG_TYPE", RangeErr, wrongType);
  ERR_INVALID_ARG_VALUE.RangeError = define("ERR_INVALID_ARG_VALUE", RangeErr, wrongValue);
  ObjectAssign(exports, { ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE });
}
define("ERR_OUT_OF_RANGE", RangeErr, outOfRange, (error) => {
  // The stack's first line shows the code as well.
  const { name } = error;
  error.name = `${name} [ERR_OUT_OF_RANGE]`;
  void error.stack;
  error.name = name;
});
define("ERR_UNHANDLED_ERROR", Err, (context) => `Unhandled error. (${context})`);
define("ERR_INVALID_THIS", TypeErr, (type) => `Value of "this" must be of type ${type}`);
define("ERR_BUFFER_OUT_OF_BOUNDS", RangeErr, (name) =>
  name ? `"${name}" is outside of buffer bounds` : "Attempt to access memory outside buffer bounds",
);
define("ERR_INVALID_BUFFER_SIZE", RangeErr, (bits) => `Buffer size must be a multiple of ${bits}-bits`);
define("ERR_UNKNOWN_ENCODING", TypeErr, (name) => `Unknown encoding: ${name}`);
define("ERR_STREAM_PREMATURE_CLOSE", TypeErr, always("Premature close"));
define("ERR_AMBIGUOUS_ARGUMENT", TypeErr, (name, why) => `The "${name}" argument is ambiguous. ${why}`);
define(
  "ERR_INVALID_RETURN_VALUE",
  TypeErr,
  (wanted, name, value) => `Expected ${wanted} to be returned from the "${name}" function but got ${received(value)}.`,
);
define("ERR_MULTIPLE_CALLBACK", Err, always("Callback called multiple times"));
define("ERR_MISSING_ARGS", TypeErr, (...names) => {
  const quoted = ArrayPrototypeMap(names, (n) =>
    ArrayIsArray(n)
      ? ArrayPrototypeJoin(
          ArrayPrototypeMap(n, (x) => `"${x}"`),
          " or ",
        )
      : `"${n}"`,
  );
  if (quoted.length === 1) return `The ${quoted[0]} argument must be specified`;
  if (quoted.length === 2) return `The ${quoted[0]} and ${quoted[1]} arguments must be specified`;
  return `The ${ArrayPrototypeJoin(ArrayPrototypeSlice(quoted, 0, -1), ", ")}, and ${quoted[quoted.length - 1]} arguments must be specified`;
});
define("ERR_FALSY_VALUE_REJECTION", Err, always("Promise was rejected with falsy value"), (error, reason) => {
  error.reason = reason;
});
define("ERR_METHOD_NOT_IMPLEMENTED", Err, (name) => `The ${nameOf(name)} method is not implemented`);
define("ERR_OPTION_NOT_IMPLEMENTED", Err, (name) => `The ${nameOf(name)} option is not implemented`);
define("ERR_UNSUPPORTED_OPERATION", Err, always("The requested operation is unsupported"));
define("ERR_MISSING_OPTION", Err, (name) => name);
define("ERR_INCOMPATIBLE_OPTION_PAIR", Err, (a, b) => `The options "${a}" and "${b}" are mutually exclusive.`);
define("ERR_DIR_CLOSED", Err, always("Directory is closed"));
define("ERR_SYSTEM_ERROR", Err, (message) => message);
define("ERR_ILLEGAL_CONSTRUCTOR", TypeErr, always("Illegal constructor"));
define("ERR_INVALID_STATE", Err, (message) => `Invalid state: ${message}`);

define("ERR_STREAM_CANNOT_PIPE", Err, always("Cannot pipe, not readable"));
define("ERR_STREAM_DESTROYED", Err, (name) => `Cannot call ${nameOf(name)} after a stream was destroyed`);
define("ERR_STREAM_ALREADY_FINISHED", Err, (name) => `Cannot call ${nameOf(name)} after a stream was finished`);
define("ERR_STREAM_NULL_VALUES", TypeErr, always("May not write null values to stream"));
define("ERR_STREAM_WRITE_AFTER_END", Err, always("write after end"));
define("ERR_STREAM_PUSH_AFTER_EOF", Err, always("stream.push() after EOF"));
define("ERR_STREAM_UNSHIFT_AFTER_END_EVENT", Err, always("stream.unshift() after end event"));
define("ERR_STREAM_WRAP", Err, always("Stream has StringDecoder set or is in objectMode"));

define("ERR_BUFFER_TOO_LARGE", RangeErr, (size) => `Cannot create a Buffer larger than ${size} bytes`);
define("ERR_BROTLI_INVALID_PARAM", RangeErr, (value) => `${value} is not a valid Brotli parameter`);
define("ERR_ZSTD_INVALID_PARAM", RangeErr, (value) => `${value} is not a valid Zstd parameter`);
define("ERR_ZLIB_INITIALIZATION_FAILED", Err, always("Initialization failed"));

define("ERR_INVALID_URL", Err, always("Invalid URL"), (error, input) => {
  error.input = input;
});
define("ERR_INVALID_URL_SCHEME", Err, (scheme) => `The URL must be of scheme ${scheme}`);
define("ERR_INVALID_FILE_URL_HOST", Err, (system) => `File URL host must be "localhost" or empty on ${system}`);
define("ERR_INVALID_FILE_URL_PATH", Err, (what) => `File URL path ${what}`);
define("ERR_INVALID_URI", Err, always("URI malformed"), (error) => {
  error.name = "URIError";
});

define("ERR_CRYPTO_ECDH_INVALID_PUBLIC_KEY", Err, always("Public key is not valid for specified curve"));
define("ERR_CRYPTO_HASH_FINALIZED", Err, always("Digest already called"));
define("ERR_CRYPTO_HASH_UPDATE_FAILED", Err, always("Hash update failed"));
define("ERR_CRYPTO_INCOMPATIBLE_KEY", Err, (name, why) => `Incompatible ${name}: ${why}`);
define(
  "ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE",
  Err,
  (actual, expected) => `Invalid key object type ${actual}, expected ${expected}.`,
);
define("ERR_CRYPTO_INCOMPATIBLE_KEY_OPTIONS", Err, (a, b) => `The selected key encoding ${a} ${b}.`);
define("ERR_CRYPTO_INVALID_JWK", TypeErr, always("Invalid JWK data"));
define("ERR_CRYPTO_SIGN_KEY_REQUIRED", Err, always("No key provided to sign"));

define(
  "ERR_SOCKET_BAD_PORT",
  Err,
  (name, port, allowZero) => `${name} should be ${allowZero ? ">=" : ">"} 0 and < 65536. Received ${typeof port}.`,
);
define("ERR_HTTP_BODY_NOT_ALLOWED", Err, always("Request with GET/HEAD method cannot have body"));
define(
  "ERR_HTTP_CONTENT_LENGTH_MISMATCH",
  Err,
  (actual, expected) => `Request body length does not match content-length header. Expected: ${expected}, Actual: ${actual}`,
);
define("ERR_HTTP_HEADERS_SENT", Err, (action) => `Cannot ${action} headers after they are sent to the client`);
define("ERR_HTTP_INVALID_HEADER_VALUE", TypeErr, (value, name) => `Invalid value "${value}" for header "${name}"`);
define("ERR_HTTP_INVALID_STATUS_CODE", RangeErr, (status) => `Invalid status code: ${status}`);
define(
  "ERR_INVALID_CHAR",
  TypeErr,
  (what, field) => `Invalid character in ${what}${field === undefined ? "" : ` ["${field}"]`}`,
);
define("ERR_INVALID_HTTP_TOKEN", TypeErr, (label, name) => `${label} must be a valid HTTP token ["${name}"]`);
define("ERR_INVALID_PROTOCOL", TypeErr, (actual, expected) => `Protocol "${actual}" not supported. Expected "${expected}"`);
define("ERR_UNESCAPED_CHARACTERS", TypeErr, (field) => `${field} contains unescaped characters`);
const bindFailed = (error, address, port) => ObjectAssign(error, { syscall: "bind", address, port });
for (let i = 0, codes = ["EADDRINUSE", "EADDRNOTAVAIL"]; i < codes.length; i++) {
  define(codes[i], Err, (address, port) => `bind ${codes[i]} ${address}:${port}`, bindFailed);
}
define("ECONNRESET", Err, (message) => message);
define("EPIPE", Err, always("This socket has been ended by the other party"));
define("ERR_SERVER_ALREADY_LISTEN", Err, always("Listen method has been called more than once without closing."));
define("ERR_SERVER_NOT_RUNNING", Err, always("Server is not running."));
define("ERR_SOCKET_CLOSED", Err, always("Socket is closed"));
define("ERR_SOCKET_CLOSED_BEFORE_CONNECTION", Err, always("Socket closed before connection established"));
define("ERR_SOCKET_HANDLE_ADOPTED", Err, always("The bound socket has already been adopted by a server or socket"));
define("ERR_SOCKET_CONNECTING", Err, always("Socket is already connecting"));
define("ERR_TLS_CERT_ALTNAME_FORMAT", SyntaxError, always("Invalid subject alternative name string"));
define(
  "ERR_TLS_CERT_ALTNAME_INVALID",
  Err,
  (reason) => reason,
  (error, reason, host, cert) => {
    ObjectAssign(error, { reason, host, cert });
  },
);
define("ERR_TLS_HANDSHAKE_TIMEOUT", Err, always("TLS handshake timeout"));
define("ERR_TLS_INVALID_CONTEXT", TypeErr, (field) => `${field} must be a SecureContext`);
define("ERR_INVALID_IP_ADDRESS", TypeErr, (address) => `Invalid IP address: ${address}`);
define("ERR_INVALID_ADDRESS", TypeErr, always("Invalid socket address"));
define("ERR_INSPECTOR_ALREADY_CONNECTED", Err, (what) => `${what} is already connected`);
define("ERR_INSPECTOR_NOT_CONNECTED", Err, always("Session is not connected"));
define("ERR_INSPECTOR_CLOSED", Err, always("Session was closed"));
define("ERR_INSPECTOR_COMMAND", Err, (code, message) => `Inspector error ${code}: ${message}`);
define("ERR_INSPECTOR_NOT_WORKER", Err, always("Current thread is not a worker"));
define("ERR_PERFORMANCE_INVALID_TIMESTAMP", TypeErr, (value) => `${value} is not a valid timestamp`);
define("ERR_TRACE_EVENTS_CATEGORY_REQUIRED", TypeErr, always("At least one category is required"));

define("ERR_PARSE_ARGS_INVALID_OPTION_VALUE", TypeErr, (message) => message);
define("ERR_PARSE_ARGS_UNKNOWN_OPTION", TypeErr, (option, allowPositionals) => {
  const hint = allowPositionals
    ? `. To specify a positional argument starting with a '-', place it at the end of the command after '--', as in '-- "${option}"`
    : "";
  return `Unknown option '${option}'${hint}`;
});
define(
  "ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL",
  TypeErr,
  (value) => `Unexpected argument '${value}'. This command does not take positional arguments`,
);

const SYSCALL_MESSAGES = {
  __proto__: null,
  EBADF: "Bad file descriptor",
  EEXIST: "file already exists",
  EINVAL: "invalid argument",
  ENOENT: "no such file or directory",
};

/** The error of a call into the system, as the modules throw it themselves. */
exports.syscallError = function (code, errno, syscall, path) {
  const message = SYSCALL_MESSAGES[code];
  const error = new Error(path === undefined ? message : `${message}, ${syscall} '${path}'`);
  ErrorCaptureStackTrace(error, exports.syscallError);
  ObjectAssign(error, { code, name: "Error", syscall, errno });
  if (code !== "EBADF") error.path = path;
  return error;
};

/** The error of an operation that an AbortSignal ended. */
exports.AbortError = class AbortError extends Error {
  constructor(message = "The operation was aborted", options = undefined) {
    if (options !== undefined && typeof options !== "object") {
      throw new exports.ERR_INVALID_ARG_TYPE("options", "Object", options);
    }
    super(message, options);
    this.code = "ABORT_ERR";
    this.name = "AbortError";
  }
};

/** Joins an error that came first with one that followed. */
exports.aggregateTwoErrors = function (inner, outer) {
  if (!inner || !outer || inner === outer) return inner || outer;
  if (ArrayIsArray(outer.errors)) {
    ArrayPrototypePush(outer.errors, inner);
    return outer;
  }
  const error = new AggregateError([outer, inner], outer.message);
  error.code = outer.code;
  return error;
};

/** What libuv numbers the failures of `connect` and `getaddrinfo`. */
const ERRNO = {
  __proto__: null,
  ECONNREFUSED: -111,
  EPIPE: -32,
  ECONNRESET: -104,
  ETIMEDOUT: -110,
  EHOSTUNREACH: -113,
  ENETUNREACH: -101,
  ENOTFOUND: -3008,
  EAI_AGAIN: -3001,
};

class ConnectException extends Error {
  constructor(code, address, port) {
    super(`connect ${code} ${address}:${port}`);
    ObjectAssign(this, { code, errno: ERRNO[code], syscall: "connect", address, port });
  }
}

class GetAddrInfoException extends Error {
  constructor(code, hostname) {
    super(`getaddrinfo ${code} ${hostname}`);
    ObjectAssign(this, { code, errno: ERRNO[code], syscall: "getaddrinfo", hostname });
  }
}

/** What a call of the system on an open connection has failed with. */
class ConnectionException extends Error {
  constructor(code, syscall) {
    super(`${syscall} ${code}`);
    ObjectAssign(this, { code, errno: ERRNO[code], syscall });
  }
}

exports.ConnectException = ConnectException;
exports.ConnectionException = ConnectionException;
exports.GetAddrInfoException = GetAddrInfoException;
