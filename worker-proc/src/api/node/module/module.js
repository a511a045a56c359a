/*
 * node:module: `createRequire` and the list of built-in modules; the loader's inner parts throw.
 */

const {
  ArrayPrototypeIncludes,
  Error,
  ObjectAssign,
  ObjectDefineProperty,
  ObjectFreeze,
  RegExpPrototypeSymbolReplace,
  StringPrototypeSlice,
  StringPrototypeStartsWith,
} = primordials;
const { currentURL } = require("url");
const { ERR_INVALID_ARG_VALUE } = require("node/common/errors");
const { unsupported } = require("node/common/unsupported");
const { builtinModules } = require("node/module/builtin_modules");
const flags = require("flags");

const missing = (name) => unsupported(name, `module.${name}`);

const _extensions = {
  ".js": unsupported(".js", "module._extensions.js"),
  ".json": unsupported(".json", "module._extensions.json"),
  ".node": unsupported(".node", "module._extensions.node"),
};

function createRequire(path) {
  const normalized = `${path}`;
  if (!StringPrototypeStartsWith(normalized, "/") && !StringPrototypeStartsWith(normalized, "file:")) {
    throw new ERR_INVALID_ARG_VALUE(
      "path",
      normalized,
      "The argument must be a file URL object, a file URL string, or an absolute path string.",
    );
  }
  const url = new (currentURL())(normalized, "file:///");
  if (flags.newModuleRegistry) return ops.createRequire(url.href);
  if (url.search !== "" || url.hash !== "") {
    throw new Error("The specifier must not have query string parameters or hash fragments.");
  }
  return ops.createRequire(RegExpPrototypeSymbolReplace(/^\/+/, url.pathname, ""));
}
ObjectAssign(createRequire, {
  resolve: unsupported("resolve", "module.createRequire.resolve"),
  paths: unsupported("paths", "module.createRequire.resolve.paths"),
  cache: { __proto__: null },
  extensions: _extensions,
  main: undefined,
});

function isBuiltin(specifier) {
  const name = `${specifier}`;
  if (name === "node:sqlite" || name === "node:test") return true;
  return ArrayPrototypeIncludes(
    builtinModules,
    StringPrototypeStartsWith(name, "node:") ? StringPrototypeSlice(name, 5) : name,
  );
}

function Module() {
  throw new (require("node/common/errors").ERR_METHOD_NOT_IMPLEMENTED)("module.Module");
}
Module.prototype.load = function load() {};
Module.prototype.require = function require() {};
Module.prototype._compile = function _compile() {};
ObjectDefineProperty(Module.prototype, "isPreloading", { get: () => false });

const moduleExports = {
  register: missing("register"),
  constants: ObjectFreeze({
    __proto__: null,
    compileCacheStatus: ObjectFreeze({ __proto__: null, FAILED: 0, ENABLED: 1, ALREADY_ENABLED: 2, DISABLED: 3 }),
  }),
  enableCompileCache() {},
  findPackageJSON: missing("findPackageJSON"),
  flushCompileCache() {},
  getCompileCacheDir() {},
  stripTypeScriptTypes: missing("stripTypeScriptTypes"),
  findSourceMap: missing("findSourceMap"),
  SourceMap: missing("SourceMap"),
  getSourceMapsSupport: () => ObjectFreeze({ __proto__: null, enabled: false, nodeModules: false, generatedCode: false }),
  setSourceMapsSupport: missing("setSourceMapsSupport"),
  registerHooks: missing("registerHooks"),
  createRequire,
  builtinModules,
  globalPaths: [],
  isBuiltin,
  runMain: missing("runMain"),
  syncBuiltinESMExports: missing("syncBuiltinESMExports"),
  wrap: missing("wrap"),
  _cache: { __proto__: null },
  _debug: missing("_debug"),
  _extensions,
  _findPath: missing("_findPath"),
  _initPaths: missing("_initPaths"),
  _load: missing("_load"),
  _pathCache: { __proto__: null },
  _preloadModules: missing("_preloadModules"),
  _resolveFilename: missing("_resolveFilename"),
  _resolveLookupPaths: missing("_resolveLookupPaths"),
  _nodeModulePaths: missing("_nodeModulePaths"),
  Module,
};
ObjectAssign(Module, moduleExports);

ObjectAssign(exports, moduleExports, { default: Module });
