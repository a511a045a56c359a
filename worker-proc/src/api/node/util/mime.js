/*
 * MIMEType and MIMEParams of node:util, by the WHATWG MIME Sniffing standard.
 */

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
  return NOT_TOKEN.test(value) ? `"${value.replace(/["\\]/g, "\\$&")}"` : value;
}

class MIMEParams {
  #list = new Map();

  static parseInto(params, text) {
    const list = params.#list;
    let position = 0;
    while (position < text.length) {
      // `position` is just past a semicolon.
      while (position < text.length && /[\r\n\t ]/.test(text[position])) position++;
      let end = position;
      while (end < text.length && text[end] !== ";" && text[end] !== "=") end++;
      const name = text.slice(position, end).toLowerCase();
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
        value = text.slice(position, end).replace(TRAILING_WHITESPACE, "");
        position = end + 1;
        if (value === "") continue;
      }
      if (TOKEN.test(name) && PARAMETER_VALUE.test(value) && !list.has(name)) list.set(name, value);
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
    if (!TOKEN.test(name)) throw syntaxError("parameter name", name);
    if (!PARAMETER_VALUE.test(value)) throw syntaxError("parameter value", value);
    this.#list.set(name, value);
  }

  *entries() {
    yield* this.#list.entries();
  }

  *keys() {
    yield* this.#list.keys();
  }

  *values() {
    yield* this.#list.values();
  }

  /** As on workerd, a space stands before a boundary, and nowhere else. */
  toString() {
    const parts = Array.from(this.#list, ([name, value]) => `${name === "boundary" ? " " : ""}${name}=${serializeValue(value)}`);
    return parts.join(";");
  }

  toJSON() {
    return this.toString();
  }

  [Symbol.iterator]() {
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
    const text = `${input}`.replace(WHITESPACE, "");
    const slash = text.indexOf("/");
    const type = slash === -1 ? "" : text.slice(0, slash);
    if (!TOKEN.test(type)) throw syntaxError("type", text);
    const semicolon = text.indexOf(";", slash);
    const subtype = text.slice(slash + 1, semicolon === -1 ? undefined : semicolon).replace(TRAILING_WHITESPACE, "");
    if (!TOKEN.test(subtype)) throw syntaxError("subtype", text);
    this.#type = type.toLowerCase();
    this.#subtype = subtype.toLowerCase();
    if (semicolon !== -1) parseInto(this.#params, text.slice(semicolon + 1));
  }

  get type() {
    return this.#type;
  }

  set type(value) {
    const type = `${value}`;
    if (!TOKEN.test(type)) throw syntaxError("type", type);
    this.#type = type.toLowerCase();
  }

  get subtype() {
    return this.#subtype;
  }

  set subtype(value) {
    const subtype = `${value}`;
    if (!TOKEN.test(subtype)) throw syntaxError("subtype", subtype);
    this.#subtype = subtype.toLowerCase();
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
Object.assign(exports, { MIMEParams, MIMEType });
