/* The binding of a worker loader: workers made of code that comes at run time. mod.rs hands the code on to dispatch/loader.rs,
   which starts them. */
const {
  ArrayBufferIsView,
  ArrayPrototypePush,
  Error,
  JSONStringify,
  ObjectKeys,
  PromisePrototypeThen,
  PromiseResolve,
  ReflectApply,
  StringPrototypeEndsWith,
  TypeError,
  globalThis,
} = primordials;
const flags = require("flags");
const {
  NO_PROMISE,
  argumentError,
  defineInterface,
  elementError,
  fieldError,
  illegalConstructor,
  isObject,
  toArray,
  toDictionary,
  toUint32,
} = require("webidl");
const { isAnyArrayBuffer } = require("fetch/body");
const { LOADED, LOADER, SERVICE, Stamp, createFetcher, own, propsOf, stateOf } = require("rpc");
const { writeProps } = require("rpc/externals");
const { describe } = require("rpc/errors");
const { channelToSend } = require("rpc/transfer");
const { createClass } = require("actors/namespace");
const { ASYNC, SYNC, logUncaught } = require("report_error");
const { LOADED: UNSENDABLE } = require("workers");

const inside = { __proto__: null };

/** The channel of the caller's own global outbound. */
const GLOBAL_OUTBOUND = 0;

/** As the published binary says it. */
const NO_CODE =
  "Cannot initialize N7workerd3api12WorkerLoader10WorkerCodeE with required members from an undefined or null value.";

class WorkerLoader {
  constructor(token, channel) {
    if (token !== inside) throw illegalConstructor();
    new Stamp(this, { __proto__: null, kind: LOADER, channel });
  }

  get(name, getCode) {
    const { channel } = own(this, LOADER);
    if (arguments.length === 0) throw argumentError("WorkerLoader", "get", 1, "string");
    const text = name === undefined || name === null ? undefined : `${name}`;
    if (typeof getCode !== "function") throw argumentError("WorkerLoader", "get", 2, "function");
    return new WorkerStub(
      inside,
      ops.get(channel, text, (number) => ask(number, getCode)),
    );
  }

  load(code) {
    const { channel } = own(this, LOADER);
    const members = toDictionary(code, () => argumentError("WorkerLoader", "load", 1, "WorkerCode"));
    if (members === undefined) throw argumentError("WorkerLoader", "load", 1, "WorkerCode");
    return new WorkerStub(inside, ops.load(channel, read(members)));
  }
}
defineInterface(WorkerLoader);

/** Calls a worker's callback for its code, which answers the number. */
function ask(number, getCode) {
  const failed = (source) => (error) => {
    logUncaught(source, error);
    const { name, message } = describe(error);
    ops.codeFails(number, name, message);
  };
  const answer = (code) => {
    if (code === undefined || code === null) throw new TypeError(NO_CODE);
    if (!isObject(code)) throw new TypeError("Incorrect type for Promise: the Promise did not resolve to 'WorkerCode'.");
    ops.codeIs(number, read(code));
  };
  try {
    const given = ReflectApply(getCode, globalThis, []);
    if (given === undefined || given === null) throw new TypeError(NO_CODE);
    if (!isObject(given)) throw new TypeError(NO_PROMISE);
    PromisePrototypeThen(PromisePrototypeThen(PromiseResolve(given), answer), undefined, failed(ASYNC));
  } catch (error) {
    failed(SYNC)(error);
  }
}

// The code.

const field = (name, type) => fieldError("WorkerCode", name, type);

/** A native object with the code that a dictionary describes. */
function read(code) {
  const date = `${code.compatibilityDate}`;
  const flagNames = strings("compatibilityFlags", code.compatibilityFlags);
  const allowExperimental = code.allowExperimental === undefined ? false : !!code.allowExperimental;
  const { cpuMs, subRequests } = limitsOf(code.limits, "WorkerCode");
  const main = `${code.mainModule}`;
  const { modules: given } = code;
  if (!isObject(given)) throw field("modules", "object");
  const modules = readModules(given);
  const { env } = code;
  if (env !== undefined && !isObject(env)) throw field("env", "Object");
  const outbound = code.globalOutbound;
  if (outbound !== undefined && outbound !== null && !isFetcher(outbound)) throw field("globalOutbound", "Fetcher");
  const tails = fetchers("tails", code.tails);
  const streaming = code.streamingTails;
  const streamingTails = fetchers("streamingTails", streaming);

  const all = check(modules, main);
  if (allowExperimental && !flags.workerdExperimental) {
    throw new Error("'allowExperimental' is only allowed when the calling worker has the 'experimental' compat flag set.");
  }
  const compat = ops.compat(date, flagNames, allowExperimental);
  const props = env === undefined ? undefined : writeProps(env);
  const most = ops.maxEnvBytes();
  if (props !== undefined && props.bytes.length > most) {
    throw new Error(
      `Dynamic Worker env size (${props.bytes.length} bytes) exceeds the maximum allowed size of ${most} bytes.`,
    );
  }
  if (streaming !== undefined && !allowExperimental) throw new Error(NO_STREAMING);
  return ops.code(
    all,
    main,
    compat,
    outboundOf(outbound),
    props?.bytes,
    props?.externals,
    channelsOf(tails),
    channelsOf(streamingTails),
    cpuMs,
    subRequests,
  );
}

const NO_STREAMING =
  "Streaming tail workers are experimental. You must pass the option 'allowExperimental: true' to the worker loader to use them";

/** A list of strings; an absent one is empty. */
function strings(name, value) {
  if (value === undefined) return [];
  const list = toArray(value, (item) => `${item}`);
  if (list === undefined) throw field(name, "Array");
  return list;
}

const isFetcher = (value) => stateOf(value)?.kind === SERVICE;

/** A list of services; an absent one is empty. */
function fetchers(name, value) {
  if (value === undefined) return [];
  const list = toArray(value);
  if (list === undefined) throw field(name, "Array");
  for (let i = 0; i < list.length; i++) if (!isFetcher(list[i])) throw elementError(i, "Fetcher");
  return list;
}

/** The channel or native service of a global outbound; null where there is to be none. */
function outboundOf(outbound) {
  if (outbound === undefined) return GLOBAL_OUTBOUND;
  if (outbound === null) return null;
  return channelToSend(stateOf(outbound));
}

/** The same of a list of services. */
function channelsOf(fetchers) {
  const channels = [];
  for (let i = 0; i < fetchers.length; i++) ArrayPrototypePush(channels, outboundOf(fetchers[i]));
  return channels;
}

/** What an event may use: milliseconds of processor time, and subrequests. The published binary takes limits and lets them be. */
function limitsOf(value, dictionary) {
  const limits = toDictionary(value, () => fieldError(dictionary, "limits", "ResourceLimits"));
  if (limits === undefined) return { __proto__: null };
  const { cpuMs, subRequests } = limits;
  return { __proto__: null, cpuMs: number(cpuMs), subRequests: number(subRequests) };
}

const { ES, COMMON_JS, TEXT, DATA, JSON, WASM, WASM_MODULE } = ops.ModuleKind;

const number = (value) => (value === undefined ? undefined : toUint32(value));
/** Of no use here, but they are told apart. */
const PYTHON = -1;
/** What the name decides. */
const BY_NAME = -2;
const { NAME, KIND, CONTENT } = ops.Module;

/** A module as the op takes it. */
function moduleOf(name, kind, content) {
  const module = [undefined, undefined, undefined];
  module[NAME] = name;
  module[KIND] = kind;
  module[CONTENT] = content;
  return module;
}

/** Which field of a module gives which kind, in the order in which they are read. */
const FIELDS = [
  ["js", ES],
  ["cjs", COMMON_JS],
  ["text", TEXT],
  ["data", DATA],
  ["json", JSON],
  ["py", PYTHON],
  ["wasm", WASM],
];

/** Name, kind and content of each. */
function readModules(given) {
  const modules = [];
  const names = ObjectKeys(given);
  for (let i = 0; i < names.length; i++) {
    const value = given[names[i]];
    ArrayPrototypePush(modules, { __proto__: null, name: names[i], ...contentOf(value) });
  }
  return modules;
}

function contentOf(value) {
  if (ops.isWasmModule(value)) return { kind: WASM_MODULE, content: value, count: 1 };
  if (value !== undefined && value !== null && !isObject(value)) return { kind: BY_NAME, content: `${value}`, count: 1 };
  let result = { kind: ES, content: "", count: 0 };
  if (!isObject(value)) return result;
  for (let i = 0; i < FIELDS.length; i++) {
    const name = FIELDS[i][0];
    const content = value[name];
    if (content !== undefined) result = { ...convert(name, FIELDS[i][1], content), count: result.count + 1 };
  }
  return result;
}

function convert(name, kind, content) {
  switch (kind) {
    case WASM:
      if (ops.isWasmModule(content)) return { kind: WASM_MODULE, content };
      if (!isBytes(content)) throw fieldError("Module", name, "Array or WasmModuleObject");
      return { kind, content };
    case DATA:
      if (!isBytes(content)) throw fieldError("Module", name, "Array");
      return { kind, content };
    case JSON:
      return { kind, content };
    default:
      return { kind, content: `${content}` };
  }
}

const isBytes = (value) => ArrayBufferIsView(value) || isAnyArrayBuffer(value);

/** The modules as a native object. */
function check(modules, main) {
  if (modules.length === 0) throw new TypeError("Dynamic Worker code must contain at least one module.");
  const isPython = StringPrototypeEndsWith(main, ".py");
  const all = [];
  let python;
  for (let i = 0; i < modules.length; i++) {
    const { name, count } = modules[i];
    let { kind, content } = modules[i];
    if (kind === BY_NAME) kind = kindByName(name);
    if (count !== 1) {
      throw new TypeError(
        `Each module must contain exactly one of 'js', 'cjs', 'text', 'data', 'json', 'py', or 'wasm'. Module '${name}' ` +
          `contained ${count} properties.`,
      );
    }
    if (kind === JSON) content = `${JSONStringify(content)}`;
    if (kind === PYTHON) python ??= name;
    else ArrayPrototypePush(all, moduleOf(name, kind, content));
  }
  if (python !== undefined && !isPython) {
    throw new TypeError(`Module "${python}" is a Python module, but the main module isn't a Python module.`);
  }
  if (python !== undefined) throw new Error(`module "${python}": Python modules are not supported.`);
  return ops.modules(all);
}

function kindByName(name) {
  if (StringPrototypeEndsWith(name, ".py")) return PYTHON;
  if (StringPrototypeEndsWith(name, ".js")) return ES;
  const isTypeScript =
    StringPrototypeEndsWith(name, ".ts") || StringPrototypeEndsWith(name, ".tsx") || StringPrototypeEndsWith(name, ".jsx");
  throw new TypeError(
    "Module name must end with '.js' or '.py' (or the content must be an object indicating the type explicitly). Got: " +
      name +
      (isTypeScript
        ? ". If you're trying to load TypeScript, bundle it first with '@cloudflare/worker-bundler' and pass the generated " +
          "JavaScript modules."
        : ""),
  );
}

// The worker.

class WorkerStub {
  constructor(token, loaded) {
    if (token !== inside) throw illegalConstructor();
    new Stamp(this, { __proto__: null, kind: LOADED, loaded });
  }

  getEntrypoint(name = undefined, options = undefined) {
    return createFetcher(entrypoint(this, "getEntrypoint", name, options), UNSENDABLE);
  }

  getDurableObjectClass(name = undefined, options = undefined) {
    return createClass(entrypoint(this, "getDurableObjectClass", name, options), UNSENDABLE);
  }
}
defineInterface(WorkerStub);

/** A native service of an entrypoint. */
function entrypoint(stub, method, name, options) {
  const { loaded } = own(stub, LOADED);
  const text = name === undefined || name === null ? "default" : `${name}`;
  const members = toDictionary(options, () => argumentError("WorkerStub", method, 2, "EntrypointOptions")) ?? {};
  const props = propsOf(members, "EntrypointOptions");
  const { cpuMs, subRequests } = limitsOf(members.limits, "EntrypointOptions");
  const given = text === "default" ? undefined : text;
  return ops.entrypoint(loaded, given, props?.bytes, props?.externals, cpuMs, subRequests);
}

exports.bind = (channel) => new WorkerLoader(inside, channel);
