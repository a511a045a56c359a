/* An R2 bucket. Its operations are requests to the binding's service, which has the objects. Compiled for workers that have
   one. */
const { ArrayPrototypeJoin, ArrayPrototypePush, BigInt, Date, DatePrototypeToISOString, Error, TypeError } = primordials;
const {
  argumentError,
  defineInterface,
  defineReadOnly,
  elementError,
  illegalConstructor,
  illegalInvocation,
  isObject,
  toArray,
  toDictionary,
  toInt32,
  toUSVString,
} = require("webidl");
const { toBytes } = require("encoding");
const flags = require("flags");
const { ALGORITHMS, getResult, headResult, put: putMember, toHex } = require("r2/objects");
const streams = require("streams");
const { asyncFailure } = require("streams/common");
const { bytesIn } = require("streams/native");
const { registerUncloneable } = require("structured_clone");
const trace = require("trace");
const message = require("bindings/r2_bucket/message");
const options = require("bindings/r2_bucket/options");

const { quote, textMember, toError } = message;

const MAX_PART_NUMBER = 10000;

const inside = { __proto__: null };

/** What is asked of an object unless a list says otherwise. */
const ALL_METADATA = { __proto__: null, http: true, custom: true };

let own;
let isBucket;

class R2Bucket {
  #state;

  constructor(token, state) {
    if (token !== inside) throw illegalConstructor();
    this.#state = state;
  }

  static {
    isBucket = (value) => isObject(value) && #state in value;
    own = (bucket) => {
      if (!isBucket(bucket)) throw illegalInvocation();
      return bucket.#state;
    };
  }

  head(key) {
    return begin(own(this), arguments, (args) => toKey("head", args), head);
  }

  get(key, given = undefined) {
    return begin(own(this), arguments, toGet, get);
  }

  put(key, value, given = undefined) {
    return begin(own(this), arguments, toPut, put);
  }

  createMultipartUpload(key, given = undefined) {
    return begin(own(this), arguments, toCreate, create);
  }

  resumeMultipartUpload(key, uploadId) {
    const state = own(this);
    const name = toKey("resumeMultipartUpload", arguments);
    if (arguments.length < 2) throw argumentError("R2Bucket", "resumeMultipartUpload", 2, "string");
    return new R2MultipartUpload(inside, state, name, toUSVString(uploadId));
  }

  delete(keys) {
    return begin(own(this), arguments, toKeys, remove);
  }

  list(given = undefined) {
    return begin(own(this), arguments, toList, list);
  }
}
defineInterface(R2Bucket);
registerUncloneable((object) => (isBucket(object) ? "An R2 bucket binding cannot be serialized." : undefined));

let ownUpload;

class R2MultipartUpload {
  #upload;

  constructor(token, bucket, key, uploadId) {
    if (token !== inside) throw illegalConstructor();
    this.#upload = { __proto__: null, bucket, key, uploadId };
    defineReadOnly(this, "uploadId", uploadId);
    defineReadOnly(this, "key", key);
  }

  static {
    ownUpload = (upload) => {
      if (!isObject(upload) || !(#upload in upload)) throw illegalInvocation();
      return upload.#upload;
    };
  }

  uploadPart(partNumber, value, given = undefined) {
    return begin(ownUpload(this), arguments, toPart, uploadPart);
  }

  abort() {
    return begin(ownUpload(this), arguments, () => undefined, abort);
  }

  complete(uploadedParts) {
    return begin(ownUpload(this), arguments, toParts, complete);
  }
}
defineInterface(R2MultipartUpload);

/** Starts an operation on what `read` makes of its arguments, which is the first to refuse them. */
function begin(state, args, read, operate) {
  try {
    return operate(state, read(args));
  } catch (error) {
    return asyncFailure(error);
  }
}

// Arguments.

function toKey(method, args) {
  if (args.length < 1) throw argumentError("R2Bucket", method, 1, "string");
  return toUSVString(args[0]);
}

const dictionary = (value, method, index, type) => toDictionary(value, () => argumentError("R2Bucket", method, index, type));

function toGet(args) {
  const key = toKey("get", args);
  const given = options.readOptions(dictionary(args[1], "get", 2, "GetOptions"), options.readGet);
  return { __proto__: null, key, given };
}

const VALUES = "JsReadableStream or ArrayBuffer or ArrayBufferView or string or Blob";

/** A value to store: text, a Uint8Array, or a stream; undefined for anything else. */
function toValue(value) {
  if (typeof value === "string") return value;
  if (!isObject(value)) return undefined;
  if (streams.isReadableStream(value)) return value;
  const bytes = toBytes(value);
  if (bytes !== undefined) return bytesIn(bytes);
  const { blobBytes, isBlob } = require("blob");
  return isBlob(value) ? blobBytes(value) : undefined;
}

function toPut(args) {
  const key = toKey("put", args);
  const bad = () => argumentError("R2Bucket", "put", 2, VALUES);
  if (args.length < 2) throw bad();
  const value = args[1] === undefined || args[1] === null ? null : toValue(args[1]);
  if (value === undefined) throw bad();
  const given = options.readOptions(dictionary(args[2], "put", 3, "PutOptions"), options.readPut);
  return { __proto__: null, key, value, given };
}

function toCreate(args) {
  const key = toKey("createMultipartUpload", args);
  const members = dictionary(args[1], "createMultipartUpload", 2, "MultipartOptions");
  return { __proto__: null, key, given: options.readOptions(members, options.readMultipart) };
}

function toKeys(args) {
  if (args.length < 1) throw argumentError("R2Bucket", "delete", 1, "string or Array");
  return toArray(args[0], toUSVString) ?? toUSVString(args[0]);
}

function toList(args) {
  const members = dictionary(args[0], "list", 1, "ListOptions");
  // Without any, nothing is said of what to include.
  if (args[0] === undefined) return undefined;
  return options.readList(members ?? { __proto__: null });
}

function toPart(args) {
  const bad = (index, type) => argumentError("R2MultipartUpload", "uploadPart", index, type);
  if (args.length < 1) throw bad(1, "integer");
  const partNumber = toInt32(args[0]);
  const value = toValue(args[1]);
  if (value === undefined) throw bad(2, VALUES);
  const members = toDictionary(args[2], () => bad(3, "UploadPartOptions"));
  return { __proto__: null, partNumber, value, given: options.readOptions(members, options.readPart) };
}

const NO_PART =
  "Cannot initialize N7workerd3api11public_beta17R2MultipartUpload12UploadedPartE with required members from an undefined or null value.";

function toParts(args) {
  const parts = toArray(args[0], (given, index) => {
    const members = toDictionary(given, () => elementError(index, "UploadedPart"));
    if (members === undefined) throw new TypeError(NO_PART);
    const { partNumber, etag } = members;
    return { __proto__: null, partNumber: toInt32(partNumber), etag: toUSVString(etag) };
  });
  if (parts === undefined) throw argumentError("R2MultipartUpload", "complete", 1, "Array");
  return parts;
}

function checkPartNumber(partNumber) {
  if (partNumber < 1 || partNumber > MAX_PART_NUMBER) {
    throw new TypeError(`Part number must be between 1 and ${MAX_PART_NUMBER} (inclusive). Actual value was: ${partNumber}`);
  }
}

// Spans.

function open({ name, bucket }, method, operation) {
  const span = trace.open(undefined, `r2_${method}`);
  if (span !== undefined) {
    trace.set(span, "cloudflare.binding.type", "r2", "cloudflare.binding.name", name);
    trace.set(span, "cloudflare.r2.operation", operation, "cloudflare.r2.bucket", bucket);
  }
  return span;
}

/** Runs an operation in its span. */
function measured(state, method, operation, operate, first, second = undefined) {
  const span = open(state, method, operation);
  return trace.closeAfter(span, operate(state, span, first, second));
}

function tellResponse(span, ...attributes) {
  if (span === undefined) return;
  for (let i = 0; i < attributes.length; i += 2)
    trace.set(span, `cloudflare.r2.response.${attributes[i]}`, attributes[i + 1]);
}

function tellOutcome(span, failure) {
  if (span === undefined) return;
  tellResponse(span, "success", failure === undefined);
  if (failure === undefined) return;
  const { message: text, code } = failure;
  trace.set(span, "error.type", text, "cloudflare.r2.error.message", text, "cloudflare.r2.error.code", BigInt(code));
}

/** Tells of an object as r2/objects is told. */
function tellObject(span, told) {
  if (span === undefined) return;
  const { etag, size, uploaded, checksums, storageClass, ssecKeyMd5, http, custom } = told;
  tellResponse(span, "etag", etag, "size", size, "uploaded", DatePrototypeToISOString(new Date(uploaded)));
  for (let i = 0; i < ALGORITHMS.length; i++) {
    if (checksums[i] !== undefined) tellResponse(span, `checksum.${ALGORITHMS[i]}`, toHex(checksums[i]));
  }
  tellResponse(span, "storage_class", storageClass, "ssec_key", ssecKeyMd5 === undefined ? undefined : true);
  if (http !== undefined) {
    tellResponse(span, "content_type", http.contentType, "content_encoding", http.contentEncoding);
    tellResponse(span, "content_disposition", http.contentDisposition, "content_language", http.contentLanguage);
    tellResponse(span, "cache_control", http.cacheControl);
    if (http.cacheExpiry !== undefined) {
      tellResponse(span, "cache_expiry", DatePrototypeToISOString(new Date(http.cacheExpiry)));
    }
  }
  if (custom !== undefined) tellResponse(span, "custom_metadata", true);
}

// Operations on objects.

const noMetadata = (action) => new Error(`${action}: R2 answered without metadata.`);

/** What an answer with an object's metadata tells of it; null for no such object. */
function toldOf(action, { failure, metadata }) {
  if (message.isNotFound(failure)) return null;
  if (failure !== undefined && !message.isUnmet(failure)) throw toError(action, failure);
  if (metadata === undefined) throw noMetadata(action);
  return message.toResult(metadata, ALL_METADATA);
}

const head = (state, key) => measured(state, "head", "HeadObject", doHead, key);

async function doHead({ channel }, span, key) {
  options.tell(span, "key", key);
  const answer = await message.ask(channel, span, message.request("head", textMember("object", key)));
  message.drop(answer);
  tellOutcome(span, answer.failure);
  const told = toldOf("head", answer);
  if (told === null) return null;
  tellObject(span, told);
  return headResult(told);
}

const get = (state, asked) => measured(state, "get", "GetObject", doGet, asked);

async function doGet({ channel }, span, { key, given }) {
  options.tell(span, "key", key);
  const onlyIf = options.onlyIfMember(span, given.onlyIf);
  let members = textMember("object", key) + options.rangeMembers(span, given.range) + onlyIf;
  members += options.ssecMember(span, given.ssecKey);
  const answer = await message.ask(channel, span, message.request("get", members));
  tellOutcome(span, answer.failure);
  let told = null;
  try {
    told = toldOf("get", answer);
  } finally {
    // Only an object that is there has a value.
    if (told === null || answer.failure !== undefined) message.drop(answer);
  }
  if (told === null) return null;
  tellObject(span, told);
  return answer.failure === undefined ? getResult(told, answer.body, answer.length) : headResult(told);
}

const put = (state, asked) => measured(state, "put", "PutObject", doPut, asked);

const CANCELLED = "Stream cancelled because the associated put operation encountered an error.";

async function doPut({ channel }, span, { key, value, given }) {
  options.tell(span, "key", key);
  let json;
  let http;
  try {
    const onlyIf = options.onlyIfMember(span, given.onlyIf);
    const custom = options.customMember(span, given.custom);
    http = given.http === undefined ? undefined : options.httpOf(given.http);
    let members = textMember("object", key) + custom + options.httpMember(span, http) + onlyIf;
    members += options.hashMember(span, given);
    members += options.storageClassMember(span, given.storageClass);
    json = message.request("put", members + options.ssecMember(span, given.ssecKey));
  } catch (error) {
    if (streams.isReadableStream(value) && !streams.isLocked(value)) streams.cancel(value, new Error(CANCELLED));
    throw error;
  }
  tellSize(span, value);
  const answer = await message.tell(channel, span, json, value);
  tellOutcome(span, answer.failure);
  if (message.isUnmet(answer.failure) || message.isNotFound(answer.failure)) return null;
  if (answer.failure !== undefined) throw toError("put", answer.failure);
  const told = message.toResult(message.parse(answer.text), ALL_METADATA);
  told.http = http ?? { __proto__: null };
  told.custom = given.custom ?? [];
  tellObject(span, told);
  return headResult(told);
}

function tellSize(span, value) {
  if (span === undefined) return;
  const size = message.sizeOf(value);
  if (size !== undefined) options.tell(span, "size", BigInt(size));
}

const remove = (state, keys) => measured(state, "delete", "DeleteObject", doRemove, keys);

async function doRemove({ channel }, span, keys) {
  let member;
  if (typeof keys === "string") {
    member = textMember("object", keys);
    options.tell(span, "keys", keys);
  } else {
    const quoted = [];
    for (let i = 0; i < keys.length; i++) ArrayPrototypePush(quoted, quote(keys[i]));
    member = `,"objects":${message.array(quoted)}`;
    options.tell(span, "keys", ArrayPrototypeJoin(keys, ", "));
  }
  const { failure } = await message.tell(channel, span, message.request("delete", member), null);
  tellOutcome(span, failure);
  if (failure !== undefined && !message.isNotFound(failure)) throw toError("delete", failure);
}

const list = (state, given) => measured(state, "list", "ListObjects", doList, given);

async function doList({ channel }, span, given) {
  const honors = flags.r2ListHonorIncludeFields;
  let members = "";
  let included;
  if (given !== undefined) {
    members = options.listMembers(span, given);
    included = given.include === undefined ? [] : options.includedOf(span, given.include);
  }
  // Before there was the flag, all was included whatever was asked for.
  if (!honors) included = [0, 1];
  if (included !== undefined) members += `,"include":${message.array(included)}`;
  members += ',"newRuntime":true';
  const expected = { __proto__: null, http: false, custom: false };
  for (let i = 0; included !== undefined && i < included.length; i++) {
    if (included[i] === 0) expected.http = true;
    else expected.custom = true;
  }
  const answer = await message.ask(channel, span, message.request("list", members));
  message.drop(answer);
  tellOutcome(span, answer.failure);
  if (answer.failure !== undefined) throw toError("list", answer.failure);
  if (answer.metadata === undefined) throw noMetadata("list");
  const { objects, truncated, cursor, prefixes } = message.toList(answer.metadata, expected);
  const results = [];
  for (let i = 0; i < objects.length; i++) ArrayPrototypePush(results, headResult(objects[i]));
  if (span !== undefined) {
    tellResponse(span, "cursor", cursor, "returned_objects", BigInt(results.length));
    tellResponse(span, "delimited_prefixes", BigInt(prefixes.length), "truncated", truncated);
  }
  const result = { objects: results, truncated };
  putMember(result, "cursor", cursor);
  result.delimitedPrefixes = prefixes;
  return result;
}

// Uploads in parts.

const create = (state, asked) => measured(state, "createMultipartUpload", "CreateMultipartUpload", doCreate, asked);

async function doCreate(state, span, { key, given }) {
  options.tell(span, "key", key);
  const custom = options.customMember(span, given.custom);
  const http = given.http === undefined ? undefined : options.httpOf(given.http);
  let members = textMember("object", key) + custom + options.httpMember(span, http);
  members += options.storageClassMember(span, given.storageClass) + options.ssecMember(span, given.ssecKey);
  const answer = await message.tell(state.channel, span, message.request("createMultipartUpload", members), null);
  tellOutcome(span, answer.failure);
  if (answer.failure !== undefined) throw toError("createMultipartUpload", answer.failure);
  const uploadId = message.text(message.parse(answer.text), "uploadId") ?? "";
  tellResponse(span, "upload_id", uploadId);
  return new R2MultipartUpload(inside, state, key, uploadId);
}

/** The members that name an upload. */
function uploadMembers(span, { key, uploadId }) {
  options.tell(span, "upload_id", uploadId);
  options.tell(span, "key", key);
  return textMember("object", key) + textMember("uploadId", uploadId);
}

function uploadPart(upload, asked) {
  checkPartNumber(asked.partNumber);
  return measured(upload.bucket, "uploadPart", "UploadPart", doUploadPart, upload, asked);
}

async function doUploadPart({ channel }, span, upload, { partNumber, value, given }) {
  options.tell(span, "part_number", BigInt(partNumber));
  const members = `${uploadMembers(span, upload)},"partNumber":${partNumber}${options.ssecMember(span, given.ssecKey)}`;
  tellSize(span, value);
  const answer = await message.tell(channel, span, message.request("uploadPart", members), value);
  tellOutcome(span, answer.failure);
  if (answer.failure !== undefined) throw toError("uploadPart", answer.failure);
  const etag = message.text(message.parse(answer.text), "etag") ?? "";
  tellResponse(span, "etag", etag);
  return { partNumber, etag };
}

const complete = (upload, parts) =>
  measured(upload.bucket, "completeMultipartUpload", "CompleteMultipartUpload", doComplete, upload, parts);

async function doComplete({ channel }, span, upload, parts) {
  const members = uploadMembers(span, upload);
  const items = [];
  const numbers = [];
  for (let i = 0; i < parts.length; i++) {
    const { partNumber, etag } = parts[i];
    ArrayPrototypePush(numbers, `${partNumber}`);
    ArrayPrototypePush(items, `{"etag":${quote(etag)},"part":${partNumber}}`);
  }
  options.tell(span, "uploaded_parts", ArrayPrototypeJoin(numbers, ", "));
  for (let i = 0; i < parts.length; i++) checkPartNumber(parts[i].partNumber);
  const json = message.request("completeMultipartUpload", `${members},"parts":${message.array(items)}`);
  const answer = await message.tell(channel, span, json, null);
  tellOutcome(span, answer.failure);
  if (answer.failure !== undefined) throw toError("completeMultipartUpload", answer.failure);
  const told = message.toResult(message.parse(answer.text), ALL_METADATA);
  tellObject(span, told);
  return headResult(told);
}

const abort = (upload) => measured(upload.bucket, "abortMultipartUpload", "AbortMultipartUpload", doAbort, upload);

async function doAbort({ channel }, span, upload) {
  const json = message.request("abortMultipartUpload", uploadMembers(span, upload));
  const { failure } = await message.tell(channel, span, json, null);
  tellOutcome(span, failure);
  if (failure !== undefined && !message.isNotFound(failure)) throw toError("abortMultipartUpload", failure);
}

exports.bind = ({ service, bucket }, name) => new R2Bucket(inside, { __proto__: null, channel: service, name, bucket });
