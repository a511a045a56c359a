/* What an R2 bucket's service is sent and answers: a request is JSON in a header, or before the value in the body of a PUT; an
   answer to a read is JSON before the value, of a write JSON alone. The members are those of the published binary's schema. */
const {
  ArrayIsArray,
  ArrayPrototypeJoin,
  ArrayPrototypePush,
  Error,
  JSONParse,
  JSONStringify,
  NumberParseInt,
  ObjectHasOwn,
  RegExpPrototypeExec,
  StringPrototypeIndexOf,
  StringPrototypeReplaceAll,
  StringPrototypeSlice,
  TypeError,
  TypedArrayPrototypeGetByteLength,
  Uint8Array,
} = primordials;
const { TAKEN, DISTURBED } = require("streams/common");
const { isObject } = require("webidl");
const { encodeUtf8, joinBytes } = require("encoding");
const { STDERR, warn } = require("console/output");
const answers = require("fetch/answer");
const { sendable } = require("fetch/body");
const { checkJson } = require("memory_limit");
const { ALGORITHMS, HTTP_FIELDS } = require("r2/objects");
const streams = require("streams");

const URL = "https://fake-host";
const MAX_METADATA_BYTES = 1048576;
/** What the schema has where there is no 64-bit number. */
const NO_NUMBER = 2 ** 64;
const NOT_FOUND = 10007;
const PRECONDITION_FAILED = [10031, 10032];

// Requests.

const quote = (text) => JSONStringify(text);

/** A member that is text; nothing where there is none. */
const textMember = (name, value) => (value === undefined ? "" : `,"${name}":${quote(value)}`);

const array = (items) => `[${ArrayPrototypeJoin(items, ",")}]`;

/** An object of members that each begin with a comma. */
const object = (members) => `{${StringPrototypeSlice(members, 1)}}`;

const request = (method, members) => `{"version":1,"method":"${method}"${members}}`;

/** JSON in a header: the one control character that it may hold as it is. */
const toHeader = (json) =>
  StringPrototypeIndexOf(json, "\u007f") < 0 ? json : StringPrototypeReplaceAll(json, "\u007f", "\\u007f");

const NOT_ASCII = /[^\u0000-\u007f]/;

/** Bytes of a text in UTF-8. */
const utf8Length = (text) =>
  RegExpPrototypeExec(NOT_ASCII, text) === null ? text.length : TypedArrayPrototypeGetByteLength(encodeUtf8(text));

// Answers.

const unreadable = (what) => new Error(`R2 answered with JSON that cannot be read: ${what}.`);

function parse(text) {
  checkJson(text);
  let value;
  try {
    value = JSONParse(text);
  } catch (error) {
    throw unreadable(error.message);
  }
  return requireObject(value, "it is no object");
}

function requireObject(value, what) {
  if (!isObject(value) || ArrayIsArray(value)) throw unreadable(what);
  return value;
}

const member = (from, name) => (ObjectHasOwn(from, name) ? from[name] : undefined);

/** A text; undefined where there is none. */
function text(from, name) {
  const value = member(from, name) ?? undefined;
  if (value !== undefined && typeof value !== "string") throw unreadable(`"${name}" is no text`);
  return value;
}

const DIGITS = /^[0-9]{1,20}$/;

/** A number without a sign, which may be written as text; `none` where there is none. */
function number(from, name, none) {
  const value = member(from, name);
  if (value === undefined) return none;
  if (typeof value === "string" && RegExpPrototypeExec(DIGITS, value) !== null) return +value;
  if (typeof value === "number" && value >= 0 && value % 1 === 0 && value <= NO_NUMBER) return value;
  throw unreadable(`"${name}" is no whole number`);
}

/** The latest date that there is. */
const MAX_MILLIS = 8.64e15;

/** A date in milliseconds; `none` where there is none. */
function date(from, name, none) {
  const millis = number(from, name, none);
  if (millis !== none && millis > MAX_MILLIS) throw unreadable(`"${name}" is no date`);
  return millis;
}

/** The items of a list, made by `make`; undefined where there is no list. */
function list(from, name, make) {
  const value = member(from, name) ?? undefined;
  if (value === undefined) return undefined;
  if (!ArrayIsArray(value)) throw unreadable(`"${name}" is no list`);
  const result = [];
  for (let i = 0; i < value.length; i++) make(result, value[i]);
  return result;
}

/** What `make` gives for an object; undefined where there is none. */
function nested(from, name, make) {
  const value = member(from, name) ?? undefined;
  return value === undefined ? undefined : make(requireObject(value, `"${name}" is no object`));
}

const HEX = /^[0-9a-fA-F]*$/;

function fromHex(from, name) {
  const value = text(from, name);
  if (value === undefined) return undefined;
  if (RegExpPrototypeExec(HEX, value) === null) throw unreadable(`the checksum "${name}" is not hexadecimal`);
  const bytes = new Uint8Array((value.length - (value.length % 2)) / 2);
  for (let i = 0; i < TypedArrayPrototypeGetByteLength(bytes); i++) {
    bytes[i] = NumberParseInt(StringPrototypeSlice(value, 2 * i, 2 * i + 2), 16);
  }
  return bytes;
}

const NO_CHECKSUMS = [undefined, undefined, undefined, undefined, undefined];

function checksums(from) {
  const result = [];
  for (let i = 0; i < ALGORITHMS.length; i++) ArrayPrototypePush(result, fromHex(from, `${i}`));
  return result;
}

function httpFields(from) {
  const result = { __proto__: null };
  for (let i = 0; i < HTTP_FIELDS.length; i += 2) {
    const name = HTTP_FIELDS[i];
    if (name !== "cacheExpiry") result[name] = text(from, name);
  }
  const expiry = date(from, "cacheExpiry", NO_NUMBER);
  result.cacheExpiry = expiry === NO_NUMBER ? undefined : expiry;
  return result;
}

function customField(fields, given) {
  const field = requireObject(given, "a custom field is no object");
  ArrayPrototypePush(fields, text(field, "k") ?? "", text(field, "v") ?? "");
}

/** What r2/objects is told of an object. `expected` are the kinds of metadata that are there even if there are none. */
function toResult(from, expected) {
  return {
    __proto__: null,
    name: text(from, "name") ?? "",
    version: text(from, "version") ?? "",
    size: number(from, "size", 0),
    etag: text(from, "etag") ?? "",
    uploaded: date(from, "uploaded", 0),
    http: nested(from, "httpFields", httpFields) ?? (expected.http ? { __proto__: null } : undefined),
    custom: list(from, "customFields", customField) ?? (expected.custom ? [] : undefined),
    range: nested(from, "range", (range) => [number(range, "offset", NO_NUMBER), number(range, "length", NO_NUMBER)]),
    checksums: nested(from, "checksums", checksums) ?? NO_CHECKSUMS,
    storageClass: text(from, "storageClass") ?? "",
    ssecKeyMd5: nested(from, "ssec", (ssec) => text(ssec, "keyMd5") ?? ""),
  };
}

function toList(from, expected) {
  const truncated = member(from, "truncated");
  if (truncated !== undefined && typeof truncated !== "boolean") throw unreadable('"truncated" is no boolean');
  return {
    __proto__: null,
    objects:
      list(from, "objects", (objects, one) =>
        ArrayPrototypePush(objects, toResult(requireObject(one, "an object of the list is none"), expected)),
      ) ?? [],
    truncated: truncated === true,
    cursor: text(from, "cursor"),
    prefixes:
      list(from, "delimitedPrefixes", (prefixes, prefix) => {
        if (typeof prefix !== "string") throw unreadable("a prefix is no text");
        ArrayPrototypePush(prefixes, prefix);
      }) ?? [],
  };
}

let hasWarned = false;

/** What an answer says has failed; undefined if nothing has. */
function failureOf(answer) {
  const status = answers.statusOf(answer);
  if (status < 400) return undefined;
  const told = answers.headerOf(answer, "cf-r2-error");
  if (told === null) {
    if (!hasWarned) warn(STDERR, "R2 error response does not contain the CF-R2-Error header.");
    hasWarned = true;
    return { __proto__: null, status, code: 0, message: "Unspecified error" };
  }
  try {
    const error = parse(told);
    return { __proto__: null, status, code: number(error, "v4code", 0), message: text(error, "message") ?? "" };
  } catch (error) {
    answers.drop(answer);
    throw error;
  }
}

const isNotFound = (failure) => failure !== undefined && failure.status === 404 && failure.code === NOT_FOUND;

const isUnmet = (failure) =>
  failure !== undefined &&
  failure.status === 412 &&
  (failure.code === PRECONDITION_FAILED[0] || failure.code === PRECONDITION_FAILED[1]);

const toError = (action, { message, code }) => new Error(`${action}: ${message} (${code})`);

/** Asks for something: `failure`, `metadata` as parsed JSON if there is some, and what comes after it as `body` and `length`. */
async function ask(channel, span, json) {
  const answer = await answers.askAtOnce(channel, "GET", URL, ["CF-R2-Request", toHeader(json)], null, span);
  const result = { __proto__: null, failure: failureOf(answer), metadata: undefined, body: 0, length: 0 };
  const told = answers.headerOf(answer, "cf-r2-metadata-size");
  if (told === null) {
    answers.drop(answer);
    return result;
  }
  const size = RegExpPrototypeExec(DIGITS, told) === null ? NO_NUMBER : +told;
  if (size > MAX_METADATA_BYTES) {
    answers.drop(answer);
    throw new Error(`R2 answered with "${told}" bytes of metadata, and not with a number up to ${MAX_METADATA_BYTES}.`);
  }
  const length = answers.lengthOf(answer);
  result.body = answers.bodyOf(answer);
  result.length = length < 0 ? -1 : length - size;
  const head = result.body === 0 ? (size === 0 ? "" : null) : await streams.readHead(result.body, size);
  if (head === null) {
    throw new Error(`R2 answered with less than the ${size} bytes of metadata that it tells of.`);
  }
  try {
    result.metadata = parse(head);
  } catch (error) {
    drop(result);
    throw error;
  }
  return result;
}

function drop(result) {
  if (result.body !== 0) streams.cancelBody(result.body);
  result.body = 0;
}

/** Has something done: `failure`, and `text`, the answer's JSON where there is no failure. */
async function tell(channel, span, json, value) {
  let failed;
  const body = join(json, value, (error) => {
    failed = { __proto__: null, error };
  });
  const headers = ["CF-R2-Metadata-Size", `${utf8Length(json)}`];
  let answer;
  try {
    answer = await answers.ask(channel, "PUT", URL, headers, body, span);
  } catch (error) {
    throw failed === undefined ? error : failed.error;
  }
  if (failed !== undefined) {
    answers.drop(answer);
    throw failed.error;
  }
  const failure = failureOf(answer);
  if (failure !== undefined) {
    answers.drop(answer);
    return { __proto__: null, failure, text: "" };
  }
  return { __proto__: null, failure, text: await answers.textOf(answer) };
}

const UNKNOWN_LENGTH =
  "Provided readable stream must have a known length (request/response body or readable half of FixedLengthStream)";

/** The body of a PUT: JSON, and the value after it, which is null, text, bytes, or a stream. */
function join(json, value, failed) {
  if (value === null) return json;
  if (typeof value === "string") return `${json}${value}`;
  if (!streams.isReadableStream(value)) return joinBytes([encodeUtf8(json), value]);
  if (streams.isLocked(value)) throw new TypeError(TAKEN);
  if (streams.isBegun(value)) throw new TypeError(DISTURBED);
  const length = streams.lengthOf(value);
  if (length === undefined) throw new TypeError(UNKNOWN_LENGTH);
  return streams.prepend(encodeUtf8(json), streams.takeBody(value) || sendable(value, length, failed));
}

/** Bytes of a value; undefined where there are none or nobody knows. */
function sizeOf(value) {
  if (value === null) return undefined;
  if (typeof value === "string") return utf8Length(value);
  return streams.isReadableStream(value) ? streams.lengthOf(value) : TypedArrayPrototypeGetByteLength(value);
}

exports.array = array;
exports.ask = ask;
exports.drop = drop;
exports.isNotFound = isNotFound;
exports.isUnmet = isUnmet;
exports.object = object;
exports.parse = parse;
exports.quote = quote;
exports.request = request;
exports.sizeOf = sizeOf;
exports.tell = tell;
exports.text = text;
exports.textMember = textMember;
exports.toError = toError;
exports.toList = toList;
exports.toResult = toResult;
exports.utf8Length = utf8Length;
