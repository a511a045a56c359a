/* What `import` and `require` find beside the worker's own modules. Called by isolate/modules.rs.
   A folder adds built-in modules with `require("modules").provide(specifier, internalName, available)`. */
"use strict";
const { ObjectDefineProperty, ReflectHas, ReflectOwnKeys, SafeMap, SafeWeakMap, TypeError } = primordials;
const flags = require("flags");

const provided = new SafeMap();

/** `available(flags)` says whether the worker's flags allow the module; without it everyone has it. */
function provide(specifier, internalName, available) {
  provided.set(specifier, { internalName, available });
}

/** The internal module that a specifier means under the worker's flags, or undefined. */
function resolve(specifier) {
  const entry = provided.get(specifier);
  if (entry === undefined) return undefined;
  if (entry.available !== undefined && !entry.available(flags)) return undefined;
  return entry.internalName;
}

/** The exports of a built-in module: what it exports under `module`, or all of it. */
function load(internalName) {
  const exports = require(internalName);
  return exports.module === undefined ? exports : exports.module;
}

/** What `require` of a module gives. A module may say itself what, by "module.exports" or `__cjsUnwrapDefault`. */
function requireResult(namespace) {
  if (ReflectHas(namespace, "module.exports")) return namespace["module.exports"];
  if (namespace.__cjsUnwrapDefault || flags.exportCommonJsDefaultNamespace) return namespace.default;
  if (!flags.requireReturnsDefaultExport) return namespace;
  return ReflectHas(namespace, "default") ? namespace.default : copyOf(namespace);
}

const copies = new SafeWeakMap();

/** A namespace as an object that can be changed, as exports of CommonJS can: always the same one. */
function copyOf(namespace) {
  let copy = copies.get(namespace);
  if (copy === undefined) {
    copy = { __proto__: null };
    const keys = ReflectOwnKeys(namespace);
    for (let i = 0; i < keys.length; i++) copy[keys[i]] = namespace[keys[i]];
    copies.set(namespace, copy);
  }
  return copy;
}

/** Whether `require` of a CommonJS module gives what it exports, and not the namespace that an import of it gives. */
const requireGivesExports = () => flags.exportCommonJsDefaultNamespace || flags.requireReturnsDefaultExport;

/** Whether `require` refuses modules with top-level await from the start. */
const requireRefusesAwait = () => flags.noTopLevelAwaitInRequire;

/** Import attributes: none has a meaning for workers. `pairs` is name, value, name, value. */
function checkAttributes(pairs) {
  if (flags.throwOnUnrecognizedImportAssertion && pairs.length > 0) {
    throw new TypeError(`Unrecognized import attributes specified`);
  }
}

/** Module names are no URLs: workerd's older registry leaves `import.meta` as it is. */
function fillImportMeta(meta, name) {
  if (!flags.newModuleRegistry) return;
  ObjectDefineProperty(meta, "url", {
    __proto__: null, value: `file:///${name}`, writable: true, enumerable: true, configurable: true,
  });
}

exports.provide = provide;
exports.resolve = resolve;
exports.load = load;
exports.requireGivesExports = requireGivesExports;
exports.requireRefusesAwait = requireRefusesAwait;
exports.requireResult = requireResult;
exports.checkAttributes = checkAttributes;
exports.fillImportMeta = fillImportMeta;
