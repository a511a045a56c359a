/*
 * node:vm: a worker compiles no code of its own; options are checked, then running throws.
 */

const { ArrayPrototypeForEach, ObjectAssign, ObjectFreeze, SafeWeakSet, Symbol } = primordials;
const { Buffer } = require("node:buffer");
const { ERR_INVALID_ARG_TYPE, ERR_METHOD_NOT_IMPLEMENTED } = require("node/common/errors");
const {
  kValidateObjectAllowArray,
  kValidateObjectAllowNullable,
  validateArray,
  validateBoolean,
  validateBuffer,
  validateInt32,
  validateObject,
  validateOneOf,
  validateString,
  validateStringArray,
  validateUint32,
} = require("node/common/validators");

const constants = ObjectFreeze({
  __proto__: null,
  USE_MAIN_CONTEXT_DEFAULT_LOADER: Symbol("vm_dynamic_import_main_context_default"),
  DONT_CONTEXTIFY: Symbol("vm_context_no_contextify"),
});

const contexts = new SafeWeakSet();

function isContext(object) {
  validateObject(object, "object", kValidateObjectAllowArray);
  return contexts.has(object);
}

function checkContext(object) {
  if (!isContext(object)) throw new ERR_INVALID_ARG_TYPE("contextifiedObject", "vm.Context", object);
}

function checkSource(options, defaultFilename) {
  const {
    filename = defaultFilename,
    lineOffset = 0,
    columnOffset = 0,
    cachedData,
    produceCachedData = false,
    importModuleDynamically = false,
  } = options;
  validateBoolean(importModuleDynamically, "options.importModuleDynamically");
  validateString(filename, "options.filename");
  validateInt32(lineOffset, "options.lineOffset");
  validateInt32(columnOffset, "options.columnOffset");
  if (cachedData !== undefined) validateBuffer(cachedData, "options.cachedData");
  validateBoolean(produceCachedData, "options.produceCachedData");
}

function checkRunOptions(options) {
  validateObject(options, "options");
  const { breakOnSigint = false, displayErrors = true, timeout } = options;
  validateBoolean(breakOnSigint, "options.breakOnSigint");
  validateBoolean(displayErrors, "options.displayErrors");
  if (timeout !== undefined) validateUint32(timeout, "options.timeout", true);
}

const named = (options) => (typeof options === "string" ? { filename: options } : options);

class Script {
  cachedDataRejected = undefined;
  cachedDataProduced = undefined;
  cachedData = undefined;
  sourceMapURL = undefined;

  constructor(code, options = {}) {
    void `${code}`;
    options = named(options);
    validateObject(options, "options");
    checkSource(options, "evalmachine.<anonymous>");
  }

  createCachedData() {
    return Buffer.alloc(0);
  }

  runInThisContext(options = {}) {
    checkRunOptions(options);
    throw new ERR_METHOD_NOT_IMPLEMENTED("runInThisContext");
  }

  runInContext(context, options = {}) {
    checkContext(context);
    checkRunOptions(options);
    throw new ERR_METHOD_NOT_IMPLEMENTED("runInThisContext");
  }

  runInNewContext(object, options = {}) {
    return this.runInContext(createContext(object, contextOptions(options)), options);
  }
}

/** The options of a context that come with those of a run. */
function contextOptions(options) {
  if (!options) return {};
  const { contextName, contextOrigin, contextCodeGeneration, microtaskMode } = options;
  if (contextName !== undefined) validateString(contextName, "options.contextName");
  if (contextOrigin !== undefined) validateString(contextOrigin, "options.contextOrigin");
  if (contextCodeGeneration !== undefined) {
    validateObject(contextCodeGeneration, "options.contextCodeGeneration");
    for (let i = 0, kinds = ["strings", "wasm"]; i < kinds.length; i++) {
      const kind = kinds[i];
      const value = contextCodeGeneration[kind];
      if (value !== undefined) validateBoolean(value, `options.contextCodeGeneration.${kind}`);
    }
  }
  if (microtaskMode !== undefined) validateString(microtaskMode, "options.microtaskMode");
  return { name: contextName, origin: contextOrigin, codeGeneration: contextCodeGeneration, microtaskMode };
}

function createContext(object = {}, options = {}) {
  if (object !== constants.DONT_CONTEXTIFY && isContext(object)) return object;
  validateObject(options, "options");
  const { name = "VM Context", origin, codeGeneration, microtaskMode, importModuleDynamically = false } = options;
  validateString(name, "options.name");
  if (origin !== undefined) validateString(origin, "options.origin");
  if (codeGeneration !== undefined) validateObject(codeGeneration, "options.codeGeneration");
  validateBoolean(importModuleDynamically, "options.importModuleDynamically");
  if (codeGeneration !== undefined) {
    const { strings = true, wasm = true } = codeGeneration;
    validateBoolean(strings, "options.codeGeneration.strings");
    validateBoolean(wasm, "options.codeGeneration.wasm");
  }
  validateOneOf(microtaskMode, "options.microtaskMode", ["afterEvaluate", undefined]);
  const context = { __proto__: null };
  contexts.add(context);
  return context;
}

const createScript = (code, options = {}) => new Script(code, options);

function runInContext(code, context, options = {}) {
  checkContext(context);
  options = named(options);
  return createScript(code, options).runInContext(context, options);
}

function runInNewContext(code, object, options) {
  options = typeof options === "string" ? { filename: options } : { ...options };
  return createScript(code, options).runInNewContext(createContext(object, contextOptions(options)), options);
}

function runInThisContext(code, options = {}) {
  options = named(options);
  return createScript(code, options).runInThisContext(options);
}

function compileFunction(code, params = [], options = {}) {
  validateString(code, "code");
  validateObject(options, "options");
  validateStringArray(params, "params");
  checkSource(options, "");
  const { parsingContext, contextExtensions = [] } = options;
  if (parsingContext !== undefined) {
    if (typeof parsingContext !== "object" || parsingContext === null || !isContext(parsingContext)) {
      throw new ERR_INVALID_ARG_TYPE("options.parsingContext", "Context", parsingContext);
    }
  }
  validateArray(contextExtensions, "options.contextExtensions");
  ArrayPrototypeForEach(contextExtensions, (extension, i) =>
    validateObject(extension, `options.contextExtensions[${i}]`, kValidateObjectAllowNullable),
  );
  throw new ERR_METHOD_NOT_IMPLEMENTED("compileFunction");
}

function measureMemory(options = {}) {
  validateObject(options, "options");
  const { mode = "summary", execution = "default" } = options;
  validateOneOf(mode, "options.mode", ["summary", "detailed"]);
  validateOneOf(execution, "options.execution", ["default", "eager"]);
  throw new ERR_METHOD_NOT_IMPLEMENTED("measureMemory");
}

const vm = {
  Script,
  createContext,
  createScript,
  runInContext,
  runInNewContext,
  runInThisContext,
  isContext,
  compileFunction,
  measureMemory,
  constants,
};

ObjectAssign(exports, vm, { default: vm });
