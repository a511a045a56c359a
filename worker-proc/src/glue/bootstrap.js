/* Builds the internal realm: primordials, `require`, the flags and the globals. Runs once, into the snapshot.
   Parameters: (internals, native, eager, lazyGlobals, flagNames, primordials). Fills `internals`, what Rust calls: `start`,
   `require`, `global`. */
const {
  ObjectDefineProperty,
  ReflectGetOwnPropertyDescriptor,
  ReflectOwnKeys,
  Error,
  ArrayPrototypePush,
  StringPrototypeCharCodeAt,
  globalThis,
} = primordials;
const modules = { __proto__: null };
const allOps = { __proto__: null };
const flags = { __proto__: null };
for (let i = 0; i < flagNames.length; i++) flags[flagNames[i]] = false;
modules.flags = flags;

function require(name) {
  const loaded = modules[name];
  if (loaded !== undefined) return loaded;
  const compiled = native.compile(name);
  if (compiled === undefined) throw new Error(`There is no internal module "${name}".`);
  const exports = { __proto__: null };
  modules[name] = exports;
  const api = compiled[1];
  compiled[0](exports, require, (allOps[api] ??= native.makeOps(api)), primordials);
  if (isMade && exports.globals !== undefined) publish(exports.globals);
  return exports;
}

/* Whether the globals of eager modules are there. Those of others are made with their modules: an instance may be seen, and
   asked for its constructor, before the global is read. */
let isMade = false;
function publish(globals) {
  const names = ReflectOwnKeys(globals);
  for (let i = 0; i < names.length; i++) modules.webidl.published(ReflectGetOwnPropertyDescriptor(globals, names[i]).value);
}

const installers = [];
for (let i = 0; i < eager.length; i++) {
  const { install } = require(eager[i]);
  if (install !== undefined) ArrayPrototypePush(installers, install);
}

/* As on workerd, the global object has these itself, and its prototypes all others. */
const OWN = {
  __proto__: null,
  Cloudflare: true,
  ServiceWorkerGlobalScope: true,
  caches: true,
  console: true,
  crypto: true,
  performance: true,
  scheduler: true,
};
const { ServiceWorkerGlobalScope, WorkerGlobalScope, detach } = require("global_scope");
const scope = ServiceWorkerGlobalScope.prototype;
const holderOf = (name) => (OWN[name] ? globalThis : name === "EventTarget" ? WorkerGlobalScope.prototype : scope);

const { published } = require("webidl");
for (let i = 0; i < eager.length; i++) {
  const { globals } = require(eager[i]);
  const names = globals === undefined ? [] : ReflectOwnKeys(globals);
  for (let j = 0; j < names.length; j++) {
    const value = published(globals[names[j]]);
    if (typeof value === "function" && value.length !== 0)
      ObjectDefineProperty(value, "length", { __proto__: null, value: 0 });
    ObjectDefineProperty(holderOf(names[j]), names[j], {
      __proto__: null,
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    });
  }
}
/* Pairs of a global's name and its module's. */
for (let i = 0; i < lazyGlobals.length; i += 2)
  native.defineLazy(holderOf(lazyGlobals[i]), lazyGlobals[i], lazyGlobals[i + 1]);
detach();
isMade = true;

/* Called once an isolate, before user code: `bits` has a 1 for every flag that is set. In brackets, as `install` functions
   are: V8 then compiles it with the rest and keeps the code in the snapshot. */
const start = function (bits) {
  for (let i = 0; i < flagNames.length; i++) flags[flagNames[i]] = StringPrototypeCharCodeAt(bits, i) === 49;
  for (let i = 0; i < installers.length; i++) installers[i](globalThis, flags, scope, native.defineLazy);
};

/* The first read of a lazy module's global. */
const global = (module, name) => published(require(module).globals[name]);

internals.start = start;
internals.require = require;
internals.global = global;
