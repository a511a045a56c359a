/* HeadResult, GetResult and Checksums: what an R2 bucket tells of an object, and its value. The binding makes them of what its
   service answers, RPC of what another worker had. */
const {
  ArrayPrototypePush,
  Date,
  DatePrototypeToUTCString,
  JSONParse,
  NumberPrototypeToString,
  ObjectDefineProperty,
  StringPrototypePadStart,
  TypeError,
  TypedArrayPrototypeGetBuffer,
  TypedArrayPrototypeGetLength,
  TypedArrayPrototypeSlice,
} = primordials;
const {
  argumentError,
  defineInterface,
  defineReadOnly,
  illegalConstructor,
  illegalInvocation,
  isObject,
} = require("webidl");
const {
  assertUsable,
  bodyOfParts,
  bodyParts,
  collect,
  collectText,
  emptyBody,
  isUsed,
  nativeBody,
  partsOfStream,
  streamOf,
  streamOfParts,
} = require("fetch/body");
const flags = require("flags");
const { isHeaders, set } = require("headers");
const { checkJson } = require("memory_limit");
const { results } = require("r2");

const inside = { __proto__: null };

/** The algorithms, in the order in which their checksums are told. */
const ALGORITHMS = ["md5", "sha1", "sha256", "sha384", "sha512"];

function toHex(bytes) {
  let text = "";
  for (let i = 0; i < TypedArrayPrototypeGetLength(bytes); i++) {
    text += StringPrototypePadStart(NumberPrototypeToString(bytes[i], 16), 2, "0");
  }
  return text;
}

let checksumsOf;

class Checksums {
  #bytes;

  /** `bytes`: a Uint8Array or undefined for each algorithm. */
  constructor(token, bytes) {
    if (token !== inside) throw illegalConstructor();
    this.#bytes = bytes;
    for (let i = ALGORITHMS.length - 1; i >= 0; i--) {
      const known = bytes[i];
      const value = known === undefined ? undefined : TypedArrayPrototypeGetBuffer(TypedArrayPrototypeSlice(known));
      defineReadOnly(this, ALGORITHMS[i], value);
    }
  }

  static {
    checksumsOf = (value) => (isObject(value) && #bytes in value ? value.#bytes : undefined);
  }

  toJSON() {
    const bytes = checksumsOf(this);
    if (bytes === undefined) throw illegalInvocation();
    const result = {};
    for (let i = 0; i < ALGORITHMS.length; i++) {
      if (bytes[i] !== undefined) result[ALGORITHMS[i]] = toHex(bytes[i]);
      else if (flags.fastJsgStruct) result[ALGORITHMS[i]] = undefined;
    }
    return result;
  }
}
defineInterface(Checksums);

/** Members of HTTP metadata and the headers that they are. */
const HTTP_FIELDS = [
  "contentType",
  "content-type",
  "contentLanguage",
  "content-language",
  "contentDisposition",
  "content-disposition",
  "contentEncoding",
  "content-encoding",
  "cacheControl",
  "cache-control",
  "cacheExpiry",
  "expires",
];

/** A dictionary as the published binary has it: members that are absent are there from some compatibility date on. */
function put(object, name, value) {
  if (value !== undefined || flags.fastJsgStruct) object[name] = value;
}

function toHttpMetadata(fields) {
  if (fields === undefined) return undefined;
  const result = {};
  for (let i = 0; i < HTTP_FIELDS.length; i += 2) {
    const name = HTTP_FIELDS[i];
    const value = fields[name];
    put(result, name, name === "cacheExpiry" && value !== undefined ? new Date(value) : value);
  }
  return result;
}

function toRange(range) {
  if (range === undefined) return undefined;
  const result = { offset: range[0], length: range[1] };
  put(result, "suffix", undefined);
  return result;
}

/** A flat list of names and values as an object. */
function toCustomMetadata(list) {
  if (list === undefined) return undefined;
  const result = {};
  for (let i = 0; i < list.length; i += 2) {
    ObjectDefineProperty(result, list[i], {
      __proto__: null,
      value: list[i + 1],
      writable: true,
      enumerable: true,
      configurable: true,
    });
  }
  return result;
}

let about;

class HeadResult {
  #about;

  /**
   * `told`: `name`, `version`, `etag`, `storageClass`, `size`, `uploaded` in ms, `checksums` as Checksums takes them; if known
   * `http` (members of HTTP metadata, `cacheExpiry` in ms), `custom` (a flat list), `range` (offset, length), `ssecKeyMd5`.
   */
  constructor(token, told) {
    if (token !== inside) throw illegalConstructor();
    this.#about = told;
    defineReadOnly(this, "ssecKeyMd5", told.ssecKeyMd5);
    defineReadOnly(this, "storageClass", told.storageClass);
    defineReadOnly(this, "range", toRange(told.range));
    defineReadOnly(this, "customMetadata", toCustomMetadata(told.custom));
    defineReadOnly(this, "httpMetadata", toHttpMetadata(told.http));
    defineReadOnly(this, "uploaded", new Date(told.uploaded));
    defineReadOnly(this, "checksums", new Checksums(inside, told.checksums));
    defineReadOnly(this, "httpEtag", `"${told.etag}"`);
    defineReadOnly(this, "etag", told.etag);
    defineReadOnly(this, "size", told.size);
    defineReadOnly(this, "version", told.version);
    defineReadOnly(this, "key", told.name);
  }

  static {
    about = (value) => (isObject(value) && #about in value ? value.#about : undefined);
  }

  writeHttpMetadata(headers) {
    const told = about(this);
    if (told === undefined) throw illegalInvocation();
    if (!isHeaders(headers)) throw argumentError("HeadResult", "writeHttpMetadata", 1, "Headers");
    const { http, name } = told;
    if (http === undefined) {
      throw new TypeError(
        `HTTP metadata unknown for key \`${name}\`. Did you forget to add 'httpMetadata' to \`include\` when listing?`,
      );
    }
    for (let i = 0; i < HTTP_FIELDS.length; i += 2) {
      const value = http[HTTP_FIELDS[i]];
      if (value === undefined) continue;
      set(headers, HTTP_FIELDS[i + 1], HTTP_FIELDS[i] === "cacheExpiry" ? DatePrototypeToUTCString(new Date(value)) : value);
    }
  }
}
defineInterface(HeadResult);

let contentOf;
let isGetResult;

class GetResult extends HeadResult {
  #content;

  constructor(token, told, content) {
    super(token, told);
    this.#content = content;
  }

  static {
    isGetResult = (value) => isObject(value) && #content in value;
    contentOf = (result) => {
      if (!isGetResult(result)) throw illegalInvocation();
      return result.#content;
    };
  }

  get body() {
    return streamOf(contentOf(this));
  }

  get bodyUsed() {
    return isUsed(contentOf(this));
  }

  arrayBuffer() {
    return bufferOf(contentOf(this));
  }

  bytes() {
    return bytesOf(contentOf(this));
  }

  text() {
    return textOf(contentOf(this));
  }

  json() {
    return jsonOf(contentOf(this));
  }

  blob() {
    const type = about(this).http?.contentType ?? "";
    return blobOf(contentOf(this), type);
  }
}
defineInterface(GetResult);

async function bytesOf(content) {
  assertUsable(content);
  return collect(content);
}

async function textOf(content) {
  assertUsable(content);
  return collectText(content);
}

async function bufferOf(content) {
  return TypedArrayPrototypeGetBuffer(await bytesOf(content));
}

async function jsonOf(content) {
  const text = await textOf(content);
  checkJson(text);
  return JSONParse(text);
}

async function blobOf(content, type) {
  return require("blob").blobFromBytes(await bytesOf(content), type);
}

// Between workers.

const HEAD = 0;
const GET = 1;
const CHECKSUMS = 2;

/** What is told of an object as a list, which is cloned as it is, and from it. */
function toList(told) {
  const { name, version, size, etag, uploaded, http, custom, range, checksums, storageClass, ssecKeyMd5 } = told;
  const fields = http === undefined ? undefined : [];
  for (let i = 0; http !== undefined && i < HTTP_FIELDS.length; i += 2) ArrayPrototypePush(fields, http[HTTP_FIELDS[i]]);
  return [name, version, size, etag, uploaded, fields, custom, range, checksums, storageClass, ssecKeyMd5];
}

function ofList(list) {
  const fields = list[5];
  const http = fields === undefined ? undefined : { __proto__: null };
  for (let i = 0; http !== undefined && i < fields.length; i++) http[HTTP_FIELDS[2 * i]] = fields[i];
  return {
    __proto__: null,
    name: list[0],
    version: list[1],
    size: list[2],
    etag: list[3],
    uploaded: list[4],
    http,
    custom: list[6],
    range: list[7],
    checksums: list[8],
    storageClass: list[9],
    ssecKeyMd5: list[10],
  };
}

results.is = (value) => about(value) !== undefined || checksumsOf(value) !== undefined;

results.write = (value) => {
  const told = about(value);
  if (told === undefined) return [CHECKSUMS, checksumsOf(value)];
  if (!isGetResult(value)) return [HEAD, toList(told)];
  const { 0: stream, 1: coding } = streamOfParts(bodyParts(contentOf(value)));
  return [GET, toList(told), stream, coding];
};

exports.read = (parts) => {
  switch (parts[0]) {
    case CHECKSUMS:
      return new Checksums(inside, parts[1]);
    case GET:
      return new GetResult(inside, ofList(parts[1]), bodyOfParts(partsOfStream(parts[2], parts[3])));
    default:
      return new HeadResult(inside, ofList(parts[1]));
  }
};

exports.ALGORITHMS = ALGORITHMS;
exports.HTTP_FIELDS = HTTP_FIELDS;
exports.toHex = toHex;
exports.put = put;
exports.headResult = (told) => new HeadResult(inside, told);
/** `number` and `length` are of a native body; 0 is one of no bytes. */
exports.getResult = (told, number, length) =>
  new GetResult(inside, told, number === 0 ? emptyBody() : nativeBody(number, length));
