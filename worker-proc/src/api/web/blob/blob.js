/*
 * Blob and File (File API sections 3 and 4), held in memory. Bodies, FormData and WebSocket messages read their bytes
 * with `blobBytes`, which nobody may change. Relies on `encoding`, and on `streams` when one is asked for.
 */

const {
  ArrayIsArray,
  ArrayPrototypePush,
  DateNow,
  Error,
  MathMax,
  MathMin,
  NumberIsNaN,
  PromiseReject,
  PromiseResolve,
  RangeError,
  RegExpPrototypeExec,
  StringPrototypeSlice,
  StringPrototypeToLowerCase,
  StringPrototypeTrim,
  TypedArrayPrototypeGetBuffer,
  TypedArrayPrototypeGetLength,
  TypedArrayPrototypeSlice,
  TypedArrayPrototypeSubarray,
  TypeError,
} = primordials;
const {
  constructorError,
  defineInterface,
  illegalInvocation,
  isObject,
  toDOMString,
  toDictionary,
  toInt32,
  toUSVString,
} = require("webidl");
const { decodeUtf8, encodeUtf8, joinBytes, toBytes } = require("encoding");
const { registerCloneable } = require("structured_clone");
const flags = require("flags");

let stateOf;
let isBlob;

/** 128 MiB, the most that the heap of a worker may hold. */
const MAX_BLOB_BYTES = 134217728;

const kParts = { __proto__: null };

class Blob {
  #bytes;
  #type;

  constructor(parts, options) {
    if (parts === kParts) {
      this.#bytes = options.bytes;
      this.#type = options.type;
      return;
    }
    if (parts !== undefined && !ArrayIsArray(parts)) throw constructorError("Blob", 1, "Array");
    const pieces = parts === undefined ? [] : toPieces(parts);
    const members = toDictionary(options, () => constructorError("Blob", 2, "Options"));
    this.#type = toType(members);
    this.#bytes = concat(pieces);
  }

  static {
    stateOf = (blob) => {
      try {
        return { bytes: blob.#bytes, type: blob.#type };
      } catch {
        throw illegalInvocation();
      }
    };
    isBlob = (value) => isObject(value) && #bytes in value;
  }

  get size() {
    return TypedArrayPrototypeGetLength(stateOf(this).bytes);
  }
  get type() {
    return stateOf(this).type;
  }

  slice(start, end, type) {
    const { bytes } = stateOf(this);
    const size = TypedArrayPrototypeGetLength(bytes);
    const from = start === undefined ? 0 : clamp(toInt32(start), size);
    const to = end === undefined ? size : clamp(toInt32(end), size);
    return new Blob(kParts, {
      bytes: TypedArrayPrototypeSubarray(bytes, from, MathMax(from, to)),
      type: type === undefined ? "" : normalizeType(toDOMString(type)),
    });
  }

  arrayBuffer() {
    return promised(stateOf(this), (bytes) => TypedArrayPrototypeGetBuffer(copyOf(bytes)));
  }
  bytes() {
    return promised(stateOf(this), copyOf);
  }
  text() {
    return promised(stateOf(this), decodeUtf8);
  }
  stream() {
    return require("streams").fromBytes(copyOf(stateOf(this).bytes));
  }
}

/** A promise of what `read` makes of the bytes. */
function promised(state, read) {
  try {
    return PromiseResolve(read(state.bytes));
  } catch (error) {
    return PromiseReject(error);
  }
}

const copyOf = (bytes) => TypedArrayPrototypeSlice(bytes);

const clamp = (index, size) => (index < 0 ? MathMax(size + index, 0) : MathMin(index, size));

/** The parts as byte views; those of buffers are still shared with them. */
function toPieces(parts) {
  const pieces = [];
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i];
    if (flags.noResizableArrayBufferInBlob && ops.isResizable(part)) {
      throw new TypeError("Cannot create a Blob with a resizable ArrayBuffer");
    }
    const piece = isBlob(part) ? stateOf(part).bytes : isObject(part) ? toBytes(part) : undefined;
    ArrayPrototypePush(pieces, piece ?? encodeUtf8(toUSVString(part)));
  }
  return pieces;
}

/** One array of all the bytes, shared with nothing. */
function concat(pieces) {
  const views = [];
  let size = 0;
  for (let i = 0; i < pieces.length; i++) {
    const view = asUint8Array(pieces[i]);
    ArrayPrototypePush(views, view);
    size += TypedArrayPrototypeGetLength(view);
  }
  if (size > MAX_BLOB_BYTES) throw new RangeError(`Blob size ${size} exceeds limit ${MAX_BLOB_BYTES}`);
  return joinBytes(views);
}

const asUint8Array = (view) => ops.asUint8Array(view);

const notInType = /[^\u0020-\u007e]/;

const normalizeType = (type) => (RegExpPrototypeExec(notInType, type) === null ? StringPrototypeToLowerCase(type) : "");

function toType(members) {
  if (members === undefined) return "";
  const { type, endings } = members;
  if (endings !== undefined) throw new Error("The 'endings' field on 'Options' is not implemented.");
  return type === undefined ? "" : normalizeType(toDOMString(type));
}

/**
 * The type of a body that becomes a Blob: its Content-Type, of which several headers make a list. The last that looks
 * like a MIME type counts, but before the compat flag for it the list stood as it was.
 */
function typeOfBody(contentType) {
  if (!flags.blobStandardMimeType) return contentType;
  let last = "";
  let quoted = false;
  let start = 0;
  for (let i = 0; i <= contentType.length; i++) {
    if (contentType[i] === '"') quoted = !quoted;
    if (i < contentType.length && (contentType[i] !== "," || quoted)) continue;
    const part = StringPrototypeTrim(StringPrototypeSlice(contentType, start, i));
    if (RegExpPrototypeExec(mimeType, part) !== null) last = part;
    start = i + 1;
  }
  return last;
}

const mimeType = /^[^\s/;,]+\/[^\s/;,]+\s*(;|$)/;

let fileStateOf;
let isFile;

class File extends Blob {
  #name;
  #lastModified;

  constructor(parts, name, options) {
    if (parts === kParts) {
      super(kParts, name);
      this.#name = name.name;
      this.#lastModified = name.lastModified;
      return;
    }
    if (arguments.length < 2) throw constructorError("File", 2, "string");
    if (parts !== undefined && !ArrayIsArray(parts)) throw constructorError("File", 1, "Array");
    const members = toDictionary(options, () => constructorError("File", 3, "Options"));
    const lastModified = members?.lastModified;
    super(parts, members);
    this.#name = toUSVString(name);
    this.#lastModified = lastModified === undefined ? DateNow() : toTime(lastModified);
  }

  static {
    fileStateOf = (file) => {
      try {
        return { name: file.#name, lastModified: file.#lastModified };
      } catch {
        throw illegalInvocation();
      }
    };
    isFile = (value) => isObject(value) && #name in value;
  }

  get name() {
    return fileStateOf(this).name;
  }
  get lastModified() {
    return fileStateOf(this).lastModified;
  }
}

function toTime(value) {
  const time = +value;
  return NumberIsNaN(time) ? 0 : time;
}

defineInterface(Blob);
defineInterface(File);

registerCloneable({
  is: (value) => isBlob(value) && !isFile(value),
  write: (blob) => {
    const { bytes, type } = stateOf(blob);
    return [copyOf(bytes), type];
  },
  read: (fields) => new Blob(kParts, { bytes: fields[0], type: fields[1] }),
  stored: {
    tag: 15,
    write: (blob) => [stateOf(blob).type, stateOf(blob).bytes],
    read: (fields) => new Blob(kParts, { type: fields[0], bytes: fields[1] }),
  },
});

exports.Blob = Blob;
exports.File = File;
exports.blobBytes = (blob) => stateOf(blob).bytes;
exports.blobType = (blob) => stateOf(blob).type;
exports.fileName = (file) => fileStateOf(file).name;
exports.isBlob = isBlob;
exports.typeOfBody = typeOfBody;
exports.isFile = isFile;
/** A Blob or File over bytes that nobody will change; the type is taken as it is. */
exports.blobFromBytes = (bytes, type) => new Blob(kParts, { bytes, type });
exports.fileFromBytes = (bytes, type, name, lastModified = DateNow()) =>
  new File(kParts, { bytes, type, name, lastModified });
exports.globals = { Blob, File };
