/* The body of a Request or Response: taken from what the constructor is given, kept as it came for as long as nobody looks.
   A body is text, bytes, a native number, or a stream made from one of these when `.body` is asked for. */
const {
  ArrayBufferPrototypeSlice,
  ArrayBufferIsView,
  ArrayIsArray,
  DataViewPrototypeGetBuffer,
  JSONParse,
  ObjectPrototype,
  ReflectApply,
  StringPrototypeValueOf,
  SymbolAsyncIterator,
  SymbolIterator,
  SymbolToPrimitive,
  StringPrototypeCharCodeAt,
  StringPrototypeSlice,
  StringPrototypeStartsWith,
  TypeError,
  TypedArrayPrototypeGetBuffer,
  TypedArrayPrototypeGetByteLength,
  TypedArrayPrototypeGetByteOffset,
  TypedArrayPrototypeGetSymbolToStringTag,
  TypedArrayPrototypeSlice,
  Uint8Array,
  ArrayBufferPrototypeGetByteLength,
} = primordials;
const { READER_LOCK, TAKEN, TEE_LOCK } = require("streams/common");
const flags = require("flags");
const { getHeader, hasHeader, setHeader } = require("headers");
const trace = require("trace");
const { encodeUtf8, decodeUtf8, decodeUtf8KeepingBom } = require("encoding");
const { isURLSearchParams } = require("url/search_params");
const { defineInterface, illegalConstructor, illegalInvocation } = require("webidl");
const { checkJson } = require("memory_limit");
const { dataCloneError, session } = require("structured_clone");
const streams = require("streams");
const { IdentityTransformStream, ReadableStream } = streams.globals;
const readableFrom = ReadableStream.from;
const { pipeThrough } = ReadableStream.prototype;
const blobs = () => require("blob");
const forms = () => require("form_data");
const coder = () => require("compression/content");
const decode = (number, coding) => coder().decode(number, coding);

let contentOf, headersOf, setBody, hasBody;

const FOR_RPC = "ReadableStream can only be serialized for RPC.";
const USED = "Body has already been used. It can only be used once. Use tee() first if you need to read it twice.";
const TEXT_TYPE = "text/plain;charset=UTF-8";

/* Where a body's content is. */
const NOTHING = 0;
const TEXT = 1;
const BYTES = 2;
const NATIVE = 3;
const STREAM = 4;

class Content {
  kind = NOTHING;
  /** A string, a Uint8Array, a native number, or a stream, by `kind`. */
  content = null;
  /** Bytes to come, -1 if unknown; of native bodies alone. */
  length = -1;
  /** The coding that a native body comes in, null for none: whoever looks at it sees it decoded. */
  coding = null;
  /** The stream that `.body` gave, over whatever `content` was. */
  stream = null;
  used = false;
  /** The Content-Type that goes with the content. */
  type = null;
}

const isAnyArrayBuffer = (value) => {
  try {
    ArrayBufferPrototypeGetByteLength(value);
    return true;
  } catch {
    return false;
  }
};

/** A copy of the bytes of an ArrayBuffer or view. */
function copyBytes(value) {
  if (!ArrayBufferIsView(value)) return new Uint8Array(ArrayBufferPrototypeSlice(value, 0));
  if (TypedArrayPrototypeGetSymbolToStringTag(value) === undefined) {
    const view = new Uint8Array(DataViewPrototypeGetBuffer(value), value.byteOffset, value.byteLength);
    return TypedArrayPrototypeSlice(view);
  }
  return TypedArrayPrototypeSlice(
    new Uint8Array(
      TypedArrayPrototypeGetBuffer(value),
      TypedArrayPrototypeGetByteOffset(value),
      TypedArrayPrototypeGetByteLength(value),
    ),
  );
}

/** A body of the runtime's: `number` as ops know it, 0 for none; `coding` that it comes in. */
function nativeBody(number, length, coding = null) {
  const body = new Content();
  if (number !== 0) {
    body.kind = NATIVE;
    body.content = number;
    body.length = length;
    body.coding = coding;
  }
  return body;
}

/** The body of a message that has one of no bytes, as HTTP tells. */
function emptyBody() {
  const body = new Content();
  body.kind = TEXT;
  body.content = "";
  return body;
}

/** What `new Response(init)` and `new Request(url, { body: init })` take. */
function extractBody(init) {
  const body = new Content();
  if (init === null || init === undefined) return body;
  if (typeof init === "string") {
    body.kind = TEXT;
    body.content = init;
    body.type = TEXT_TYPE;
    return body;
  }
  if (typeof init === "object" || typeof init === "function") {
    if (streams.isReadableStream(init)) {
      if (streams.isDisturbed(init)) {
        throw new TypeError("This ReadableStream is disturbed (has already been read from), and cannot be used as a body.");
      }
      if (streams.isLocked(init)) {
        throw new TypeError("This ReadableStream is locked to a reader, and cannot be used as a body.");
      }
      body.kind = STREAM;
      body.content = body.stream = init;
      return body;
    }
    if (ArrayBufferIsView(init) || isAnyArrayBuffer(init)) {
      body.kind = BYTES;
      body.content = copyBytes(init);
      return body;
    }
    if (blobs().isBlob(init)) {
      body.kind = BYTES;
      body.content = blobs().blobBytes(init);
      const type = blobs().blobType(init);
      if (type !== "") body.type = type;
      return body;
    }
    if (forms().isFormData(init)) {
      const { bytes, type } = forms().serializeFormData(init);
      body.kind = BYTES;
      body.content = bytes;
      body.type = type;
      return body;
    }
    if (isURLSearchParams(init)) {
      body.kind = TEXT;
      body.content = `${init}`;
      body.type = "application/x-www-form-urlencoded;charset=UTF-8";
      return body;
    }
    if (flags.fetchIterableTypeSupport && isIterable(init)) {
      body.kind = STREAM;
      body.content = body.stream = readableFrom(init);
      return body;
    }
  }
  body.kind = TEXT;
  body.content = `${init}`;
  body.type = TEXT_TYPE;
  return body;
}

const { toString } = ObjectPrototype;

/** Whether an object is a body of what it iterates over, and not of what it says as a string. */
function isIterable(object) {
  const asynchronous = object[SymbolAsyncIterator];
  if (asynchronous !== undefined && asynchronous !== null) return typeof asynchronous === "function";
  if (isStringObject(object)) return false;
  if (flags.fetchIterableTypeSupportOverrideAdjustment && !ArrayIsArray(object)) {
    if (object.toString !== toString || object[SymbolToPrimitive] !== undefined) return false;
  }
  return typeof object[SymbolIterator] === "function";
}

function isStringObject(object) {
  try {
    StringPrototypeValueOf(object);
    return true;
  } catch {
    return false;
  }
}

/** Whether a body in memory has no bytes. */
const isEmpty = (body) => (body.kind === TEXT || body.kind === BYTES) && body.content.length === 0;

/** The stream that `.body` gives, the same each time; null for no body. */
function streamOf(body) {
  if (body.stream !== null || body.kind === NOTHING) return body.stream;
  if (body.kind === NATIVE) {
    const length = body.length >= 0 ? body.length : undefined;
    body.stream =
      body.coding === null
        ? streams.readableFromBody(body.content, length)
        : streams.readableFromCoded(body.content, body.coding, decode);
  } else {
    body.stream = streams.fromBytes(body.content);
  }
  if (body.used) streams.useUp(body.stream);
  return body.stream;
}

function isUsed(body) {
  if (body.used) return true;
  return body.stream !== null && streams.isDisturbed(body.stream);
}

const isUnusable = (body) => isUsed(body) || (body.stream !== null && streams.isLocked(body.stream));

function assertUsable(body) {
  if (isUsed(body)) throw new TypeError(USED);
  if (body.stream !== null && streams.isLocked(body.stream)) {
    throw new TypeError(READER_LOCK);
  }
}

/**
 * Marks the body as used and gives what to send: a string, bytes, a native number, a stream, or null. `coding`: that of the
 * body, if it is to stay in it.
 */
function takeBody(body, coding = null) {
  if (body.kind === NOTHING) return null;
  assertUsable(body);
  body.used = true;
  if (body.kind === STREAM) {
    const number = streams.takeBody(body.stream, coding);
    return number === 0 ? body.stream : number;
  }
  // The stream still has all of its content: what it was made from goes on without it.
  if (body.stream !== null) streams.useUp(body.stream);
  return body.coding === coding || isEmpty(body) ? body.content : decode(body.content, body.coding);
}

/** The coding that a body comes in, null for none. */
const codingOf = (body) => (body.kind === STREAM ? streams.codingOf(body.stream) : body.coding);

/** Whether a body has nothing that a coding could be for. */
const hasNoBytes = (body) =>
  body.kind === NOTHING || (body.kind === STREAM ? streams.isOverNothing(body.stream) : isEmpty(body));

/** Whether a body has to be decoded or encoded to be sent in a coding, null for none. */
const isRecoded = (body, coding) => codingOf(body) !== coding && !hasNoBytes(body);

/** A body in that coding, as `sendable` gives it; it is passed on as it came where that is its own. */
function sendableAs(body, coding, size, failed) {
  if (!isRecoded(body, coding)) return sendable(takeBody(body, coding), size, failed);
  const content = sendable(takeBody(body), -1, failed);
  return coding === null ? content : coder().encode(content, coding);
}

async function collect(body) {
  const content = takeBody(body);
  if (content === null) return new Uint8Array(0);
  if (typeof content === "string") return encodeUtf8(content);
  if (typeof content === "number") return streams.readBody(content, false);
  if (body.kind === BYTES) return TypedArrayPrototypeSlice(content);
  return streams.readAllBytes(content);
}

async function collectText(body) {
  const content = takeBody(body);
  if (content === null) return "";
  const strips = flags.stripBomInReadAllText;
  if (typeof content === "string") {
    return strips && StringPrototypeCharCodeAt(content, 0) === 0xfeff ? StringPrototypeSlice(content, 1) : content;
  }
  if (typeof content === "number") return streams.readBody(content, true, !strips);
  if (body.kind === BYTES) return strips ? decodeUtf8(content) : decodeUtf8KeepingBom(content);
  return streams.readAllText(content);
}

/** Two bodies from one: content in memory is shared, a stream is teed. */
function cloneBody(body) {
  const copy = new Content();
  copy.kind = body.kind;
  copy.type = body.type;
  copy.length = body.length;
  if (body.kind === NOTHING) return copy;
  if (isUnusable(body)) throw new TypeError(TEE_LOCK);
  if (body.kind === TEXT || body.kind === BYTES) {
    copy.content = body.content;
    return copy;
  }
  const { 0: left, 1: right } = streams.tee(streamOf(body));
  body.kind = copy.kind = STREAM;
  body.content = body.stream = left;
  copy.content = copy.stream = right;
  return copy;
}

/** The body gets another owner: what had it counts as used. */
function moveBody(body) {
  const moved = new Content();
  moved.kind = body.kind;
  moved.length = body.length;
  moved.type = body.type;
  if (body.stream === null) {
    moved.coding = body.coding;
    moved.content = body.content;
    body.used = true;
    return moved;
  }
  moved.content = takeBody(body);
  if (streams.isReadableStream(moved.content)) {
    // Its stream is out: the new owner has one of its own that nobody has seen.
    moved.kind = STREAM;
    moved.content = moved.stream = ReflectApply(pipeThrough, moved.content, [new IdentityTransformStream()]);
  }
  return moved;
}

/** What the ops take: a string, bytes, or a number. A stream is pumped into a native body. `size` is -1 if unknown; `failed` is
    called if the stream fails. */
function sendable(content, size, failed = undefined) {
  if (content === null || typeof content !== "object" || ArrayBufferIsView(content)) return content;
  return streams.pumpOut(content, size >= 0 ? size : (streams.lengthOf(content) ?? -1), failed);
}

const CUSTOM_TYPE =
  "A FormData body was provided with a custom Content-Type header when constructing a Request or Response object. This will " +
  "prevent the recipient of the Request or Response from being able to parse the body. Consider omitting the custom " +
  "Content-Type header.";

/** Gives headers the type of a body, where they have none. */
function setType(headers, { type }) {
  if (type === null) return;
  if (!hasHeader(headers, "content-type")) setHeader(headers, "Content-Type", type);
  // A form cannot be read without its own boundary.
  else if (StringPrototypeStartsWith(type, "multipart/form-data")) trace.warn(CUSTOM_TYPE);
}

/** What Request and Response have in common. Subclasses set their state before anyone can look. */
class Body {
  #content = null;
  #headers = null;

  constructor() {
    if (new.target === Body) throw illegalConstructor();
  }

  get body() {
    return streamOf(contentOf(this));
  }

  get bodyUsed() {
    return isUsed(contentOf(this));
  }

  async arrayBuffer() {
    return TypedArrayPrototypeGetBuffer(await collect(usable(this)));
  }

  async bytes() {
    return collect(usable(this));
  }

  async text() {
    return collectText(usable(this));
  }

  async json() {
    const text = await collectText(usable(this));
    checkJson(text);
    return JSONParse(text);
  }

  async formData() {
    const content = usable(this);
    const type = getHeader(headersOf(this) ?? this.headers, "content-type");
    if (type === null) throw new TypeError("Parsing a Body as FormData requires a Content-Type header.");
    const bytes = await collect(content);
    return forms().parseFormData(bytes, forms().formDataType(type));
  }

  async blob() {
    const content = usable(this);
    const type = getHeader(headersOf(this) ?? this.headers, "content-type");
    const { Blob, typeOfBody } = blobs();
    return new Blob([await collect(content)], { __proto__: null, type: typeOfBody(type ?? "") });
  }

  static {
    contentOf = (object) => {
      if (!(#content in object)) throw illegalInvocation();
      return object.#content;
    };
    headersOf = (object) => object.#headers;
    setBody = (object, content, headers) => {
      object.#content = content;
      object.#headers = headers;
    };
    hasBody = (object) => #content in object;
  }
}

function usable(object) {
  const content = contentOf(object);
  assertUsable(content);
  return content;
}
defineInterface(Body);

/** A body as plain values and a stream, which is used up: null, or kind, content, type. */
function bodyParts(body) {
  if (body.kind === NOTHING) return null;
  if (session.writer === null) throw dataCloneError(FOR_RPC);
  if (isUnusable(body)) throw new TypeError(TAKEN);
  if (body.kind === TEXT || body.kind === BYTES) {
    const { kind, type } = body;
    return [kind, takeBody(body), type];
  }
  const coding = codingOf(body);
  if (coding === null) return [STREAM, streamOf(body), body.type];
  // It goes as it came: who only passes it on is to pass on the same bytes.
  const length = body.kind === NATIVE && body.length >= 0 ? body.length : undefined;
  return [STREAM, streams.readableFromBody(takeBody(body, coding), length), body.type, coding];
}

/** The stream of such parts, or null, and the coding that its bytes are in, if any. */
function streamOfParts(parts) {
  if (parts === null) return [null, undefined];
  return parts[0] === STREAM ? [parts[1], parts[3]] : [streamOf(bodyOfParts(parts)), undefined];
}

/** The parts again. */
const partsOfStream = (stream, coding) => (stream === undefined || stream === null ? null : [STREAM, stream, null, coding]);

/** The body of such parts. */
function bodyOfParts(parts) {
  const body = new Content();
  if (parts === null) return body;
  body.kind = parts[0];
  body.content = parts[1];
  body.type = parts[2];
  if (body.kind !== STREAM) return body;
  if (parts[3] === undefined) {
    body.stream = body.content;
  } else {
    body.kind = NATIVE;
    body.length = streams.lengthOf(body.content) ?? -1;
    body.content = streams.takeBody(body.content);
    body.coding = parts[3];
  }
  return body;
}

exports.FOR_RPC = FOR_RPC;
exports.NOTHING = NOTHING;
exports.STREAM = STREAM;
exports.TEXT_TYPE = TEXT_TYPE;
exports.isAnyArrayBuffer = isAnyArrayBuffer;
exports.assertUsable = assertUsable;
exports.collect = collect;
exports.collectText = collectText;
exports.isEmpty = isEmpty;
exports.Body = Body;
exports.contentOf = (object) => contentOf(object);
exports.setBody = (object, content, headers) => setBody(object, content, headers);
exports.hasBody = (object) => hasBody(object);
exports.globals = { Body };
exports.bodyOfParts = bodyOfParts;
exports.partsOfStream = partsOfStream;
exports.streamOfParts = streamOfParts;
exports.bodyParts = bodyParts;
exports.emptyBody = emptyBody;
exports.nativeBody = nativeBody;
exports.extractBody = extractBody;
exports.takeBody = takeBody;
exports.cloneBody = cloneBody;
exports.moveBody = moveBody;
exports.isRecoded = isRecoded;
exports.sendable = sendable;
exports.sendableAs = sendableAs;
exports.setType = setType;
exports.streamOf = streamOf;
/** A promise of the text of a request or response. */
exports.readText = (object) => collectText(contentOf(object));
exports.isUsed = isUsed;
exports.isUnusable = isUnusable;
