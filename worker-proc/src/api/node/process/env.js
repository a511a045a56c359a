/*
 * `process.env`: the worker's text and JSON bindings where the compat flag asks for it, and what the
 * worker sets itself. Values are strings, as in Node.
 */

// own: seen (a SafeSet)
const {
  ArrayPrototype,
  ArrayPrototypeEvery,
  ArrayPrototypeIncludes,
  ArrayPrototypeSome,
  JSONStringify,
  ObjectGetPrototypeOf,
  ObjectHasOwn,
  ObjectKeys,
  ObjectPrototype,
  ObjectValues,
  Proxy,
  ReflectDefineProperty,
  ReflectDeleteProperty,
  ReflectGet,
  ReflectGetOwnPropertyDescriptor,
  ReflectHas,
  ReflectOwnKeys,
  ReflectSet,
  SafeSet,
  TypeError,
} = primordials;
const { ERR_INVALID_ARG_VALUE } = require("node/common/errors");
const { validateObject } = require("node/common/validators");
const flags = require("flags");

/** Whether JSON loses nothing of a value: plain objects and arrays of primitives, without cycles. */
function isPlainData(value, seen = new SafeSet()) {
  if (value === null || ArrayPrototypeIncludes(["boolean", "number", "string"], typeof value)) return true;
  if (typeof value !== "object" || seen.has(value)) return false;
  seen.add(value);
  const proto = ObjectGetPrototypeOf(value);
  if (proto !== ObjectPrototype && proto !== ArrayPrototype) return false;
  return ArrayPrototypeEvery(ObjectValues(value), (item) => isPlainData(item, seen));
}

const store = {};
let isFilled = false;

/** Copies the bindings in at the first use. */
function fill() {
  if (isFilled) return;
  isFilled = true;
  if (!flags.populateProcessEnv || flags.disableImportableEnv) return;
  const env = require("workers").envOf();
  for (let i = 0, list = ObjectKeys(env); i < list.length; i++) {
    const key = list[i];
    const value = env[key];
    if (ObjectHasOwn(store, key)) continue;
    if (typeof value === "string") store[key] = value;
    else if (isPlainData(value)) store[key] = JSONStringify(value);
  }
}

const noSymbols = (...values) => {
  if (ArrayPrototypeSome(values, (value) => typeof value === "symbol"))
    throw new TypeError("Cannot convert a symbol value to a string");
};

const refuse = (name, descriptor, reason) => {
  throw new ERR_INVALID_ARG_VALUE(name, descriptor, reason);
};

exports.env = new Proxy(store, {
  __proto__: null,
  get(target, key) {
    fill();
    return ReflectGet(target, key);
  },
  has(target, key) {
    fill();
    return ReflectHas(target, key);
  },
  ownKeys(target) {
    fill();
    return ReflectOwnKeys(target);
  },
  getOwnPropertyDescriptor(target, key) {
    fill();
    return ReflectGetOwnPropertyDescriptor(target, key);
  },
  deleteProperty(target, key) {
    fill();
    return ReflectDeleteProperty(target, key);
  },
  set(target, key, value) {
    noSymbols(key, value);
    fill();
    return ReflectSet(target, key, `${value}`);
  },
  defineProperty(target, key, descriptor) {
    validateObject(descriptor, "descriptor");
    if ("get" in descriptor || "set" in descriptor) {
      refuse("descriptor", descriptor, "process.env value must not have getter/setter");
    }
    for (let i = 0, names = ["configurable", "enumerable", "writable"]; i < names.length; i++) {
      const name = names[i];
      if (!descriptor[name]) refuse(`descriptor.${name}`, descriptor, `process.env value must be ${name}`);
    }
    if (!("value" in descriptor)) {
      refuse("descriptor.value", descriptor, "process.env value must be specified explicitly");
    }
    noSymbols(key, descriptor.value);
    fill();
    return ReflectDefineProperty(target, key, { ...descriptor, value: `${descriptor.value}` });
  },
});
