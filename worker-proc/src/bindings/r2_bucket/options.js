/* What users tell an R2 bucket besides keys and values: read from dictionaries first, then checked and written as JSON, where
   the operation's span learns of it too. */
const {
  ArrayIsArray,
  ArrayPrototypePush,
  BigInt,
  BigIntAsUintN,
  Date,
  DateParse,
  DatePrototypeToISOString,
  Error,
  NumberIsNaN,
  NumberParseInt,
  RangeError,
  RegExpPrototypeExec,
  StringFromCharCode,
  StringPrototypeEndsWith,
  StringPrototypeIndexOf,
  StringPrototypeSlice,
  StringPrototypeStartsWith,
  StringPrototypeToLowerCase,
  StringPrototypeToWellFormed,
  TypeError,
  TypedArrayPrototypeGetByteLength,
} = primordials;
const { elementError, fieldError, isObject, toArray, toInt32, toMillis, toRecord, toUSVString } = require("webidl");
const { btoa, toBytes } = require("encoding");
const { getHeader, isHeaders } = require("headers");
const { HTTP_FIELDS, toHex } = require("r2/objects");
const { bytesIn } = require("streams/native");
const trace = require("trace");
const { array, object, quote, textMember, utf8Length } = require("bindings/r2_bucket/message");

const ON_REQUEST = "cloudflare.r2.request";

/** Sets attributes of a request on a span. */
function tell(span, name, value) {
  if (span !== undefined) trace.set(span, `${ON_REQUEST}.${name}`, value);
}

// Reading.

const textOrNone = (value) => (value === undefined ? undefined : toUSVString(value));

/** A text that nothing else is made into. */
function plainText(members, name, dictionary) {
  const value = members[name];
  if (value === undefined) return undefined;
  if (typeof value !== "string") throw fieldError(dictionary, name, "string");
  return StringPrototypeToWellFormed(value);
}

function dateOrNone(members, name, dictionary) {
  const value = members[name];
  return value === undefined ? undefined : toMillis(value, () => fieldError(dictionary, name, "date"));
}

const numberOrNone = (value) => (value === undefined ? undefined : +value);

/** Headers as they are, a dictionary as `read` gives it, which null is without members; undefined for none. */
function headersOr(members, name, dictionary, type, read) {
  const value = members[name];
  if (value === undefined || isHeaders(value)) return value;
  if (value !== null && !isObject(value)) throw fieldError(dictionary, name, `${type} or Headers`);
  return read(value ?? { __proto__: null });
}

const readConditional = (members) => ({
  __proto__: null,
  etagMatches: plainText(members, "etagMatches", "Conditional"),
  etagDoesNotMatch: plainText(members, "etagDoesNotMatch", "Conditional"),
  uploadedBefore: dateOrNone(members, "uploadedBefore", "Conditional"),
  uploadedAfter: dateOrNone(members, "uploadedAfter", "Conditional"),
  secondsGranularity: !!members.secondsGranularity,
});

const readRange = ({ offset, length, suffix }) => ({
  __proto__: null,
  offset: numberOrNone(offset),
  length: numberOrNone(length),
  suffix: numberOrNone(suffix),
});

const readHttp = (members) => ({
  __proto__: null,
  contentType: textOrNone(members.contentType),
  contentLanguage: textOrNone(members.contentLanguage),
  contentDisposition: textOrNone(members.contentDisposition),
  contentEncoding: textOrNone(members.contentEncoding),
  cacheControl: textOrNone(members.cacheControl),
  cacheExpiry: dateOrNone(members, "cacheExpiry", "HttpMetadata"),
});

function readCustom({ customMetadata }, dictionary) {
  if (customMetadata === undefined) return undefined;
  if (!isObject(customMetadata) || ArrayIsArray(customMetadata)) throw fieldError(dictionary, "customMetadata", "object");
  return toRecord(customMetadata, toUSVString, toUSVString);
}

/** A key of a customer: bytes or text. */
function readKey({ ssecKey }) {
  if (ssecKey === undefined) return undefined;
  const bytes = isObject(ssecKey) ? toBytes(ssecKey) : undefined;
  return bytes === undefined ? toUSVString(ssecKey) : bytesIn(bytes);
}

function readHash(members, name) {
  const value = members[name];
  if (value === undefined) return undefined;
  if (typeof value === "string") return value;
  const bytes = isObject(value) ? toBytes(value) : undefined;
  if (bytes === undefined) throw fieldError("PutOptions", name, "BufferSource or string");
  return bytesIn(bytes);
}

/** What an operation's options are without any. */
const NONE = { __proto__: null };

/** A dictionary read by `read`. */
const readOptions = (members, read) => (members === undefined ? NONE : read(members));

const readGet = (members) => ({
  __proto__: null,
  onlyIf: headersOr(members, "onlyIf", "GetOptions", "Conditional", readConditional),
  range: headersOr(members, "range", "GetOptions", "Range", readRange),
  ssecKey: readKey(members),
});

const readPut = (members) => ({
  __proto__: null,
  onlyIf: headersOr(members, "onlyIf", "PutOptions", "Conditional", readConditional),
  http: headersOr(members, "httpMetadata", "PutOptions", "HttpMetadata", readHttp),
  custom: readCustom(members, "PutOptions"),
  md5: readHash(members, "md5"),
  sha1: readHash(members, "sha1"),
  sha256: readHash(members, "sha256"),
  sha384: readHash(members, "sha384"),
  sha512: readHash(members, "sha512"),
  storageClass: textOrNone(members.storageClass),
  ssecKey: readKey(members),
});

const readMultipart = (members) => ({
  __proto__: null,
  http: headersOr(members, "httpMetadata", "MultipartOptions", "HttpMetadata", readHttp),
  custom: readCustom(members, "MultipartOptions"),
  storageClass: textOrNone(members.storageClass),
  ssecKey: readKey(members),
});

const readPart = (members) => ({ __proto__: null, ssecKey: readKey(members) });

const readList = (members) => ({
  __proto__: null,
  limit: members.limit === undefined ? undefined : toInt32(members.limit),
  prefix: plainText(members, "prefix", "ListOptions"),
  cursor: plainText(members, "cursor", "ListOptions"),
  delimiter: plainText(members, "delimiter", "ListOptions"),
  startAfter: plainText(members, "startAfter", "ListOptions"),
  include: readInclude(members),
});

function readInclude({ include }) {
  if (include === undefined) return undefined;
  const list = toArray(include, (one, index) => {
    if (typeof one !== "string") throw elementError(index, "string");
    return one;
  });
  if (list === undefined) throw fieldError("ListOptions", "include", "Array");
  return list;
}

// Conditions.

const WILDCARD = "*";

/** A tag of an entity, as `{ value, type }`. */
const tag = (type, value) => ({ __proto__: null, type, value });

function tagsOf(value) {
  if (value === undefined) return undefined;
  if (StringPrototypeStartsWith(value, '"') && StringPrototypeEndsWith(value, '"')) {
    throw new TypeError(`Conditional ETag should not be wrapped in quotes (${value}).`);
  }
  return [value === WILDCARD ? tag("wildcard", undefined) : tag("strong", value)];
}

const noComma = (what, rest = "") =>
  new Error(`Comma was expected to separate etags. Encountered a ${what} instead.${rest}`);
const START_OF = (kind) => ` This would otherwise indicate the start of a new ${kind} etag.`;

/** The tags of a header If-Match or If-None-Match (RFC 9110 section 13.1). What is none ends the list, as on workerd. */
function parseTags(header) {
  const tags = [];
  let needsComma = false;
  for (let at = 0; at < header.length; ) {
    const char = header[at];
    if (char === " " || char === "\t") {
      at++;
    } else if (char === ",") {
      at++;
      needsComma = false;
    } else if (char === WILDCARD) {
      if (needsComma) throw noComma("wildcard character '*'");
      return [tag("wildcard", undefined)];
    } else if (char === "W" || char === '"') {
      const isWeak = char === "W";
      if (needsComma) {
        throw isWeak
          ? noComma("weak quotation character 'W'", START_OF("weak"))
          : noComma("double quote character '\"'", START_OF("strong"));
      }
      if (isWeak && !StringPrototypeStartsWith(header, '/"', at + 1)) {
        throw new Error("Weak etags must start with W/ and their value must be quoted");
      }
      const from = at + (isWeak ? 3 : 1);
      const to = StringPrototypeIndexOf(header, '"', from);
      if (to < 0) throw new Error("Unclosed double quote for Etag");
      ArrayPrototypePush(tags, tag(isWeak ? "weak" : "strong", StringPrototypeSlice(header, from, to)));
      at = to + 1;
      needsComma = true;
    } else {
      return tags;
    }
  }
  return tags;
}

function tagsOfHeader(headers, name) {
  const header = getHeader(headers, name);
  if (header === null) return undefined;
  const tags = parseTags(header);
  if (tags.length === 0) throw new Error(`Invalid ETag in ${name} header`);
  return tags;
}

/** Milliseconds of a date in a header; 0 for what is none. */
function dateOfHeader(headers, name) {
  const header = getHeader(headers, name);
  if (header === null) return undefined;
  const millis = DateParse(header);
  return NumberIsNaN(millis) ? 0 : millis;
}

function conditionsOf(given) {
  if (isHeaders(given)) {
    return {
      __proto__: null,
      matches: tagsOfHeader(given, "if-match"),
      doesNotMatch: tagsOfHeader(given, "if-none-match"),
      after: dateOfHeader(given, "if-modified-since"),
      before: dateOfHeader(given, "if-unmodified-since"),
      inSeconds: true,
    };
  }
  return {
    __proto__: null,
    matches: tagsOf(given.etagMatches),
    doesNotMatch: tagsOf(given.etagDoesNotMatch),
    after: given.uploadedAfter,
    before: given.uploadedBefore,
    inSeconds: given.secondsGranularity,
  };
}

/** Milliseconds as the schema has them: without a sign. */
const toMember = (millis) => (millis >= 0 ? `"${BigInt(millis)}"` : `"${BigIntAsUintN(64, BigInt(millis))}"`);

function tagsMember(span, name, label, tags) {
  if (tags === undefined) return "";
  const items = [];
  let told = "";
  for (let i = 0; i < tags.length; i++) {
    const { type, value } = tags[i];
    ArrayPrototypePush(items, `{${value === undefined ? "" : `"value":${quote(value)},`}"type":"${type}"}`);
    told += `${i === 0 ? "" : ", "}${value ?? WILDCARD}`;
  }
  tell(span, `only_if.${label}`, told);
  return `,"${name}":${array(items)}`;
}

function dateMember(span, name, label, millis) {
  if (millis === undefined) return "";
  if (span !== undefined) tell(span, `only_if.${label}`, DatePrototypeToISOString(new Date(millis)));
  return `,"${name}":${toMember(millis)}`;
}

/** The member `onlyIf`. */
function onlyIfMember(span, given) {
  if (given === undefined) return "";
  const { matches, doesNotMatch, before, after, inSeconds } = conditionsOf(given);
  let members = tagsMember(span, "etagMatches", "etag_matches", matches);
  members += tagsMember(span, "etagDoesNotMatch", "etag_does_not_match", doesNotMatch);
  members += dateMember(span, "uploadedBefore", "uploaded_before", before);
  members += dateMember(span, "uploadedAfter", "uploaded_after", after);
  if (inSeconds && (before !== undefined || after !== undefined)) members += ',"secondsGranularity":true';
  return `,"onlyIf":${object(members)}`;
}

// Ranges.

/** The most that the published binary makes of a number of bytes. */
const MAX_BYTES = 2 ** 63;

const told = (number) => (NumberIsNaN(number) ? "nan" : `${number}`);

/** A part of a range as a member; `label` and `what` are for errors. */
function rangeMember(span, name, value, label, what) {
  if (value === undefined) return "";
  if (!(value >= 0)) {
    throw new RangeError(`Invalid ${label}. ${what} (${told(value)}) must be greater than or equal to 0.`);
  }
  if (value !== Infinity && value % 1 !== 0) {
    throw new RangeError(`Invalid range. ${what} (${told(value)}) must be an integer, not floating point.`);
  }
  const bytes = BigInt(value < MAX_BYTES ? value : MAX_BYTES);
  tell(span, `range.${name}`, bytes);
  return `,"${name}":"${bytes}"`;
}

function rangeMembers(span, given) {
  if (given === undefined) return "";
  if (isHeaders(given)) {
    const header = getHeader(given, "range");
    if (header === null) return "";
    tell(span, "range", header);
    return textMember("rangeHeader", StringPrototypeToWellFormed(header));
  }
  const { offset, length, suffix } = given;
  let members = rangeMember(span, "offset", offset, "range", "Starting offset");
  members += rangeMember(span, "length", length, "range", "Length");
  if (suffix !== undefined) {
    if (offset !== undefined) throw new TypeError("Suffix is incompatible with offset.");
    if (length !== undefined) throw new TypeError("Suffix is incompatible with length.");
    members += rangeMember(span, "suffix", suffix, "suffix", "Suffix");
  }
  return `,"range":${object(members)}`;
}

// Metadata.

const SNAKE = [
  "content_type",
  "content_language",
  "content_disposition",
  "content_encoding",
  "cache_control",
  "cache_expiry",
];

/** HTTP metadata as r2/objects takes it: of a dictionary, or of headers. */
function httpOf(given) {
  if (!isHeaders(given)) return given;
  const result = { __proto__: null };
  for (let i = 0; i < HTTP_FIELDS.length; i += 2) {
    const { [i]: name, [i + 1]: header } = HTTP_FIELDS;
    const value = name === "cacheExpiry" ? dateOfHeader(given, header) : (getHeader(given, header) ?? undefined);
    result[name] = typeof value === "string" ? StringPrototypeToWellFormed(value) : value;
  }
  return result;
}

function httpMember(span, http) {
  if (http === undefined) return "";
  let members = "";
  for (let i = 0; i < HTTP_FIELDS.length; i += 2) {
    const name = HTTP_FIELDS[i];
    const value = http[name];
    if (value === undefined) continue;
    const isDate = name === "cacheExpiry";
    tell(span, `http_metadata.${SNAKE[i / 2]}`, isDate ? BigInt(value) : value);
    // In the schema -1 ms is what stands for none.
    if (!isDate) members += textMember(name, value);
    else if (value !== -1) members += `,"${name}":${toMember(value)}`;
  }
  return `,"httpFields":${object(members)}`;
}

function customMember(span, custom) {
  if (custom === undefined) return "";
  const items = [];
  for (let i = 0; i < custom.length; i += 2) {
    ArrayPrototypePush(items, `{"k":${quote(custom[i])},"v":${quote(custom[i + 1])}}`);
  }
  tell(span, "custom_metadata", true);
  return `,"customFields":${array(items)}`;
}

function storageClassMember(span, storageClass) {
  if (storageClass !== undefined) tell(span, "storage_class", storageClass);
  return textMember("storageClass", storageClass);
}

// Checksums and keys.

/* Hashes by their members, with their names and bytes. */
const HASHES = [
  "md5",
  "MD5",
  16,
  "sha1",
  "SHA-1",
  20,
  "sha256",
  "SHA-256",
  32,
  "sha384",
  "SHA-384",
  48,
  "sha512",
  "SHA-512",
  64,
];

const HEX = /^[0-9a-fA-F]*$/;
const LOWER_HEX = /^[0-9a-f]+$/;

/** A hash in lower-case hexadecimal. */
function hexOf(hash, name, bytes) {
  if (typeof hash !== "string") {
    const given = TypedArrayPrototypeGetByteLength(hash);
    if (given !== bytes) throw new TypeError(`${name} is ${bytes} bytes, not ${given}`);
    return toHex(hash);
  }
  const given = utf8Length(hash);
  if (given !== 2 * bytes) throw new TypeError(`${name} is ${2 * bytes} hex characters, not ${given}`);
  if (RegExpPrototypeExec(HEX, hash) === null) throw new TypeError(`Provided ${name} wasn't a valid hex string`);
  return StringPrototypeToLowerCase(hash);
}

function base64OfHex(hex) {
  let text = "";
  for (let i = 0; i < hex.length; i += 2) {
    text += StringFromCharCode(NumberParseInt(StringPrototypeSlice(hex, i, i + 2), 16));
  }
  return btoa(text);
}

function hashMember(span, options) {
  let member = "";
  for (let i = 0; i < HASHES.length; i += 3) {
    const name = HASHES[i];
    const hash = options[name];
    if (hash === undefined) continue;
    if (member !== "") throw new TypeError("You cannot specify multiple hashing algorithms.");
    const hex = hexOf(hash, HASHES[i + 1], HASHES[i + 2]);
    tell(span, "checksum.type", name);
    tell(span, "checksum.value", typeof hash === "string" ? hash : hex);
    member = textMember(name, name === "md5" ? base64OfHex(hex) : hex);
  }
  return member;
}

const SSEC_KEY_BYTES = 32;

function ssecMember(span, key) {
  if (key === undefined) return "";
  if (typeof key === "string" && RegExpPrototypeExec(LOWER_HEX, key) === null) {
    throw new Error("SSE-C Key has invalid format");
  }
  const bytes = typeof key === "string" ? key.length / 2 : TypedArrayPrototypeGetByteLength(key);
  if (bytes !== SSEC_KEY_BYTES) throw new Error("SSE-C Key must be 32 bytes in length");
  tell(span, "ssec_key", true);
  return `,"ssec":{"key":"${typeof key === "string" ? key : toHex(key)}"}`;
}

// Lists.

const INCLUDED = ["httpMetadata", "customMetadata"];
const INCLUDED_LABELS = ["include.http_metadata", "include.custom_metadata"];

/** The members of a list's request, but for what it includes. */
function listMembers(span, { limit, prefix, cursor, delimiter, startAfter }) {
  let members = "";
  // In the schema -1 is what stands for none.
  if (limit !== undefined && limit !== -1) members += `,"limit":${limit >>> 0}`;
  if (limit !== undefined) tell(span, "limit", BigInt(limit));
  const texts = ["prefix", "prefix", prefix, "cursor", "cursor", cursor, "delimiter", "delimiter", delimiter];
  ArrayPrototypePush(texts, "startAfter", "start_after", startAfter);
  for (let i = 0; i < texts.length; i += 3) {
    const value = texts[i + 2];
    if (value === undefined) continue;
    members += textMember(texts[i], value);
    tell(span, texts[i + 1], value);
  }
  return members;
}

/** The numbers of the kinds of metadata that are to be in a list. */
function includedOf(span, include) {
  for (let i = 0; i < include.length; i++) {
    for (let kind = 0; kind < INCLUDED.length; kind++) {
      if (include[i] === INCLUDED[kind]) tell(span, INCLUDED_LABELS[kind], true);
    }
  }
  const numbers = [];
  for (let i = 0; i < include.length; i++) {
    const kind = include[i] === INCLUDED[0] ? 0 : include[i] === INCLUDED[1] ? 1 : -1;
    if (kind < 0) throw new RangeError(`Unsupported include value ${include[i]}`);
    ArrayPrototypePush(numbers, kind);
  }
  return numbers;
}

exports.customMember = customMember;
exports.hashMember = hashMember;
exports.httpMember = httpMember;
exports.httpOf = httpOf;
exports.includedOf = includedOf;
exports.listMembers = listMembers;
exports.onlyIfMember = onlyIfMember;
exports.rangeMembers = rangeMembers;
exports.readGet = readGet;
exports.readList = readList;
exports.readMultipart = readMultipart;
exports.readOptions = readOptions;
exports.readPart = readPart;
exports.readPut = readPut;
exports.ssecMember = ssecMember;
exports.storageClassMember = storageClassMember;
exports.tell = tell;
