/*
 * FormData (XMLHttpRequest section 5), and its two encodings in bodies. The op takes multipart bodies apart.
 * Relies on `blob` for files, on `url/form` for urlencoded bodies, and on `encoding`.
 */

const {
  ArrayPrototypePush,
  ArrayPrototypeSplice,
  FunctionPrototypeCall,
  StringPrototypeEndsWith,
  StringPrototypeReplaceAll,
  TypeError,
} = primordials;
const { argumentError, defineInterface, defineIterator, illegalInvocation, isObject, toUSVString } = require("webidl");
const { DONE, iteratorFactory } = require("webidl/iterators");
const { blobBytes, blobType, fileFromBytes, fileName, isBlob, isFile } = require("blob");
const { decodeUtf8, encodeUtf8, joinBytes } = require("encoding");
const { parseForm } = require("url/form");
const flags = require("flags");

let listOf;
let isFormData;

class FormData {
  /** Entries [name, value], a value being a string or a File. */
  #list = [];

  static {
    listOf = (form) => {
      try {
        return form.#list;
      } catch {
        throw illegalInvocation();
      }
    };
    isFormData = (value) => isObject(value) && #list in value;
  }

  append(name, value, filename) {
    const list = listOf(this);
    checkEntry("append", arguments.length);
    ArrayPrototypePush(list, toEntry(name, value, filename));
  }

  delete(name) {
    const list = listOf(this);
    if (arguments.length < 1) throw argumentError("FormData", "delete", 1, "string");
    name = toUSVString(name);
    for (let i = list.length - 1; i >= 0; i--) if (list[i][0] === name) ArrayPrototypeSplice(list, i, 1);
  }

  get(name) {
    const list = listOf(this);
    if (arguments.length < 1) throw argumentError("FormData", "get", 1, "string");
    name = toUSVString(name);
    for (let i = 0; i < list.length; i++) if (list[i][0] === name) return list[i][1];
    return null;
  }

  getAll(name) {
    const list = listOf(this);
    if (arguments.length < 1) throw argumentError("FormData", "getAll", 1, "string");
    name = toUSVString(name);
    const values = [];
    for (let i = 0; i < list.length; i++) if (list[i][0] === name) ArrayPrototypePush(values, list[i][1]);
    return values;
  }

  has(name) {
    const list = listOf(this);
    if (arguments.length < 1) throw argumentError("FormData", "has", 1, "string");
    name = toUSVString(name);
    for (let i = 0; i < list.length; i++) if (list[i][0] === name) return true;
    return false;
  }

  set(name, value, filename) {
    const list = listOf(this);
    checkEntry("set", arguments.length);
    const entry = toEntry(name, value, filename);
    let found = false;
    for (let i = 0; i < list.length; ) {
      if (list[i][0] !== entry[0]) {
        i++;
      } else if (found) {
        ArrayPrototypeSplice(list, i, 1);
      } else {
        found = true;
        list[i++] = entry;
      }
    }
    if (!found) ArrayPrototypePush(list, entry);
  }

  entries() {
    const list = listOf(this);
    let i = 0;
    return entryIterator(() => (i < list.length ? [list[i][0], list[i++][1]] : DONE));
  }
  keys() {
    const list = listOf(this);
    let i = 0;
    return keyIterator(() => (i < list.length ? list[i++][0] : DONE));
  }
  values() {
    const list = listOf(this);
    let i = 0;
    return valueIterator(() => (i < list.length ? list[i++][1] : DONE));
  }

  forEach(callback, thisArg) {
    const list = listOf(this);
    if (typeof callback !== "function") throw argumentError("FormData", "forEach", 1, "function");
    const receiver = thisArg === null ? undefined : thisArg;
    for (let i = 0; i < list.length; i++) FunctionPrototypeCall(callback, receiver, list[i][1], list[i][0], this);
  }
}

const entryIterator = iteratorFactory("EntryIterator");
const keyIterator = iteratorFactory("KeyIterator");
const valueIterator = iteratorFactory("ValueIterator");

function checkEntry(method, count) {
  if (count < 1) throw argumentError("FormData", method, 1, "string");
  if (count < 2) throw argumentError("FormData", method, 2, "File or Blob or string");
}

/** A blob becomes a File; one with another name is a view of the same bytes. */
function toEntry(name, value, filename) {
  name = toUSVString(name);
  if (!isBlob(value)) return [name, toUSVString(value)];
  if (filename === undefined && isFile(value)) return [name, value];
  const called = filename === undefined ? name : toUSVString(filename);
  return [name, fileFromBytes(blobBytes(value), blobType(value), called)];
}

defineInterface(FormData);
defineIterator(FormData, "entries");

// Bodies.

/** A name or file name within the quotes of a Content-Disposition, as browsers write it. */
function quoted(name) {
  if (StringPrototypeEndsWith(name, "\\")) throw new TypeError("Name or filename can't end with backslash");
  name = StringPrototypeReplaceAll(name, "\\", "\\\\");
  name = StringPrototypeReplaceAll(name, '"', "%22");
  return StringPrototypeReplaceAll(name, "\n", "%0A");
}

/** The form as multipart/form-data: its bytes and the Content-Type that tells the boundary. */
function serializeFormData(form) {
  const list = listOf(form);
  const boundary = ops.newBoundary();
  const pieces = [];
  for (let i = 0; i < list.length; i++) {
    const { 0: name, 1: value } = list[i];
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${quoted(name)}"`;
    if (typeof value === "string") {
      ArrayPrototypePush(pieces, encodeUtf8(`${head}\r\n\r\n${value}\r\n`));
      continue;
    }
    const type = blobType(value) || "application/octet-stream";
    ArrayPrototypePush(
      pieces,
      encodeUtf8(`${head}; filename="${quoted(fileName(value))}"\r\nContent-Type: ${type}\r\n\r\n`),
    );
    ArrayPrototypePush(pieces, blobBytes(value));
    ArrayPrototypePush(pieces, encodeUtf8("\r\n"));
  }
  ArrayPrototypePush(pieces, encodeUtf8(`--${boundary}--`));
  return { bytes: joinBytes(pieces), type: `multipart/form-data; boundary=${boundary}` };
}

/** What a Content-Type says of a form's encoding: a boundary, or null for urlencoded. Throws for any other. */
function formDataType(contentType) {
  return ops.formType(contentType);
}

const { NAME, FILENAME, CONTENT_TYPE, CONTENTS } = ops.Part;

/** The form in a body's bytes, whose encoding `formDataType` gave. */
function parseFormData(bytes, boundary) {
  const form = new FormData();
  const list = listOf(form);
  if (boundary === null) {
    const flat = parseForm(decodeUtf8(bytes));
    for (let i = 0; i < flat.length; i += 2) ArrayPrototypePush(list, [flat[i], flat[i + 1]]);
    return form;
  }
  const parts = ops.parseMultipart(bytes, boundary);
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i];
    const filename = part[FILENAME];
    const contents = part[CONTENTS];
    const value =
      filename === null || !flags.formDataParserSupportsFiles
        ? decodeUtf8(contents)
        : fileFromBytes(contents, part[CONTENT_TYPE], filename);
    ArrayPrototypePush(list, [part[NAME], value]);
  }
  return form;
}

exports.FormData = FormData;
exports.formDataType = formDataType;
exports.isFormData = isFormData;
exports.parseFormData = parseFormData;
exports.serializeFormData = serializeFormData;
exports.globals = { FormData };
