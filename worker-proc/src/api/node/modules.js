/*
 * Which node:* modules there are, under which compat flags, and the globals of `nodejs_compat_v2`.
 * Evaluated into the snapshot; the modules themselves are compiled when first imported.
 */

const { ObjectDefineProperty } = primordials;
const { addNodeNames, provide } = require("modules");
const { builtinModules } = require("node/builtin_modules");

const isCompat = (flags) => flags.nodeJsCompat || flags.nodeJsCompatV2;

// Modules that every nodejs_compat worker has.
const always = [
  "assert", "assert/strict", "async_hooks", "buffer", "constants", "crypto", "diagnostics_channel", "events", "module", "path",
  "path/posix", "path/win32", "process", "querystring", "stream", "stream/consumers", "stream/promises", "stream/web",
  "string_decoder", "timers", "timers/promises", "url",
  "util", "util/types", "zlib",
];

// Modules with a flag of their own.
const flagged = {
  __proto__: null,
  child_process: "enableNodeJsChildProcessModule",
  cluster: "enableNodeJsClusterModule",
  console: "enableNodeJsConsoleModule",
  dgram: "enableNodeJsDgramModule",
  domain: "enableNodeJsDomainModule",
  http2: "enableNodeJsHttp2Module",
  inspector: "enableNodeJsInspectorModule",
  "inspector/promises": "enableNodeJsInspectorModule",
  os: "enableNodeJsOsModule",
  punycode: "enableNodeJsPunycodeModule",
  readline: "enableNodeJsReadlineModule",
  "readline/promises": "enableNodeJsReadlineModule",
  repl: "enableNodeJsReplModule",
  perf_hooks: "enableNodeJsPerfHooksModule",
  trace_events: "enableNodeJsTraceEventsModule",
  tty: "enableNodeJsTtyModule",
  v8: "enableNodeJsV8Module",
  vm: "enableNodeJsVmModule",
  wasi: "enableNodeJsWasiModule",
  worker_threads: "enableNodeJsWorkerThreadsModule",
};

// These two have no name without the prefix.
provide("node:test", "node:test", isCompat);
provide("node:sqlite", "node:sqlite", (flags) => isCompat(flags) && flags.enableNodeJsSqliteModule);

addNodeNames(builtinModules);

// Old names of single classes: the modules that define them.
const aliases = {
  __proto__: null,
  _stream_duplex: "node/streams/duplex",
  _stream_passthrough: "node/streams/transform",
  _stream_readable: "node/streams/readable",
  _stream_transform: "node/streams/transform",
  _stream_writable: "node/streams/writable",
};
for (const name in aliases) offer(name, isCompat, aliases[name]);
for (let i = 0; i < always.length; i++) offer(always[i], isCompat);
for (const name in flagged) offer(name, (flags) => isCompat(flags) && flags[flagged[name]]);

/** "node:x" for every flag that has it. */
function offer(name, isAvailable, internal = `node:${name}`) {
  const specifier = `node:${name}`;
  if (name === "async_hooks") {
    provide(specifier, internal, (flags) => isAvailable(flags) || flags.nodeJsAls);
  } else {
    provide(specifier, internal, isAvailable);
  }
}

/** Defines a global that loads its module when first read, and can be replaced. */
function lazyGlobal(global, name, load) {
  ObjectDefineProperty(global, name, {
    __proto__: null,
    get() {
      const value = load();
      setGlobal(global, name, value);
      return value;
    },
    set(value) {
      setGlobal(global, name, value);
    },
    enumerable: true,
    configurable: true,
  });
}

function setGlobal(global, name, value) {
  ObjectDefineProperty(global, name, {
    __proto__: null,
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}

exports.install = (function (global, flags) {
  if (!flags.nodeJsCompatV2) return;
  setGlobal(global, "global", global);
  lazyGlobal(global, "Buffer", () => require("node:buffer").Buffer);
  lazyGlobal(global, "process", () => require("node:process").default);
  lazyGlobal(global, "setImmediate", () => require("node:timers").setImmediate);
  lazyGlobal(global, "clearImmediate", () => require("node:timers").clearImmediate);
  if (!flags.enableNodejsGlobalTimers) return;
  const names = ["setTimeout", "setInterval", "clearTimeout", "clearInterval"];
  for (let i = 0; i < names.length; i++) lazyGlobal(global, names[i], () => require("node:timers")[names[i]]);
});
