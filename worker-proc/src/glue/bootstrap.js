/* Builds the internal realm: primordials, `require`, the flags and the globals. Runs once, into the snapshot.
   Parameters: (native, eager, flagNames, primordials). Returns what Rust calls: `start`, `require`, `global`. */
"use strict";
const { ObjectDefineProperty, ReflectOwnKeys, Error, ArrayPrototypePush, StringPrototypeCharCodeAt, globalThis } = primordials;
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
  return exports;
}

const installers = [];
for (let i = 0; i < eager.length; i++) {
  const exports = require(eager[i]);
  if (exports.globals !== undefined) {
    const keys = ReflectOwnKeys(exports.globals);
    for (let j = 0; j < keys.length; j++) {
      ObjectDefineProperty(globalThis, keys[j], {
        __proto__: null, value: exports.globals[keys[j]], writable: true, enumerable: false, configurable: true,
      });
    }
  }
  if (exports.install !== undefined) ArrayPrototypePush(installers, exports.install);
}

/* Called once an isolate, before user code: `bits` has a 1 for every flag that is set. In brackets, as `install` functions
   are: V8 then compiles it with the rest and keeps the code in the snapshot. */
const start = (function (bits) {
  for (let i = 0; i < flagNames.length; i++) flags[flagNames[i]] = StringPrototypeCharCodeAt(bits, i) === 49;
  for (let i = 0; i < installers.length; i++) installers[i](globalThis, flags);
});

/* The first read of a lazy module's global. */
const global = (module, name) => require(module).globals[name];

return { __proto__: null, start, require, global };
