/* Built-ins that ask before they make what is more than there may be. Without a limit they are V8's own. */
const {
  ObjectDefineProperty, Proxy, RangeError, ReflectApply, ReflectConstruct, SafeWeakMap, String,
} = primordials;
const { isObject } = require("webidl");

/** What is counted for a buffer lives as long as it. */
const reservations = new SafeWeakMap();

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
      const reservation = bytes > 0 ? ops.reserve(bytes) : null;
      if (reservation === undefined) throw new RangeError("Array buffer allocation failed");
      const buffer = ReflectConstruct(target, [args[0], { __proto__: null, maxByteLength: bytes }], made);
      if (reservation !== null) reservations.set(buffer, reservation);
      return buffer;
    },
  });
  ObjectDefineProperty(Constructor.prototype, "constructor", { __proto__: null, value: Reserving });
  ObjectDefineProperty(globalThis, name, { __proto__: null, value: Reserving });
}

/** Methods of texts, by how long a text they make in one step, or take apart. What is no number is for the method itself. */
const MEASURES = {
  __proto__: null,
  repeat: (text, count) => (typeof count === "number" ? text.length * count : 0),
  padStart: (text, length) => (typeof length === "number" ? length : 0),
  padEnd: (text, length) => (typeof length === "number" ? length : 0),
  split: (text) => text.length,
  match: (text) => text.length,
  matchAll: (text) => text.length,
  replace: (text) => text.length,
  replaceAll: (text) => text.length,
};

function bound(name, limit) {
  const measure = MEASURES[name];
  const value = new Proxy(String.prototype[name], {
    __proto__: null,
    apply(target, text, args) {
      if (typeof text === "string" && measure(text, args[0]) > limit) throw new RangeError("Invalid string length");
      return ReflectApply(target, text, args);
    },
  });
  ObjectDefineProperty(String.prototype, name, { __proto__: null, value });
}

/* Shorter JSON is left to V8. */
const LARGE_JSON = 65536;
let isLimited = false;

/** Ends the turn where what JSON says needs more memory than there may be: V8 would use all of it before it could be ended. */
function checkJson(text) {
  if (isLimited && typeof text === "string" && text.length >= LARGE_JSON) ops.checkJson(text);
}
exports.checkJson = checkJson;

exports.install = (function (globalThis) {
  const limit = ops.limit();
  if (limit === undefined) return;
  reserve(globalThis, "ArrayBuffer");
  // Made with the context, after the snapshot.
  reserve(globalThis, "SharedArrayBuffer");
  for (const name in MEASURES) bound(name, limit);
  isLimited = true;
  const { JSON } = globalThis;
  const parse = new Proxy(JSON.parse, {
    __proto__: null,
    apply(target, receiver, args) {
      checkJson(args[0]);
      return ReflectApply(target, receiver, args);
    },
  });
  ObjectDefineProperty(JSON, "parse", { __proto__: null, value: parse });
});
