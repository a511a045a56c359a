/* What `import` and `require` find beside the worker's own modules. Called by isolate/modules.rs.
   An internal module that is named as a specifier is there for all, or for extensions alone: its prefix says which. A folder
   adds others with `require("modules").provide(specifier, internalName, available)`. */
const {
  Error,
  ObjectDefineProperty,
  Promise,
  PromisePrototypeThen,
  ReflectHas,
  ReflectOwnKeys,
  RegExpPrototypeExec,
  SafeMap,
  SafeSet,
  SafeWeakMap,
  StringPrototypeLastIndexOf,
  StringPrototypeSlice,
  StringPrototypeStartsWith,
  TypeError,
} = primordials;
const flags = require("flags");

const provided = new SafeMap();
const nodeNames = new SafeSet();

/** `available(flags)` says whether the worker's flags allow the module; without it everyone has it. */
function provide(specifier, internalName, available) {
  provided.set(specifier, { internalName, available });
}

const PUBLIC = /^cloudflare:/;
const INSIDE = /^(?:cloudflare-internal|internal):/;
const NODE_INSIDE = /^node-internal:/;

/** The internal module that a `node-internal:` one means; `node/module` says so. */
let findNodeInside;

/** The internal module that a specifier means under the worker's flags, or undefined. */
function resolve(specifier, fromExtension) {
  if (fromExtension) {
    if (RegExpPrototypeExec(INSIDE, specifier) !== null) return ops.isModule(specifier) ? specifier : undefined;
    if (RegExpPrototypeExec(NODE_INSIDE, specifier) !== null) return findNodeInside(specifier);
    // Where names are paths, extensions see no modules that are for all.
    if (!flags.newModuleRegistry) return undefined;
  }
  const entry = provided.get(specifier);
  if (entry !== undefined) {
    return entry.available === undefined || entry.available(flags) ? entry.internalName : undefined;
  }
  return RegExpPrototypeExec(PUBLIC, specifier) !== null && ops.isModule(specifier) ? specifier : undefined;
}

/** Names that mean `node:` modules without the prefix too, where the worker's flags say so. */
function addNodeNames(names) {
  for (let i = 0; i < names.length; i++) nodeNames.add(names[i]);
}

/** What a specifier without `:` means instead, if it is one of Node's: Node has renamed `sys`. */
function rename(specifier) {
  if (!flags.nodeJsCompatV2) return undefined;
  if (specifier === "sys" || specifier === "node:sys") return "node:util";
  return nodeNames.has(specifier) ? `node:${specifier}` : undefined;
}

/** The exports of a built-in module: what it exports under `module`, or all of it. */
function load(internalName) {
  const exports = require(internalName);
  return exports.module === undefined ? exports : exports.module;
}

/**
 * What `require` of a module gives; `kind` is "es", "created" (the same by a `require` of `createRequire`), "builtin", "other",
 * or "default" for just that. A module may say.
 */
function requireResult(namespace, kind) {
  if (kind === "default") return namespace.default;
  if (kind === "es" || kind === "created") {
    const { __cjsUnwrapDefault: unwrap } = namespace;
    if (flags.newModuleRegistry ? unwrap : unwrap === true) return namespace.default;
    if (ReflectHas(namespace, "module.exports")) return namespace["module.exports"];
    if (flags.newModuleRegistry) return namespace;
  }
  if (flags.newModuleRegistry) return ReflectHas(namespace, "default") ? namespace.default : namespace;
  if (flags.exportCommonJsDefaultNamespace && kind !== "created") return namespace.default;
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

/** Whether `require` refuses modules with top-level await from the start. */
const requireRefusesAwait = () => flags.noTopLevelAwaitInRequire;

/** Called for imports with attributes, which mean nothing where module names are paths. */
function checkAttributes() {
  if (flags.throwOnUnrecognizedImportAssertion) throw new Error("Unrecognized import attributes specified");
}

/** `namespace` once its module is evaluated. Where names are paths, a module that waits for more than microtasks fails. */
function namespaceAfter(evaluated, namespace) {
  if (flags.newModuleRegistry || !ops.inEvent()) return PromisePrototypeThen(evaluated, () => namespace);
  return new Promise((resolve, reject) => {
    const { clearTimer, startTimer } = require("timers");
    const timer = startTimer(() => reject(new Error("Top-level await in module is unsettled.")), 0);
    const settle = (how) => (value) => {
      clearTimer(timer);
      how(value);
    };
    PromisePrototypeThen(
      evaluated,
      settle(() => resolve(namespace)),
      settle(reject),
    );
  });
}

/** `import.meta`, where names are URLs. */
function fillImportMeta(meta, url, main) {
  const add = (name, value) =>
    ObjectDefineProperty(meta, name, { __proto__: null, value, writable: true, enumerable: true, configurable: true });
  add("main", main);
  add("url", url);
  if (StringPrototypeStartsWith(url, FILE)) {
    const path = RegExpPrototypeExec(/^[^?#]*/, StringPrototypeSlice(url, FILE.length))[0];
    const slash = StringPrototypeLastIndexOf(path, "/");
    add("filename", path);
    add("dirname", slash > 0 ? StringPrototypeSlice(path, 0, slash) : "/");
  }
  const { resolve } = {
    resolve(specifier) {
      if (arguments.length < 1) throw new TypeError("import.meta.resolve requires a specifier argument");
      const { hrefOf, parseURL } = require("url");
      const text = `${specifier}`;
      const resolved = parseURL(rename(text) ?? text, url);
      if (resolved === null) throw new TypeError(`Invalid module specifier: ${text}`);
      return hrefOf(resolved);
    },
  };
  add("resolve", resolve);
}

const FILE = "file://";

exports.setNodeInside = (find) => {
  findNodeInside = find;
};
exports.provide = provide;
exports.addNodeNames = addNodeNames;
exports.rename = rename;
exports.resolve = resolve;
exports.load = load;
exports.requireRefusesAwait = requireRefusesAwait;
exports.requireResult = requireResult;
exports.checkAttributes = checkAttributes;
exports.namespaceAfter = namespaceAfter;
exports.fillImportMeta = fillImportMeta;
