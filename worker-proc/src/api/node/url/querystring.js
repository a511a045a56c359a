/*
 * node:querystring.
 */

// own: out (a Buffer); unescapeBuffer() (a Buffer)
const {
  ArrayIsArray,
  ArrayPrototypeJoin,
  ArrayPrototypePush,
  NumberIsFinite,
  NumberParseInt,
  ObjectAssign,
  ObjectDefineProperty,
  ObjectKeys,
  RegExpPrototypeExec,
  String,
  StringFromCodePoint,
  StringPrototypeCharCodeAt,
  StringPrototypeIndexOf,
  StringPrototypeIsWellFormed,
  StringPrototypeReplaceAll,
  StringPrototypeSlice,
  StringPrototypeSplit,
  decodeURIComponent,
  encodeURIComponent,
} = primordials;
const { Buffer } = require("node:buffer");
const { setLengths } = require("node/common/unsupported");
const { ERR_INVALID_URI } = require("node/common/errors");

const UNRESERVED = /^[A-Za-z0-9\-_.!~*'()]*$/;
const hexDigit = (char) => (RegExpPrototypeExec(/^[0-9A-Fa-f]$/, char ?? "") !== null ? NumberParseInt(char, 16) : -1);

const encodePoint = (code) => encodeURIComponent(StringFromCodePoint(code));

/** Percent-encodes. As in Node, a surrogate takes the next unit as its other half, whatever that is. */
function qsEscape(value) {
  if (typeof value !== "string") value = typeof value === "object" ? String(value) : `${value}`;
  if (RegExpPrototypeExec(UNRESERVED, value) !== null) return value;
  if (StringPrototypeIsWellFormed(value)) return encodeURIComponent(value);
  let result = "";
  for (let i = 0; i < value.length; i++) {
    const code = StringPrototypeCharCodeAt(value, i);
    if (code < 0xd800 || code > 0xdfff) {
      result += encodePoint(code);
    } else {
      i++;
      if (i >= value.length) throw new ERR_INVALID_URI();
      result += encodePoint(0x10000 + (((code & 0x3ff) << 10) | (StringPrototypeCharCodeAt(value, i) & 0x3ff)));
    }
  }
  return result;
}

/** The bytes of a percent-encoded text; sequences that are none stay as they are. */
function unescapeBuffer(text, plusIsSpace = false) {
  const out = Buffer.allocUnsafe(text.length);
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    let code = StringPrototypeCharCodeAt(text, i);
    if (code === 0x2b && plusIsSpace) code = 0x20;
    else if (code === 0x25 && i < text.length - 2) {
      const high = hexDigit(text[i + 1]);
      const low = hexDigit(text[i + 2]);
      if (high >= 0 && low >= 0) {
        code = high * 16 + low;
        i += 2;
      }
    }
    out[length++] = code;
  }
  return out.slice(0, length);
}

function unescape(text, plusIsSpace) {
  try {
    return decodeURIComponent(text);
  } catch {
    return querystring.unescapeBuffer(text, plusIsSpace).toString();
  }
}

function primitiveText(value) {
  if (typeof value === "string") return value;
  if (typeof value === "number") return NumberIsFinite(value) ? `${value}` : "";
  return typeof value === "bigint" || typeof value === "boolean" ? `${value}` : "";
}

function stringify(object, separator, equals, options) {
  separator ||= "&";
  equals ||= "=";
  if (object === null || typeof object !== "object") return "";
  const encode = typeof options?.encodeURIComponent === "function" ? options.encodeURIComponent : querystring.escape;
  const shown = (value) => {
    const text = primitiveText(value);
    return typeof value === "number" || typeof value === "boolean" ? text && encode(text) : encode(text);
  };
  const fields = [];
  for (let i = 0, list = ObjectKeys(object); i < list.length; i++) {
    const key = list[i];
    const name = `${encode(primitiveText(key))}${equals}`;
    const value = object[key];
    if (ArrayIsArray(value)) for (let j = 0; j < value.length; j++) ArrayPrototypePush(fields, name + shown(value[j]));
    else ArrayPrototypePush(fields, name + shown(value));
  }
  return ArrayPrototypeJoin(fields, separator);
}

function parse(text, separator, equals, options) {
  const result = { __proto__: null };
  if (typeof text !== "string" || text.length === 0) return result;
  separator = separator ? String(separator) : "&";
  equals = equals ? String(equals) : "=";
  const maxKeys = typeof options?.maxKeys === "number" ? options.maxKeys : 1000;
  const custom = typeof options?.decodeURIComponent === "function" ? options.decodeURIComponent : undefined;
  const decode = (part) => {
    if (custom === undefined && querystring.unescape === unescape && RegExpPrototypeExec(/[%+]/, part) === null) return part;
    const spaced = StringPrototypeReplaceAll(part, "+", custom === undefined ? " " : "%20");
    if (custom === undefined && querystring.unescape === unescape && RegExpPrototypeExec(/%[0-9A-Fa-f]{2}/, spaced) === null)
      return spaced;
    try {
      return (custom ?? querystring.unescape)(spaced);
    } catch {
      return querystring.unescape(spaced, true);
    }
  };
  let pairs = 0;
  for (let i = 0, parts = StringPrototypeSplit(text, separator); i < parts.length; i++) {
    const part = parts[i];
    // Empty pairs count too.
    if (maxKeys > 0 && pairs >= maxKeys) break;
    pairs++;
    if (part === "") continue;
    const at = StringPrototypeIndexOf(part, equals);
    const key = decode(at === -1 ? part : StringPrototypeSlice(part, 0, at));
    const value = at === -1 ? "" : decode(StringPrototypeSlice(part, at + equals.length));
    if (!(key in result)) result[key] = value;
    else if (ArrayIsArray(result[key])) ArrayPrototypePush(result[key], value);
    else result[key] = [result[key], value];
  }
  return result;
}

const querystring = {
  unescapeBuffer,
  unescape,
  escape: qsEscape,
  stringify,
  encode: stringify,
  parse,
  decode: parse,
};
ObjectDefineProperty(qsEscape, "name", { value: "escape" });

setLengths(querystring, "unescapeBuffer/2");

ObjectAssign(exports, querystring, { default: querystring });
