/*
 * `process.env`: the worker's text and JSON bindings where the compat flag asks for it, and what the
 * worker sets itself. Values are strings, as in Node.
 */

const { ERR_INVALID_ARG_VALUE } = require("node/common/errors");
const { validateObject } = require("node/common/validators");
const flags = require("flags");

/** Whether JSON loses nothing of a value: plain objects and arrays of primitives, without cycles. */
function isPlainData(value, seen = new Set()) {
  if (value === null || ["boolean", "number", "string"].includes(typeof value)) return true;
  if (typeof value !== "object" || seen.has(value)) return false;
  seen.add(value);
  const proto = Object.getPrototypeOf(value);
  if (proto !== Object.prototype && proto !== Array.prototype) return false;
  return Object.values(value).every((item) => isPlainData(item, seen));
}

const store = {};
let isFilled = false;

/** Copies the bindings in at the first use. */
function fill() {
  if (isFilled) return;
  isFilled = true;
  if (!flags.populateProcessEnv || flags.disableImportableEnv) return;
  const env = require("workers").envOf();
  for (const key of Object.keys(env)) {
    const value = env[key];
    if (Object.hasOwn(store, key)) continue;
    if (typeof value === "string") store[key] = value;
    else if (isPlainData(value)) store[key] = JSON.stringify(value);
  }
}

const noSymbols = (...values) => {
  if (values.some((value) => typeof value === "symbol")) throw new TypeError("Cannot convert a symbol value to a string");
};

const refuse = (name, descriptor, reason) => {
  throw new ERR_INVALID_ARG_VALUE(name, descriptor, reason);
};

exports.env = new Proxy(store, {
  __proto__: null,
  get(target, key) {
    fill();
    return Reflect.get(target, key);
  },
  has(target, key) {
    fill();
    return Reflect.has(target, key);
  },
  ownKeys(target) {
    fill();
    return Reflect.ownKeys(target);
  },
  getOwnPropertyDescriptor(target, key) {
    fill();
    return Reflect.getOwnPropertyDescriptor(target, key);
  },
  deleteProperty(target, key) {
    fill();
    return Reflect.deleteProperty(target, key);
  },
  set(target, key, value) {
    noSymbols(key, value);
    fill();
    return Reflect.set(target, key, `${value}`);
  },
  defineProperty(target, key, descriptor) {
    validateObject(descriptor, "descriptor");
    if ("get" in descriptor || "set" in descriptor) {
      refuse("descriptor", descriptor, "process.env value must not have getter/setter");
    }
    for (const name of ["configurable", "enumerable", "writable"]) {
      if (!descriptor[name]) refuse(`descriptor.${name}`, descriptor, `process.env value must be ${name}`);
    }
    if (!("value" in descriptor)) {
      refuse("descriptor.value", descriptor, "process.env value must be specified explicitly");
    }
    noSymbols(key, descriptor.value);
    fill();
    return Reflect.defineProperty(target, key, { ...descriptor, value: `${descriptor.value}` });
  },
});
