/*
 * node:process and the global `process`. There is one process in a worker's eyes: number 1, user 0.
 * Without `enable_nodejs_process_v2` only the first few members exist.
 */

// own: path (what the caller gives)
const {
  ArrayIsArray,
  ArrayPrototypeIncludes,
  ArrayPrototypeMap,
  BigInt,
  DateNow,
  Error,
  ErrorCaptureStackTrace,
  FunctionPrototypeCall,
  Number,
  NumberIsInteger,
  NumberParseInt,
  ObjectAssign,
  ObjectDefineProperty,
  ObjectFromEntries,
  ObjectKeys,
  ObjectSetPrototypeOf,
  ReflectApply,
  RegExpPrototypeExec,
  SafeSet,
  Set,
  StringPrototypeSplit,
  SymbolToStringTag,
} = primordials;
const { console } = require("console");
const { listen } = require("events");
const { queueMicrotask } = require("timers");
const { currentURL } = require("url");
const EventEmitter = require("node:events").default;
const { ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_OUT_OF_RANGE } = require("node/common/errors");
const { setLengths, unsupported } = require("node/common/unsupported");
const { config, features } = require("node/process/config");
const { env } = require("node/process/env");
const { chdir, cwd } = require("node/process/cwd");
const { nextTick } = require("node/timers/next_tick");
const { getBuiltinModule } = require("node/module/builtin_modules");
const { parseEnv } = require("node/util/parse_env");
const flags = require("flags");

const NODE_VERSION = "22.23.4";
// What Node is made of; nobody says of which version.
const PARTS =
  "v8 modules zlib brotli zstd ares napi llhttp nghttp2 acorn ada simdutf nbytes ncrypto uvwasi uv openssl sqlite icu undici " +
  "simdjson unicode cldr tz cjs_module_lexer amaro merve";

function versions() {
  const all = { node: NODE_VERSION };
  for (let i = 0, parts = StringPrototypeSplit(PARTS, " "); i < parts.length; i++) all[parts[i]] = "";
  return all;
}

const platform = "linux";

function exit(code) {
  ops.exit(code === undefined ? 0 : Number(code) | 0);
}

function emitWarning(warning, options, codeOrConstructor, maybeConstructor) {
  let name = "Warning";
  let code;
  let detail;
  let constructor;
  const wantConstructor = (value) => {
    if (value !== undefined && typeof value !== "function") throw new ERR_INVALID_ARG_TYPE("ctor", "function", value);
    return value;
  };
  if (typeof options === "object" && options !== null && !ArrayIsArray(options)) {
    name = options.type || name;
    code = options.code || undefined;
    detail = options.detail;
    constructor = options.ctor;
  } else if (typeof options === "string") {
    name = options;
    if (typeof codeOrConstructor === "string") {
      code = codeOrConstructor;
      constructor = wantConstructor(maybeConstructor);
    } else {
      constructor = wantConstructor(codeOrConstructor);
    }
  } else if (typeof options === "function") {
    constructor = options;
  } else if (options !== undefined) {
    throw new ERR_INVALID_ARG_TYPE("options", "object", options);
  }

  let error;
  if (typeof warning === "string") {
    error = new (constructor || Error)(warning);
    error.name = name;
  } else if (warning instanceof Error) {
    error = warning;
    if (name !== "Warning") error.name = name;
  } else {
    throw new ERR_INVALID_ARG_TYPE("warning", "string or Error", warning);
  }
  if (code) error.code = code;
  if (detail && typeof detail === "string") error.detail = detail;
  ErrorCaptureStackTrace(error, constructor || emitWarning);
  queueMicrotask(() => process.emit?.("warning", error));
}

const clock = () => BigInt(DateNow()) * 1_000_000n;

function hrtime(previous) {
  if (previous !== undefined) {
    if (!ArrayIsArray(previous)) throw new ERR_INVALID_ARG_TYPE("time", "tuple of integers", previous);
    if (previous.length !== 2) throw new ERR_OUT_OF_RANGE("time", "2", previous);
  }
  const now = clock();
  let seconds = Number(now / 1_000_000_000n);
  let nanos = Number(now % 1_000_000_000n);
  if (previous) {
    seconds -= previous[0];
    nanos -= previous[1];
    if (nanos < 0) {
      seconds--;
      nanos += 1e9;
    }
  }
  return [seconds, nanos];
}
hrtime.bigint = function () {
  return clock();
};

function umask(mask) {
  const refuse = () => {
    throw new ERR_INVALID_ARG_VALUE("mask", mask, "must be a 32-bit unsigned integer or an octal string");
  };
  if (mask !== undefined) {
    if (typeof mask === "string") {
      if (RegExpPrototypeExec(/^[0-7]+$/, mask) === null) refuse();
      mask = NumberParseInt(mask, 8);
    } else if (typeof mask !== "number") {
      throw new ERR_INVALID_ARG_TYPE("mask", "number", mask);
    }
    if (mask < 0 || mask > 0xffffffff || !NumberIsInteger(mask)) refuse();
  }
  return 18;
}

function loadEnvFile(path = ".env") {
  const { readFileSync } = getBuiltinModule("fs");
  ObjectAssign(env, parseEnv(readFileSync(path instanceof currentURL() ? path : path.toString(), "utf8")));
}

function notPermitted(syscall) {
  const error = new Error("operation not permitted");
  return ObjectAssign(error, { code: "EPERM", syscall, errno: 1 });
}

const onlyRoot = (name) =>
  ({
    [name](id) {
      if (id !== 0) throw notPermitted(name);
    },
  })[name];
const never = (name) =>
  ({
    [name]() {
      throw notPermitted(name);
    },
  })[name];
const missing = (name) => unsupported(name, `process.${name}`);
const doNothing = (name) => ({ [name]() {} })[name];
const giving = (name, make) =>
  ({
    [name]() {
      return make();
    },
  })[name];

const usage = [
  "userCPUTime",
  "systemCPUTime",
  "maxRSS",
  "sharedMemorySize",
  "unsharedDataSize",
  "unsharedStackSize",
  "minorPageFault",
  "majorPageFault",
  "swappedOut",
  "fsRead",
  "fsWrite",
  "ipcSent",
  "ipcReceived",
  "signalsCount",
  "voluntaryContextSwitches",
  "involuntaryContextSwitches",
];
const zeros = (names) => ObjectFromEntries(ArrayPrototypeMap(names, (name) => [name, 0]));

const second = {
  assert: flags.removeNodejsCompatEOLv23 ? undefined : (...args) => ReflectApply(require("node:assert").ok, undefined, args),
  version: `v${NODE_VERSION}`,
  versions: versions(),
  title: "workerd",
  argv: ["workerd"],
  argv0: "workerd",
  execArgv: [],
  arch: "x64",
  platform,
  config,
  pid: 1,
  ppid: 0,
  getegid: giving("getegid", () => 0),
  getgid: giving("getgid", () => 0),
  getgroups: giving("getgroups", () => [0]),
  geteuid: giving("geteuid", () => 0),
  getuid: giving("getuid", () => 0),
  setegid: onlyRoot("setegid"),
  setgid: onlyRoot("setgid"),
  setgroups: never("setgroups"),
  seteuid: onlyRoot("seteuid"),
  setuid: onlyRoot("setuid"),
  initgroups: never("initgroups"),
  setSourceMapsEnabled: doNothing("setSourceMapsEnabled"),
  getSourceMapsSupport: giving("getSourceMapsSupport", () => ({
    enabled: false,
    nodeModules: false,
    generatedCode: false,
  })),
  nextTick,
  emitWarning,
  env,
  exit,
  abort: () => exit(1),
  getBuiltinModule,
  features,
  allowedNodeEnvironmentFlags: new Set(),
  kill: missing("kill"),
  ref: doNothing("ref"),
  unref: doNothing("unref"),
  chdir,
  cwd,
  umask,
  hrtime,
  uptime: giving("uptime", () => 0),
  loadEnvFile,
  exitCode: undefined,
  channel: null,
  connected: false,
  binding: missing("binding"),
  debugPort: 0,
  dlopen: missing("dlopen"),
  finalization: {
    register: unsupported("register", "process.finalization.register"),
    registerBeforeExit: unsupported("registerBeforeExit", "process.finalization.registerBeforeExit"),
    unregister: unsupported("unregister", "process.finalization.unregister"),
  },
  getActiveResourcesInfo: missing("getActiveResourcesInfo"),
  setUncaughtExceptionCaptureCallback: missing("setUncaughtExceptionCaptureCallback"),
  hasUncaughtExceptionCaptureCallback: missing("hasUncaughtExceptionCaptureCallback"),
  memoryUsage: giving("memoryUsage", () => zeros(["rss", "heapTotal", "heapUsed", "external", "arrayBuffers"])),
  noDeprecation: false,
  permission: { has: unsupported("has", "process.permission.has") },
  release: { name: "node", lts: true, sourceUrl: "", headersUrl: "" },
  report: {
    compact: false,
    directory: "",
    filename: "",
    getReport: () => ({}),
    reportOnFatalError: false,
    reportOnSignal: false,
    reportOnUncaughtException: false,
    excludeNetwork: false,
    excludeEnv: false,
    signal: "SIGUSR2",
    writeReport: unsupported("writeReport", "process.report.writeReport"),
  },
  resourceUsage: giving("resourceUsage", () => zeros(usage)),
  send: giving("send", () => false),
  traceDeprecation: false,
  throwDeprecation: false,
  sourceMapsEnabled: false,
  threadCpuUsage: missing("threadCpuUsage"),
  cpuUsage: missing("cpuUsage"),
  execPath: "",
  constrainedMemory: giving("constrainedMemory", () => 0),
  availableMemory: giving("availableMemory", () => 0),
  execve: missing("execve"),
  openStdin: () => process.stdin,
  _rawDebug: (...args) => ReflectApply(console.log, console, args),
  moduleLoadList: [],
  _linkedBinding: missing("_linkedBinding"),
  domain: null,
  _exiting: false,
  _getActiveRequests: giving("_getActiveRequests", () => []),
  _getActiveHandles: giving("_getActiveHandles", () => []),
  reallyExit: (code) => exit(code || 0),
  _kill: missing("_kill"),
  _fatalException: giving("_fatalException", () => false),
  _tickCallback: doNothing("_tickCallback"),
  _debugProcess: doNothing("_debugProcess"),
  _debugEnd: doNothing("_debugEnd"),
  _startProfilerIdleNotifier: doNothing("_startProfilerIdleNotifier"),
  _stopProfilerIdleNotifier: doNothing("_stopProfilerIdleNotifier"),
  _preload_modules: [],
  _disconnect: undefined,
  _handleQueue: undefined,
  _pendingMessage: undefined,
  _channel: undefined,
  _send: undefined,
};

if (second.assert) setLengths(second, "assert/2");
setLengths(
  second,
  "_debugProcess/1 _fatalException/1 _kill/2 _linkedBinding/1 binding/1 cpuUsage/1 dlopen/3 execve/3 initgroups/2 kill/2 " +
    "send/2 setSourceMapsEnabled/2 setUncaughtExceptionCaptureCallback/1 setgroups/1",
);

const first = { nextTick, env, exit, getBuiltinModule, platform, features };

/** Passes rejections on to the process's own listeners, from the first such listener on. */
function forwardRejections(target) {
  const forwarded = new SafeSet();
  target.on("newListener", (name) => {
    if (forwarded.has(name)) return;
    if (name === "unhandledRejection") {
      listen("unhandledrejection", (event) => target.emit(name, event.reason, event.promise));
    } else if (name === "rejectionHandled") {
      listen("rejectionhandled", (event) => target.emit(name, event.promise));
    } else {
      return;
    }
    forwarded.add(name);
  });
}

let process = first;
if (flags.enableNodeJsProcessV2) {
  process = ObjectSetPrototypeOf(second, EventEmitter.prototype);
  FunctionPrototypeCall(EventEmitter, process);
  ObjectDefineProperty(process, SymbolToStringTag, { value: "process", configurable: true });
  forwardRejections(process);
  for (let i = 0, names = ["stdin", "stdout", "stderr"]; i < names.length; i++) {
    const name = names[i];
    ObjectDefineProperty(process, name, {
      __proto__: null,
      get: () => require("node/process/stdio")[name],
      set: (value) => ObjectDefineProperty(process, name, { value, writable: true, enumerable: true, configurable: true }),
      enumerable: true,
      configurable: true,
    });
  }
}

for (let i = 0, names = ObjectKeys(process); i < names.length; i++) {
  const name = names[i];
  if (ArrayPrototypeIncludes(["stdin", "stdout", "stderr"], name)) continue;
  exports[name] = process[name];
}
if (flags.enableNodeJsProcessV2) {
  for (let i = 0, names = ["stdin", "stdout", "stderr"]; i < names.length; i++) {
    const name = names[i];
    ObjectDefineProperty(exports, name, { __proto__: null, enumerable: true, get: () => process[name] });
  }
}
exports.default = process;
