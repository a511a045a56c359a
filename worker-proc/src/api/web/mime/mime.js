/*
 * MIMEType and MIMEParams of node:util, by the WHATWG MIME Sniffing standard.
 */

// own: list (a SafeMap)
const {
  ArrayPrototypeJoin,
  ArrayPrototypePush,
  ObjectAssign,
  RegExpPrototypeExec,
  RegExpPrototypeSymbolReplace,
  SafeMap,
  StringPrototypeIndexOf,
  StringPrototypeSlice,
  StringPrototypeToLowerCase,
  SymbolIterator,
  TypeError,
} = primordials;
const { defineInterface } = require("webidl");

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const NOT_TOKEN = /[^!#$%&'*+\-.^_`|~0-9A-Za-z]/;
const PARAMETER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const WHITESPACE = /^[\r\n\t ]+|[\r\n\t ]+$/g;
const TRAILING_WHITESPACE = /[\r\n\t ]+$/;

function syntaxError(name, value) {
  const error = new TypeError(`The MIME syntax for a ${name} in "${value}" is invalid`);
  error.code = "ERR_INVALID_MIME_SYNTAX";
  return error;
}

function serializeValue(value) {
  if (value.length === 0) return '""';
  return RegExpPrototypeExec(NOT_TOKEN, value) !== null
    ? `"${RegExpPrototypeSymbolReplace(/["\\]/g, value, "\\$&")}"`
    : value;
}

class MIMEParams {
  #list = new SafeMap();

  static parseInto(params, text) {
    const list = params.#list;
    let position = 0;
    while (position < text.length) {
      // `position` is just past a semicolon.
      while (position < text.length && RegExpPrototypeExec(/[\r\n\t ]/, text[position]) !== null) position++;
      let end = position;
      while (end < text.length && text[end] !== ";" && text[end] !== "=") end++;
      const name = StringPrototypeToLowerCase(StringPrototypeSlice(text, position, end));
      position = end + 1;
      if (end >= text.length) break;
      if (text[end] === ";") continue;
      let value;
      if (text[position] === '"') {
        value = "";
        position++;
        while (position < text.length && text[position] !== '"') {
          if (text[position] === "\\" && position + 1 < text.length) position++;
          value += text[position++];
        }
        while (position < text.length && text[position] !== ";") position++;
        position++;
      } else {
        end = position;
        while (end < text.length && text[end] !== ";") end++;
        value = RegExpPrototypeSymbolReplace(TRAILING_WHITESPACE, StringPrototypeSlice(text, position, end), "");
        position = end + 1;
        if (value === "") continue;
      }
      if (
        RegExpPrototypeExec(TOKEN, name) !== null &&
        RegExpPrototypeExec(PARAMETER_VALUE, value) !== null &&
        !list.has(name)
      )
        list.set(name, value);
    }
  }

  delete(name) {
    this.#list.delete(`${name}`);
  }

  get(name) {
    return this.#list.get(`${name}`) ?? null;
  }

  has(name) {
    return this.#list.has(`${name}`);
  }

  set(name, value) {
    name = `${name}`;
    value = `${value}`;
    if (RegExpPrototypeExec(TOKEN, name) === null) throw syntaxError("parameter name", name);
    if (RegExpPrototypeExec(PARAMETER_VALUE, value) === null) throw syntaxError("parameter value", value);
    this.#list.set(name, value);
  }

  *entries() {
    const entries = [];
    this.#list.forEach((value, name) => ArrayPrototypePush(entries, [name, value]));
    for (let i = 0; i < entries.length; i++) yield entries[i];
  }

  *keys() {
    const names = [];
    this.#list.forEach((_, name) => ArrayPrototypePush(names, name));
    for (let i = 0; i < names.length; i++) yield names[i];
  }

  *values() {
    const values = [];
    this.#list.forEach((value) => ArrayPrototypePush(values, value));
    for (let i = 0; i < values.length; i++) yield values[i];
  }

  /** As on workerd, a space stands before a boundary, and nowhere else. */
  toString() {
    const parts = [];
    this.#list.forEach((value, name) => {
      ArrayPrototypePush(parts, `${name === "boundary" ? " " : ""}${name}=${serializeValue(value)}`);
    });
    return ArrayPrototypeJoin(parts, ";");
  }

  toJSON() {
    return this.toString();
  }

  [SymbolIterator]() {
    return this.entries();
  }
}

const { parseInto } = MIMEParams;
delete MIMEParams.parseInto;

class MIMEType {
  #type;
  #subtype;
  #params = new MIMEParams();

  constructor(input) {
    const text = RegExpPrototypeSymbolReplace(WHITESPACE, `${input}`, "");
    const slash = StringPrototypeIndexOf(text, "/");
    const type = slash === -1 ? "" : StringPrototypeSlice(text, 0, slash);
    if (RegExpPrototypeExec(TOKEN, type) === null) throw syntaxError("type", text);
    const semicolon = StringPrototypeIndexOf(text, ";", slash);
    const subtype = RegExpPrototypeSymbolReplace(
      TRAILING_WHITESPACE,
      StringPrototypeSlice(text, slash + 1, semicolon === -1 ? undefined : semicolon),
      "",
    );
    if (RegExpPrototypeExec(TOKEN, subtype) === null) throw syntaxError("subtype", text);
    this.#type = StringPrototypeToLowerCase(type);
    this.#subtype = StringPrototypeToLowerCase(subtype);
    if (semicolon !== -1) parseInto(this.#params, StringPrototypeSlice(text, semicolon + 1));
  }

  get type() {
    return this.#type;
  }

  set type(value) {
    const type = `${value}`;
    if (RegExpPrototypeExec(TOKEN, type) === null) throw syntaxError("type", type);
    this.#type = StringPrototypeToLowerCase(type);
  }

  get subtype() {
    return this.#subtype;
  }

  set subtype(value) {
    const subtype = `${value}`;
    if (RegExpPrototypeExec(TOKEN, subtype) === null) throw syntaxError("subtype", subtype);
    this.#subtype = StringPrototypeToLowerCase(subtype);
  }

  get essence() {
    return `${this.#type}/${this.#subtype}`;
  }

  get params() {
    return this.#params;
  }

  toString() {
    const params = this.#params.toString();
    return params === "" ? this.essence : `${this.essence};${params}`;
  }

  toJSON() {
    return this.toString();
  }
}

defineInterface(MIMEParams);
defineInterface(MIMEType);
ObjectAssign(exports, { MIMEParams, MIMEType });
