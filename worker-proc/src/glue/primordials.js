/* Copies of the language's built-ins, taken before any worker runs: what a worker patches changes nothing in here.
   Called once, before the bootstrap script, with the object to fill; only what internal JavaScript mentions is made.
   Prototype methods are uncurried: `ArrayPrototypePush(array, item)`. */
const { bind, call, apply } = Function.prototype;
const uncurryThis = bind.bind(call);
const applyBind = bind.bind(apply);
const { ownKeys, getOwnPropertyDescriptor, defineProperty, setPrototypeOf } = Reflect;
setPrototypeOf(primordials, null);
primordials.uncurryThis = uncurryThis;
primordials.applyBind = applyBind;

const keyName = (key) =>
  typeof key === "symbol"
    ? `Symbol${key.description[7].toUpperCase()}${key.description.slice(8)}`
    : `${key[0].toUpperCase()}${key.slice(1)}`;

function put(prefix, kind, key, make) {
  const name = `${prefix}${kind}${keyName(key)}`;
  if (native.isUsed(name)) primordials[name] = make();
}

function copyStatics(source, prefix) {
  for (const key of ownKeys(source)) {
    const desc = getOwnPropertyDescriptor(source, key);
    if ("get" in desc) {
      if (desc.get) put(prefix, "Get", key, () => desc.get.bind(source));
    } else {
      put(prefix, "", key, () =>
        typeof desc.value === "function" && key !== "prototype" ? desc.value.bind(source) : desc.value,
      );
    }
  }
}

function copyPrototype(proto, prefix) {
  for (const key of ownKeys(proto)) {
    const desc = getOwnPropertyDescriptor(proto, key);
    if ("get" in desc) {
      put(prefix, "Get", key, () => uncurryThis(desc.get));
      if (desc.set) put(prefix, "Set", key, () => uncurryThis(desc.set));
    } else {
      put(prefix, "", key, () => (typeof desc.value === "function" ? uncurryThis(desc.value) : desc.value));
    }
  }
}

for (const name of ["Reflect", "JSON", "Math", "Atomics"]) copyStatics(globalThis[name], name);
for (const name of ["Proxy", "globalThis", "decodeURI", "decodeURIComponent", "encodeURI", "encodeURIComponent"]) {
  primordials[name] = globalThis[name];
}
for (const name of [
  "AggregateError",
  "Array",
  "ArrayBuffer",
  "BigInt",
  "BigInt64Array",
  "BigUint64Array",
  "Boolean",
  "DataView",
  "Date",
  "Error",
  "EvalError",
  "FinalizationRegistry",
  "Float32Array",
  "Float64Array",
  "Function",
  "Int16Array",
  "Int32Array",
  "Int8Array",
  "Map",
  "Number",
  "Object",
  "RangeError",
  "ReferenceError",
  "RegExp",
  "Set",
  "String",
  "Symbol",
  "SharedArrayBuffer",
  "SyntaxError",
  "TypeError",
  "URIError",
  "Uint16Array",
  "Uint32Array",
  "Uint8Array",
  "Uint8ClampedArray",
  "WeakMap",
  "WeakRef",
  "WeakSet",
  "Promise",
]) {
  const original = globalThis[name];
  if (original === undefined) continue;
  primordials[name] = original;
  copyStatics(original, name);
  copyPrototype(original.prototype, `${name}Prototype`);
}
primordials.Proxy = Proxy;
for (const [name, original] of [
  ["TypedArray", Reflect.getPrototypeOf(Uint8Array)],
  ["ArrayIterator", { prototype: Reflect.getPrototypeOf([][Symbol.iterator]()) }],
  ["StringIterator", { prototype: Reflect.getPrototypeOf(""[Symbol.iterator]()) }],
  ["MapIterator", { prototype: Reflect.getPrototypeOf(new Map()[Symbol.iterator]()) }],
  ["SetIterator", { prototype: Reflect.getPrototypeOf(new Set()[Symbol.iterator]()) }],
]) {
  primordials[name] = original;
  copyPrototype(original.prototype, `${name}Prototype`);
}
primordials.IteratorPrototype = Reflect.getPrototypeOf(
  primordials.ArrayIteratorPrototype ?? primordials.ArrayIterator.prototype,
);
primordials.AsyncIteratorPrototype = Reflect.getPrototypeOf(Reflect.getPrototypeOf(async function* () {}).prototype);
primordials.AsyncFunction = (async () => {}).constructor;
primordials.SymbolDispose = Symbol.dispose;
primordials.SymbolAsyncDispose = Symbol.asyncDispose;

/* A class whose prototype is its own frozen copy, so that methods of its instances are the originals. Maps and sets are made
   of arrays, not of what an iterator gives. */
function makeSafe(unsafe, safe) {
  for (const key of ownKeys(unsafe.prototype)) {
    if (ownKeys(safe.prototype).includes(key)) continue;
    defineProperty(safe.prototype, key, { __proto__: null, ...getOwnPropertyDescriptor(unsafe.prototype, key) });
  }
  setPrototypeOf(safe.prototype, null);
  Object.freeze(safe.prototype);
  Object.freeze(safe);
  return safe;
}
primordials.SafeMap = makeSafe(
  Map,
  class SafeMap extends Map {
    constructor(entries) {
      super();
      if (entries === undefined) return;
      for (let i = 0; i < entries.length; i++) this.set(entries[i][0], entries[i][1]);
    }
  },
);
primordials.SafeSet = makeSafe(
  Set,
  class SafeSet extends Set {
    constructor(items) {
      super();
      if (items === undefined) return;
      for (let i = 0; i < items.length; i++) this.add(items[i]);
    }
  },
);
primordials.SafeWeakMap = makeSafe(
  WeakMap,
  class SafeWeakMap extends WeakMap {
    constructor() {
      super();
    }
  },
);
primordials.SafeWeakSet = makeSafe(
  WeakSet,
  class SafeWeakSet extends WeakSet {
    constructor() {
      super();
    }
  },
);

const { PromisePrototypeThen } = primordials;
primordials.PromisePrototypeCatch = (promise, onRejected) => PromisePrototypeThen(promise, undefined, onRejected);
/* Marks a promise as handled without reacting to it. */
primordials.markPromiseHandled = (promise) => {
  PromisePrototypeThen(promise, undefined, () => {});
};

Object.freeze(primordials);
