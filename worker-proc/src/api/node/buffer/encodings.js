/*
 * Names of Buffer encodings and their numbers, as the buffer ops take them.
 */

const { ObjectAssign, StringPrototypeToLowerCase } = primordials;

const numbers = {
  __proto__: null,
  ascii: 0,
  latin1: 1,
  binary: 1,
  utf8: 2,
  "utf-8": 2,
  base64: 3,
  utf16le: 4,
  "utf-16le": 4,
  ucs2: 4,
  "ucs-2": 4,
  hex: 5,
  base64url: 6,
};

const names = ["ascii", "latin1", "utf8", "base64", "utf16le", "hex", "base64url"];

ObjectAssign(exports, { ASCII: 0, LATIN1: 1, UTF8: 2, BASE64: 3, UTF16LE: 4, HEX: 5, BASE64URL: 6 });

/** The number of an encoding's name in any case; UTF-8 for none; undefined for an unknown one. */
exports.encodingNumber = function (name) {
  if (name == null || name === "") return 2;
  const found = numbers[name];
  if (found !== undefined) return found;
  return numbers[StringPrototypeToLowerCase(`${name}`)];
};

/** The canonical name of an encoding, undefined for an unknown one. */
exports.encodingName = function (name) {
  const number = exports.encodingNumber(name);
  return number === undefined ? undefined : names[number];
};
