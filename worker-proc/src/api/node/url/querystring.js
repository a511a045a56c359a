/*
 * node:querystring.
 */

const { Buffer } = require("node:buffer");
const { ERR_INVALID_URI } = require("node/common/errors");

const UNRESERVED = /^[A-Za-z0-9\-_.!~*'()]*$/;
const hexDigit = (char) => (/^[0-9A-Fa-f]$/.test(char ?? "") ? parseInt(char, 16) : -1);

const encodePoint = (code) => encodeURIComponent(String.fromCodePoint(code));

/** Percent-encodes. As in Node, a surrogate takes the next unit as its other half, whatever that is. */
function qsEscape(value) {
  if (typeof value !== "string") value = typeof value === "object" ? String(value) : `${value}`;
  if (UNRESERVED.test(value)) return value;
  if (value.isWellFormed()) return encodeURIComponent(value);
  let result = "";
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code < 0xd800 || code > 0xdfff) {
      result += encodePoint(code);
    } else {
      i++;
      if (i >= value.length) throw new ERR_INVALID_URI();
      result += encodePoint(0x10000 + (((code & 0x3ff) << 10) | (value.charCodeAt(i) & 0x3ff)));
    }
  }
  return result;
}

/** The bytes of a percent-encoded text; sequences that are none stay as they are. */
function unescapeBuffer(text, plusIsSpace = false) {
  const out = Buffer.allocUnsafe(text.length);
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    let code = text.charCodeAt(i);
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
  if (typeof value === "number") return Number.isFinite(value) ? `${value}` : "";
  return typeof value === "bigint" || typeof value === "boolean" ? `${value}` : "";
}

function stringify(object, separator, equals, options) {
  separator ||= "&";
  equals ||= "=";
  if (object === null || typeof object !== "object") return "";
  const encode =
    typeof options?.encodeURIComponent === "function" ? options.encodeURIComponent : querystring.escape;
  const shown = (value) => {
    const text = primitiveText(value);
    return typeof value === "number" || typeof value === "boolean" ? text && encode(text) : encode(text);
  };
  const fields = [];
  for (const key of Object.keys(object)) {
    const name = `${encode(primitiveText(key))}${equals}`;
    const value = object[key];
    if (Array.isArray(value)) for (const item of value) fields.push(name + shown(item));
    else fields.push(name + shown(value));
  }
  return fields.join(separator);
}

function parse(text, separator, equals, options) {
  const result = { __proto__: null };
  if (typeof text !== "string" || text.length === 0) return result;
  separator = separator ? `${separator}` : "&";
  equals = equals ? `${equals}` : "=";
  const maxKeys = typeof options?.maxKeys === "number" ? options.maxKeys : 1000;
  const custom = typeof options?.decodeURIComponent === "function" ? options.decodeURIComponent : undefined;
  const decode = (part) => {
    if (custom === undefined && querystring.unescape === unescape && !/[%+]/.test(part)) return part;
    const spaced = part.replaceAll("+", custom === undefined ? " " : "%20");
    if (custom === undefined && querystring.unescape === unescape && !/%[0-9A-Fa-f]{2}/.test(spaced)) return spaced;
    try {
      return (custom ?? querystring.unescape)(spaced);
    } catch {
      return querystring.unescape(spaced, true);
    }
  };
  let pairs = 0;
  for (const part of text.split(separator)) {
    // Empty pairs count too.
    if (maxKeys > 0 && pairs >= maxKeys) break;
    pairs++;
    if (part === "") continue;
    const at = part.indexOf(equals);
    const key = decode(at === -1 ? part : part.slice(0, at));
    const value = at === -1 ? "" : decode(part.slice(at + equals.length));
    if (!(key in result)) result[key] = value;
    else if (Array.isArray(result[key])) result[key].push(value);
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
Object.defineProperty(qsEscape, "name", { value: "escape" });

Object.assign(exports, querystring, { default: querystring });
