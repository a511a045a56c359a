/*
 * What users pass to `node:fs`: each check gives what the operations take, or throws the error that the published binary throws.
 */

// own: path (what the caller gives)
const {
  ArrayBufferIsView,
  ArrayIsArray,
  Date,
  DataViewPrototypeGetBuffer,
  DataViewPrototypeGetByteLength,
  DataViewPrototypeGetByteOffset,
  Number,
  NumberParseInt,
  ObjectDefineProperty,
  ObjectHasOwn,
  ObjectIs,
  ReflectHas,
  RegExpPrototypeExec,
  RegExpPrototypeSymbolReplace,
  StringPrototypeIncludes,
  StringPrototypeReplaceAll,
  StringPrototypeStartsWith,
  StringPrototypeToLowerCase,
  Symbol,
  TypeError,
  TypedArrayPrototypeGetBuffer,
  TypedArrayPrototypeGetByteLength,
  TypedArrayPrototypeGetByteOffset,
  TypedArrayPrototypeGetSymbolToStringTag,
  encodeURIComponent,
} = primordials;
const { workingDirectory } = require("file_system/tree");
const { Buffer } = require("node:buffer");
const {
  ERR_BUFFER_OUT_OF_BOUNDS,
  ERR_INVALID_ARG_TYPE,
  ERR_INVALID_ARG_VALUE,
  ERR_INVALID_THIS,
  ERR_OUT_OF_RANGE,
} = require("node/common/errors");
const {
  validateBoolean,
  validateInt32,
  validateInteger,
  validateObject,
  validateUint32,
} = require("node/common/validators");
const { constants } = require("node/fs/constants");
const { currentURL, hrefOf, parseURL } = require("url");
const flags = require("flags");

const MAX_USER_ID = 2 ** 32 - 1;
const VIEWS = ["Buffer", "TypedArray", "DataView"];
const TEXT_OR_VIEWS = ["string", "Buffer", "TypedArray", "DataView"];

/** Marks file handles; nobody outside has it. */
const kFileHandle = Symbol("kFileHandle");
const isFileHandle = (value) => typeof value === "object" && value !== null && ReflectHas(value, kFileHandle);

/** A path of which a URL changes nothing. */
const PLAIN = /^(?:\/[\w~-][\w.~-]*)+$/;

/** A path as the text of a `file:` URL. */
function toHref(path, encoding = "utf8") {
  if (typeof path === "string") {
    if (RegExpPrototypeExec(PLAIN, path) !== null) return `file://${path}`;
  } else {
    if (path instanceof currentURL()) return flags.specCompliantUrl ? hrefOf(path) : path.href;
    if (!Buffer.isBuffer(path)) throw new ERR_INVALID_ARG_TYPE("path", ["string", "Buffer", "URL"], path);
    path = path.toString(encoding);
  }
  if (StringPrototypeIncludes(path, "\0")) {
    throw new ERR_INVALID_ARG_VALUE("path", path, "must not contain null bytes");
  }
  path = StringPrototypeReplaceAll(RegExpPrototypeSymbolReplace(/[#?]/g, path, encodeURIComponent), "//", "/");
  const url = parseURL(path, StringPrototypeStartsWith(path, "/") ? "file://" : `file://${workingDirectory()}/`);
  if (url === null) throw new TypeError("Invalid URL string.");
  return hrefOf(url);
}

function toDescriptor(value, name = "fd") {
  if (ObjectIs(value, -0)) return 0;
  validateInt32(value, name, 0);
  return value;
}

const toHrefOrDescriptor = (where) => (typeof where === "number" ? toDescriptor(where) : toHref(where));

function toDate(time) {
  if (typeof time === "number" || typeof time === "string") return new Date(time);
  if (typeof time === "bigint") return new Date(Number(time));
  if (time instanceof Date) return time;
  throw new ERR_INVALID_ARG_TYPE("time", ["string", "number", "bigint", "Date"], time);
}

/** Checks a mode, which means nothing here. */
function checkMode(value, name, fallback) {
  let mode = value ?? fallback ?? value;
  if (typeof mode === "string") {
    if (RegExpPrototypeExec(/^[0-7]+$/, mode) === null) {
      throw new ERR_INVALID_ARG_VALUE(name, mode, "must be a 32-bit unsigned integer or an octal string");
    }
    mode = NumberParseInt(mode, 8);
  }
  validateUint32(mode, name);
}

function checkAccessMode(mode) {
  validateInteger(mode ?? constants.F_OK, "mode", 0, 7);
}

function checkOwner(uid, gid) {
  validateInteger(uid, "uid", -1, MAX_USER_ID);
  validateInteger(gid, "gid", -1, MAX_USER_ID);
}

/** Options that may be an encoding alone. */
function toOptions(options) {
  const members = typeof options === "string" || options == null ? { encoding: options } : options;
  validateObject(members, "options");
  return members;
}

/** Options with an encoding, by itself or in an object; `fallback` is what it is if it is left out. */
function toEncoding(options, fallback) {
  const { encoding = fallback } = toOptions(options);
  if (encoding !== "buffer" && (encoding !== null || fallback !== null) && !Buffer.isEncoding(encoding)) {
    throw new ERR_INVALID_ARG_VALUE("options.encoding", encoding);
  }
  return encoding;
}

const O = constants;
const FLAGS = {
  __proto__: null,
  r: O.O_RDONLY,
  rs: O.O_RDONLY | O.O_SYNC,
  sr: O.O_RDONLY | O.O_SYNC,
  "r+": O.O_RDWR,
  "rs+": O.O_RDWR | O.O_SYNC,
  "sr+": O.O_RDWR | O.O_SYNC,
  w: O.O_TRUNC | O.O_CREAT | O.O_WRONLY,
  wx: O.O_TRUNC | O.O_CREAT | O.O_WRONLY | O.O_EXCL,
  xw: O.O_TRUNC | O.O_CREAT | O.O_WRONLY | O.O_EXCL,
  "w+": O.O_TRUNC | O.O_CREAT | O.O_RDWR,
  "wx+": O.O_TRUNC | O.O_CREAT | O.O_RDWR | O.O_EXCL,
  "xw+": O.O_TRUNC | O.O_CREAT | O.O_RDWR | O.O_EXCL,
  a: O.O_APPEND | O.O_CREAT | O.O_WRONLY,
  ax: O.O_APPEND | O.O_CREAT | O.O_WRONLY | O.O_EXCL,
  xa: O.O_APPEND | O.O_CREAT | O.O_WRONLY | O.O_EXCL,
  as: O.O_APPEND | O.O_CREAT | O.O_WRONLY | O.O_SYNC,
  sa: O.O_APPEND | O.O_CREAT | O.O_WRONLY | O.O_SYNC,
  "a+": O.O_APPEND | O.O_CREAT | O.O_RDWR,
  "ax+": O.O_APPEND | O.O_CREAT | O.O_RDWR | O.O_EXCL,
  "xa+": O.O_APPEND | O.O_CREAT | O.O_RDWR | O.O_EXCL,
  "as+": O.O_APPEND | O.O_CREAT | O.O_RDWR | O.O_SYNC,
  "sa+": O.O_APPEND | O.O_CREAT | O.O_RDWR | O.O_SYNC,
};

/** The bits of an open call's flags. */
function toFlags(value) {
  if (typeof value === "number") {
    validateInt32(value, "flags");
    return value;
  }
  if (value == null) return constants.O_RDONLY;
  const bits = typeof value === "string" ? FLAGS[value] : undefined;
  if (bits === undefined) throw new ERR_INVALID_ARG_VALUE("flags", value);
  return bits;
}

function checkPosition(position, name) {
  if (typeof position === "number") validateUint32(position, name);
  else if (typeof position !== "bigint" && position !== null) {
    throw new ERR_INVALID_ARG_TYPE(name, ["integer", "bigint", "null"], position);
  }
}

function checkViews(views) {
  if (!ArrayIsArray(views)) throw new ERR_INVALID_ARG_TYPE("buffer", "ArrayBufferView[]", views);
  for (let i = 0; i < views.length; i++) {
    if (!ArrayBufferIsView(views[i])) throw new ERR_INVALID_ARG_TYPE("buffer", "ArrayBufferView[]", views);
  }
}

const isDataView = (view) => TypedArrayPrototypeGetSymbolToStringTag(view) === undefined;

/** A view's length in bytes. */
const lengthOf = (view) =>
  isDataView(view) ? DataViewPrototypeGetByteLength(view) : TypedArrayPrototypeGetByteLength(view);

/** Some of a view's bytes as a Buffer of the same memory. */
function part(view, offset, length) {
  const isData = isDataView(view);
  const buffer = isData ? DataViewPrototypeGetBuffer(view) : TypedArrayPrototypeGetBuffer(view);
  const start = isData ? DataViewPrototypeGetByteOffset(view) : TypedArrayPrototypeGetByteOffset(view);
  return Buffer.from(buffer, start + offset, length);
}

/** What `write` is to write and where, of the arguments after the descriptor: views and a position. */
function toWritten(buffer, offsetOrOptions, length, position) {
  if (!ArrayBufferIsView(buffer)) return toWrittenText(buffer, offsetOrOptions, length);
  let offset = offsetOrOptions;
  if (typeof offsetOrOptions === "object" && offsetOrOptions !== null) {
    ({ offset = 0, length, position = null } = offsetOrOptions);
    offset ??= 0;
    validateInteger(offset, "offset", 0);
  } else {
    if (offset != null) validateInteger(offset, "offset", 0);
    offset ??= 0;
    position ??= null;
  }
  checkPosition(position, "position");
  const byteLength = lengthOf(buffer);
  if (offset > byteLength) throw new ERR_BUFFER_OUT_OF_BOUNDS("offset");
  length ??= byteLength - offset;
  validateInteger(length, "length", 0);
  if (length > byteLength - offset) throw new ERR_BUFFER_OUT_OF_BOUNDS("length");
  return { __proto__: null, views: [part(buffer, offset, length)], position };
}

function toWrittenText(text, position, encoding) {
  if (typeof text !== "string") throw new ERR_INVALID_ARG_TYPE("buffer", TEXT_OR_VIEWS, text);
  checkPosition(position, "position");
  if (typeof encoding === "string" && StringPrototypeToLowerCase(encoding) === "hex" && text.length % 2 !== 0) {
    throw new ERR_INVALID_ARG_VALUE("encoding", encoding, `is invalid for data of length ${text.length}`);
  }
  return { __proto__: null, views: [Buffer.from(text, encoding)], position };
}

/** Where `read` is to put what it reads: views, none for nothing, and a position. */
function toRead(buffer, offsetOrOptions, length, position) {
  if (!ArrayBufferIsView(buffer)) throw new ERR_INVALID_ARG_TYPE("buffer", VIEWS, buffer);
  let offset = offsetOrOptions;
  if (typeof offsetOrOptions === "object" && offsetOrOptions !== null) {
    ({ offset = 0, length = lengthOf(buffer) - offset, position = null } = offsetOrOptions);
  } else if (typeof offsetOrOptions === "number") {
    length ??= lengthOf(buffer) - offset;
  } else {
    throw new ERR_INVALID_ARG_TYPE("offset", ["number", "object"], offsetOrOptions);
  }
  validateUint32(offset, "offset");
  validateUint32(length, "length");
  checkPosition(position, "position");
  if (length === 0) return { __proto__: null, views: [], position };
  // Only now: options may have getters, which may take the buffer away.
  const byteLength = lengthOf(buffer);
  if (offset + length > byteLength) throw new ERR_OUT_OF_RANGE("length", `<= ${byteLength - offset}`, length);
  return { __proto__: null, views: [part(buffer, offset, length)], position };
}

/** What `writeFile` is to write, and how. */
function toFileData(data, options) {
  const { encoding = "utf8", mode = 0o666, flag = "w", flush = false } = toOptions(options);
  if (encoding !== "buffer" && !Buffer.isEncoding(encoding)) {
    throw new ERR_INVALID_ARG_VALUE("options.encoding", encoding);
  }
  validateBoolean(flush, "options.flush");
  checkMode(mode, "options.mode", 0o666);
  const bits = toFlags(flag);
  if ((bits & (constants.O_APPEND | constants.O_WRONLY | constants.O_RDWR)) === 0) {
    throw new ERR_INVALID_ARG_VALUE("flag", flag, "must be indicate write or append");
  }
  const view = typeof data === "string" ? Buffer.from(data, encoding) : data;
  if (!ArrayBufferIsView(view)) throw new ERR_INVALID_ARG_TYPE("data", TEXT_OR_VIEWS, view);
  return {
    __proto__: null,
    view,
    append: (bits & constants.O_APPEND) !== 0,
    isExclusive: (bits & constants.O_EXCL) !== 0,
  };
}

/** Throws unless an object has a property of its own that instances of a class have. */
function checkThis(value, key, className) {
  if (typeof value !== "object" || value === null || !ObjectHasOwn(value, key)) throw new ERR_INVALID_THIS(className);
}

/** Gives a function its name, which users see. */
const named = (name, call) => ObjectDefineProperty(call, "name", { __proto__: null, value: name });

exports.kFileHandle = kFileHandle;
exports.isFileHandle = isFileHandle;
exports.toHref = toHref;
exports.toDescriptor = toDescriptor;
exports.toHrefOrDescriptor = toHrefOrDescriptor;
exports.toDate = toDate;
exports.checkMode = checkMode;
exports.checkAccessMode = checkAccessMode;
exports.checkOwner = checkOwner;
exports.toOptions = toOptions;
exports.toEncoding = toEncoding;
exports.toFlags = toFlags;
exports.checkPosition = checkPosition;
exports.checkViews = checkViews;
exports.toWritten = toWritten;
exports.toRead = toRead;
exports.toFileData = toFileData;
exports.checkThis = checkThis;
exports.named = named;
