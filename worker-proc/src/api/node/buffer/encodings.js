/*
 * Names of Buffer encodings and their numbers, as the buffer ops take them.
 */

const { ObjectAssign, StringPrototypeToLowerCase } = primordials;

const { ASCII, LATIN1, UTF8, BASE64, UTF16: UTF16LE, HEX, BASE64_URL: BASE64URL } = ops.Encoding;
ObjectAssign(exports, { ASCII, LATIN1, UTF8, BASE64, UTF16LE, HEX, BASE64URL });

const numbers = {
  __proto__: null,
  ascii: ASCII,
  latin1: LATIN1,
  binary: LATIN1,
  utf8: UTF8,
  "utf-8": UTF8,
  base64: BASE64,
  utf16le: UTF16LE,
  "utf-16le": UTF16LE,
  ucs2: UTF16LE,
  "ucs-2": UTF16LE,
  hex: HEX,
  base64url: BASE64URL,
};

const names = [];
names[ASCII] = "ascii";
names[LATIN1] = "latin1";
names[UTF8] = "utf8";
names[BASE64] = "base64";
names[UTF16LE] = "utf16le";
names[HEX] = "hex";
names[BASE64URL] = "base64url";

/** The number of an encoding's name in any case; UTF-8 for none; undefined for an unknown one. */
exports.encodingNumber = function (name) {
  if (name == null || name === "") return UTF8;
  const found = numbers[name];
  if (found !== undefined) return found;
  const text = StringPrototypeToLowerCase(`${name}`);
  return text === "" ? UTF8 : numbers[text];
};

/** The canonical name of an encoding, undefined for an unknown one. */
exports.encodingName = function (name) {
  const number = exports.encodingNumber(name);
  return number === undefined ? undefined : names[number];
};
