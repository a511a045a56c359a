/* Builds the internal realm: primordials, `require`, the flags and the globals. Runs once, into the snapshot.
   Parameters: (native, allOps, eager, makePrimordials). Returns what Rust calls: `start`, `require`. */
"use strict";
const primordials = makePrimordials();
const { ObjectDefineProperty, ReflectOwnKeys, Error, ArrayPrototypePush, globalThis } = primordials;
const modules = { __proto__: null };
const flags = { __proto__: null };
modules.flags = flags;

function require(name) {
  const loaded = modules[name];
  if (loaded !== undefined) return loaded;
  const compiled = native.compile(name);
  if (compiled === undefined) throw new Error(`There is no internal module "${name}".`);
  const exports = { __proto__: null };
  modules[name] = exports;
  compiled[0](exports, require, allOps[compiled[1]], primordials);
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

/* Called once an isolate, before user code: `known` names every flag, `on` those that are set. */
function start(known, on) {
  for (let i = 0; i < known.length; i++) flags[known[i]] = false;
  for (let i = 0; i < on.length; i++) flags[on[i]] = true;
  for (let i = 0; i < installers.length; i++) installers[i](globalThis, flags);
}

return { __proto__: null, start, require };
