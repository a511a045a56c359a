/*
 * Which node:* modules there are, under which compat flags.
 * Evaluated into the snapshot; the modules themselves are compiled when first imported.
 */

const { addNodeNames, provide, setNodeInside } = require("modules");
const { builtinModules } = require("node/module/builtin_modules");

const isCompat = (flags) => flags.nodeJsCompat || flags.nodeJsCompatV2;

// Modules that every nodejs_compat worker has.
const always = [
  "_stream_duplex",
  "_stream_passthrough",
  "_stream_readable",
  "_stream_transform",
  "_stream_writable",
  "_tls_common",
  "_tls_wrap",
  "assert",
  "assert/strict",
  "async_hooks",
  "buffer",
  "constants",
  "crypto",
  "diagnostics_channel",
  "dns",
  "dns/promises",
  "events",
  "fs/promises",
  "module",
  "net",
  "path",
  "path/posix",
  "path/win32",
  "process",
  "querystring",
  "stream",
  "stream/consumers",
  "stream/promises",
  "stream/web",
  "string_decoder",
  "timers",
  "timers/promises",
  "tls",
  "url",
  "util",
  "util/types",
  "zlib",
];

// Modules with a flag of their own.
const flagged = {
  __proto__: null,
  _http_agent: "enableNodejsHttpModules",
  _http_client: "enableNodejsHttpModules",
  _http_common: "enableNodejsHttpModules",
  _http_incoming: "enableNodejsHttpModules",
  _http_outgoing: "enableNodejsHttpModules",
  _http_server: "enableNodejsHttpServerModules",
  child_process: "enableNodeJsChildProcessModule",
  cluster: "enableNodeJsClusterModule",
  console: "enableNodeJsConsoleModule",
  dgram: "enableNodeJsDgramModule",
  domain: "enableNodeJsDomainModule",
  fs: "enableNodeJsFsModule",
  http: "enableNodejsHttpModules",
  http2: "enableNodeJsHttp2Module",
  https: "enableNodejsHttpModules",
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

for (let i = 0; i < always.length; i++) offer(always[i], isCompat);
for (const name in flagged) offer(name, (flags) => isCompat(flags) && flags[flagged[name]]);

/** "node:x" for every flag that has it. */
function offer(name, isAvailable) {
  const specifier = `node:${name}`;
  if (name === "async_hooks") {
    provide(specifier, specifier, (flags) => isAvailable(flags) || flags.nodeJsAls);
  } else {
    provide(specifier, specifier, isAvailable);
  }
}

setNodeInside((specifier) => require("node/module/inside").find(specifier));
