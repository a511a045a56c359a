/*
 * Built-ins that ask before they make what is more than there may be. Without a limit they are V8's own, but for `toSorted`,
 * with which anyone could end the process. Each takes its arguments' values once, and asks about what it then passes on.
 */
const {
  ArrayBufferPrototypeGetMaxByteLength,
  ArrayBufferPrototypeGetResizable,
  MathMin,
  Object,
  ObjectDefineProperty,
  Proxy,
  RangeError,
  ReflectApply,
  ReflectConstruct,
  ReflectGet,
  RegExpPrototypeGetGlobal,
  RegExpPrototypeGetSource,
  SafeWeakMap,
  String,
  StringPrototypeIndexOf,
  SymbolMatch,
  SymbolReplace,
  SymbolSplit,
} = primordials;
const { isObject } = require("webidl");

/** What is counted for a buffer lives as long as it. */
const reservations = new SafeWeakMap();

function replaceMethod(owner, name, apply) {
  const value = new Proxy(owner[name], { __proto__: null, apply });
  ObjectDefineProperty(owner, name, { __proto__: null, value });
}

/** What counts so many bytes, for as long as it lives; null for none. */
function reservationOf(bytes) {
  const reservation = bytes > 0 ? ops.reserve(bytes) : null;
  if (reservation === undefined) throw new RangeError("Array buffer allocation failed");
  return reservation;
}

/** Has a constructor of buffers reserve what one may grow to. */
function reserve(globalThis, name) {
  const Constructor = globalThis[name];
  const Reserving = new Proxy(Constructor, {
    __proto__: null,
    construct(target, args, newTarget) {
      const made = newTarget === Reserving ? target : newTarget;
      const options = args[1];
      const most = isObject(options) ? options.maxByteLength : undefined;
      if (most === undefined) return ReflectConstruct(target, args.length > 0 ? [args[0]] : [], made);
      const bytes = +most;
      const reservation = reservationOf(bytes);
      const buffer = ReflectConstruct(target, [args[0], { __proto__: null, maxByteLength: bytes }], made);
      if (reservation !== null) reservations.set(buffer, reservation);
      return buffer;
    },
  });
  ObjectDefineProperty(Constructor.prototype, "constructor", { __proto__: null, value: Reserving });
  ObjectDefineProperty(globalThis, name, { __proto__: null, value: Reserving });
}

/** What one buffer has reserved counts for as long as another lives, which has the same memory. */
function adopt(from, to) {
  const reservation = reservations.get(from);
  if (reservation !== undefined) reservations.set(to, reservation);
}
exports.adopt = adopt;

function isResizable(buffer) {
  try {
    return ArrayBufferPrototypeGetResizable(buffer);
  } catch {
    return false;
  }
}

/** Buffers keep their reservations when they are moved, and get one where they were copied and then grow. */
function followBuffers(prototype) {
  replaceMethod(prototype, "transfer", (target, buffer, args) => {
    const moved = ReflectApply(target, buffer, args);
    adopt(buffer, moved);
    return moved;
  });
  replaceMethod(prototype, "resize", (target, buffer, args) => {
    if (!reservations.has(buffer) && isResizable(buffer)) {
      const reservation = reservationOf(ArrayBufferPrototypeGetMaxByteLength(buffer));
      if (reservation !== null) reservations.set(buffer, reservation);
    }
    return ReflectApply(target, buffer, args);
  });
}

const WORD_BYTES = 8;

/** The most elements that an array of V8's may have, less a few; it ends the process where one would have more. */
const MAX_ELEMENTS = 2 ** 27 - 16;

/** An array that grows is made twice as large each time, and half as large again. */
const MAX_GROWN_ELEMENTS = 2 ** 25;

/** How often one text is in another, and no further than where it is known to be too often. */
function occurrences(text, part, most) {
  let count = 0;
  for (let at = StringPrototypeIndexOf(text, part); at >= 0; at = StringPrototypeIndexOf(text, part, at + part.length)) {
    if (++count > most) break;
  }
  return count;
}

function check(length, most) {
  if (length > most) throw new RangeError("Invalid string length");
}

/** Whether not even the largest number of pieces is too many. */
const isFew = (limit, most) => typeof limit === "number" && limit >= 0 && limit <= most;

/**
 * Methods of texts, by how long a text they make in one step, or take apart. Those that take regular expressions leave them to
 * these.
 */
function boundTexts(prototype, limit, most) {
  const text = (name, measure) =>
    replaceMethod(prototype, name, (target, receiver, args) => {
      if (receiver === undefined || receiver === null) return ReflectApply(target, receiver, args);
      const value = typeof receiver === "string" ? receiver : `${receiver}`;
      measure(value, args);
      return ReflectApply(target, value, args);
    });
  const padded = (value, args) => {
    args[0] = +args[0];
    check(args[0], limit);
  };
  text("repeat", (value, args) => {
    args[0] = +args[0];
    check(value.length * args[0], limit);
  });
  text("padStart", padded);
  text("padEnd", padded);
  text("split", (value, args) => {
    const separator = args[0];
    if (value.length <= most || separator === undefined || isFew(args[1], most) || isRegExp(separator)) return;
    if (!isObject(separator)) args[0] = `${separator}`;
    check(typeof args[0] !== "string" || args[0] === "" ? value.length : occurrences(value, args[0], most), most);
  });
  text("matchAll", (value) => check(value.length, limit));
  text("replaceAll", (value, args) => {
    check(value.length, limit);
    if (value.length > most && typeof args[0] === "string" && args[0] !== "") {
      check(occurrences(value, args[0], most), most);
    }
  });
}

function isRegExp(value) {
  try {
    RegExpPrototypeGetGlobal(value);
    return isObject(value);
  } catch {
    return false;
  }
}

/** The same of regular expressions. Those of other classes find with methods of their own, which can be ended. */
function boundRegExps(prototype, most) {
  const regExp = (symbol, measure) =>
    replaceMethod(prototype, symbol, (target, regexp, args) => {
      if (!isObject(regexp)) return ReflectApply(target, regexp, args);
      const text = args[0];
      args[0] = typeof text === "string" ? text : `${text}`;
      measure(args[0].length, regexp, args);
      return ReflectApply(target, regexp, args);
    });
  const groupsOf = (regexp) => (isRegExp(regexp) ? occurrences(RegExpPrototypeGetSource(regexp), "(", most) : 0);
  regExp(SymbolMatch, (length, regexp) => {
    if (length > most && !isOnce(regexp)) check(length, most);
  });
  regExp(SymbolReplace, (length, regexp, args) => {
    let replacement = args[1];
    if (typeof replacement === "function") {
      if (length > SHORT_TEXT) check(isOnce(regexp) ? 1 : length * (2 + groupsOf(regexp)), most);
      return;
    }
    if (typeof replacement !== "string") args[1] = replacement = `${replacement}`;
    // Each part of what a match is replaced with is an element.
    if (length * (1 + replacement.length) <= SHORT_TEXT * SHORT_TEXT) return;
    const parts = 1 + 2 * occurrences(replacement, "$", most);
    check(isOnce(regexp) ? parts : length * parts, most);
  });
  regExp(SymbolSplit, (length, regexp, args) => {
    // So are a separator's groups.
    if (length > SHORT_TEXT && !isFew(args[1], most)) check(length * (1 + groupsOf(regexp)), most);
  });
}

/* Shorter texts are left to V8: an expression has 2^15 groups at most. */
const SHORT_TEXT = 256;

/** Whether an expression matches but once. */
const isOnce = (regexp) => isRegExp(regexp) && !RegExpPrototypeGetGlobal(regexp);

/** V8 makes an array of what `toSorted` sorts before it looks at it. */
function boundSorting(prototype, most) {
  replaceMethod(prototype, "toSorted", (target, receiver, args) => {
    const compare = args[0];
    if (receiver === undefined || receiver === null || (compare !== undefined && typeof compare !== "function")) {
      return ReflectApply(target, receiver, args);
    }
    const length = +receiver.length;
    if (length > most) throw new RangeError("Invalid array length");
    if (ops.isArray(receiver)) return ReflectApply(target, receiver, args);
    const measured = new Proxy(Object(receiver), {
      __proto__: null,
      get: (object, key) => (key === "length" ? length : ReflectGet(object, key, object)),
    });
    return ReflectApply(target, measured, args);
  });
}

/* Shorter JSON is left to V8. */
const LARGE_JSON = 65536;
let isLimited = false;

/** Ends the turn where what JSON says needs more memory than there may be: V8 would use all of it before it could be ended. */
function checkJson(text) {
  if (isLimited && typeof text === "string" && text.length >= LARGE_JSON) ops.checkJson(text);
}
exports.checkJson = checkJson;

exports.install = function (globalThis) {
  const limit = ops.limit();
  const most = limit === undefined ? MAX_ELEMENTS : MathMin(limit / WORD_BYTES, MAX_ELEMENTS);
  boundSorting(globalThis.Array.prototype, most);
  if (limit === undefined) return;
  reserve(globalThis, "ArrayBuffer");
  // Made with the context, after the snapshot.
  reserve(globalThis, "SharedArrayBuffer");
  followBuffers(globalThis.ArrayBuffer.prototype);
  boundTexts(String.prototype, limit, most);
  boundRegExps(globalThis.RegExp.prototype, MathMin(most, MAX_GROWN_ELEMENTS));
  isLimited = true;
  replaceMethod(globalThis.JSON, "parse", (target, receiver, args) => {
    if (isObject(args[0])) args[0] = `${args[0]}`;
    checkJson(args[0]);
    return ReflectApply(target, receiver, args);
  });
};
