// Tells the names of the globals and of every module of Node's, each with its kind.
import { isObject, kindOf, nameOf } from "probe";

const MODULES = [
  "_http_agent _http_client _http_common _http_incoming _http_outgoing _http_server _stream_duplex _stream_passthrough",
  "_stream_readable _stream_transform _stream_wrap _stream_writable _tls_common _tls_wrap assert assert/strict async_hooks",
  "buffer child_process cluster console constants crypto dgram diagnostics_channel dns dns/promises domain events fs",
  "fs/promises http http2 https inspector inspector/promises module net os path path/posix path/win32 perf_hooks process",
  "punycode querystring readline readline/promises repl sqlite stream stream/consumers stream/promises stream/web",
  "string_decoder sys test timers timers/promises tls trace_events tty url util util/types v8 vm wasi worker_threads zlib",
]
  .join(" ")
  .split(" ");

const MOST_STEPS = 4;

/** Whether it is what every `function` has, whoever declared it so. */
const isPlainPrototype = (key, value) => key === "prototype" && isObject(value) && Reflect.ownKeys(value).length === 1 && Object.hasOwn(value, "constructor");

function walk(object, path, above, tell) {
  const within = [...above, object];
  for (const key of Reflect.ownKeys(object)) {
    // A function's length is in its kind.
    if (typeof object === "function" && (key === "length" || key === "name")) continue;
    const descriptor = Reflect.getOwnPropertyDescriptor(object, key);
    const { value } = descriptor;
    if (isPlainPrototype(key, value)) continue;
    const name = nameOf(path, key);
    tell(name, kindOf(descriptor));
    const isNew = isObject(value) && key !== "constructor" && !within.includes(value);
    if (isNew && within.length < MOST_STEPS) walk(value, name, within, tell);
  }
}

export default {
  async test(controller, { date }) {
    const names = {};
    const tell = (name, kind) => {
      names[name] = kind;
    };
    walk(globalThis, "", [], tell);
    for (const name of MODULES) {
      const path = `node:${name}`;
      let module;
      try {
        module = await import(path);
      } catch {
        continue;
      }
      for (const key of Reflect.ownKeys(module)) tell(nameOf(path, key), kindOf({ value: module[key] }));
      if (isObject(module.default)) walk(module.default, `${path}.default`, [globalThis], tell);
    }
    console.log(`SURFACE ${date} ${JSON.stringify(names)}`);
  },
};
