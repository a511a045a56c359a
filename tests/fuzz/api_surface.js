// Calls whatever the global object leads to with whatever comes to hand. `/?seed=1&steps=200` makes the same calls each time,
// but for what time and chance decide.

/** Ends the worker, or asks for more memory or time than a test has. */
const LEFT_OUT = /abortIsolate|\.exit$|\.abort$|kill|scrypt|generatePrime|checkPrime|pbkdf2|WebAssembly|Atomics|waitUntil/;

/** Names that option objects have. */
const OPTIONS = [
  "type", "headers", "body", "method", "signal", "highWaterMark", "size", "transfer", "hash", "name", "length", "iv", "counter", "label",
  "fatal", "ignoreBOM", "stream", "mode", "status", "statusText", "redirect", "webSocket", "encodeBody", "cf", "start", "pull", "cancel",
  "write", "transform", "flush", "readableType", "autoAllocateChunkSize", "preventClose", "once", "passive", "capture", "detail", "bubbles",
  "namedCurve", "modulusLength", "publicExponent", "public", "salt", "info", "iterations", "saltLength", "additionalData", "tagLength",
  "pathname", "hostname", "port", "protocol", "min", "endings", "lastModified", "entryTypes", "buffered", "data", "reason", "code",
];
const WORDS = [
  "AES-GCM", "AES-CBC", "AES-CTR", "AES-KW", "HMAC", "HKDF", "PBKDF2", "RSA-OAEP", "RSA-PSS", "RSASSA-PKCS1-v1_5", "ECDSA", "ECDH", "Ed25519",
  "X25519", "SHA-1", "SHA-256", "SHA-512", "MD5", "P-256", "raw", "jwk", "spki", "pkcs8", "encrypt", "decrypt", "sign", "verify", "deriveBits",
  "bytes", "gzip", "deflate", "deflate-raw", "utf-8", "utf-16le", "shift_jis", "gb18030", "base64", "hex", "GET", "POST", "manual", "follow",
  "error", "message", "close", "abort", "http://a.example/x?y#z", "data:text/html,x", "ws://a.example", "a.example:80", "text/html", "x=1&y=2",
  "multipart/form-data; boundary=x", "*", "/:a/:b?", "p.a > b", "content-length", "transparent", "mark", "\ud800", "\u0000", "\u00e9\u6f22", "",
];

/** What opens something that may nest. */
const DEEP = ["(", "[", "{", "<a>", "a ", "a>", ":not(", ":is(", '{"a":', "(?:", "!", "-", "../", "${", "/*", "a[", "[[", "a.b?."];

/** The same numbers for the same seed. */
function random(seed) {
  let state = seed >>> 0 || 1;
  const next = () => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
  const below = (count) => next() % count;
  return { below, pick: (list) => list[below(list.length)] };
}

const isObject = (value) => (typeof value === "object" && value !== null) || typeof value === "function";

/** Classes and functions of the global object, by path. */
function* reachable() {
  const seen = new Set([globalThis]);
  const holders = [["", globalThis], ["", ServiceWorkerGlobalScope.prototype], ["", WorkerGlobalScope.prototype]];
  while (holders.length > 0) {
    const [path, holder] = holders.shift();
    for (const key of Reflect.ownKeys(holder)) {
      const name = `${path}.${String(key)}`;
      const { value } = Reflect.getOwnPropertyDescriptor(holder, key);
      if (!isObject(value) || seen.has(value) || LEFT_OUT.test(name)) continue;
      seen.add(value);
      if (typeof value === "function") yield value;
      if (key !== "constructor" && name.split(".").length < 4) holders.push([name, value]);
    }
  }
}
const functions = [...reachable()];

class Caller {
  constructor(seed) {
    this.random = random(seed);
    /** What calls gave. */
    this.pool = [];
    this.depth = 0;
    this.left = 2000;
  }

  keep(value) {
    if (!isObject(value) || value === globalThis) return;
    if (this.pool.length < 200) this.pool.push(value);
    else this.pool[this.random.below(200)] = value;
    if (typeof value.then === "function" && value instanceof Promise) value.then((result) => this.keep(result), () => {});
  }

  bytes() {
    const { below } = this.random;
    const length = [0, 1, 12, 16, 32, 100, 70000][below(7)];
    switch (below(8)) {
      case 0: {
        const view = new Uint8Array(length);
        structuredClone(0, { transfer: [view.buffer] });
        return view;
      }
      case 1: {
        const buffer = new ArrayBuffer(length, { maxByteLength: length + 10 });
        const view = new Uint8Array(buffer);
        this.later = () => buffer.resize(0);
        return view;
      }
      case 2:
        return new Uint8Array(new SharedArrayBuffer(length));
      case 3:
        return new DataView(new ArrayBuffer(length + 4), 3);
      case 4:
        return new Float64Array(length >> 3);
      case 5:
        return new ArrayBuffer(length);
      default:
        return Uint8Array.from({ length }, below.bind(null, 256));
    }
  }

  /** Code of users that runs in the middle of calls. */
  hostile() {
    switch (this.random.below(4)) {
      case 0:
        throw new RangeError("hostile");
      case 1:
        this.later?.();
        return this.value();
      case 2:
        this.step();
        return this.value();
      default:
        return this.value();
    }
  }

  /** Something deeper than a stack, as text or as objects within one another. */
  deep() {
    const { below, pick } = this.random;
    const depth = pick([100, 5000, 50000]);
    if (below(2) === 0) return pick(DEEP).repeat(depth);
    const key = pick(OPTIONS);
    const wrap = pick([(inner) => [inner], (inner) => ({ [key]: inner }), (inner) => new Error("", { cause: inner }), (inner) => new Map([[key, inner]])]);
    let value = this.pool.length > 0 ? pick(this.pool) : 1;
    for (let i = 0; i < depth; i++) value = wrap(value);
    return value;
  }

  value() {
    const { below, pick } = this.random;
    if (this.depth > 4 || this.left-- < 0) return pick(WORDS);
    this.depth++;
    try {
      if (below(40) === 0) return this.deep();
      switch (below(16)) {
        case 0:
          return pick([undefined, null, true, false, NaN, -0, 0.5, Infinity, Symbol("s"), 10n, -1n, 2n ** 65n]);
        case 1:
          return pick([0, 1, -1, 2, 7, 16, 128, 255, 256, 2048, 65536, 2 ** 31, 2 ** 32, 2 ** 53]);
        case 2:
        case 3:
          return pick(WORDS);
        case 4:
        case 5:
          return this.bytes();
        case 6:
          return Array.from({ length: below(4) }, () => this.value());
        case 7:
        case 8:
        case 9: {
          const options = {};
          for (let i = below(4); i >= 0; i--) options[pick(OPTIONS)] = this.value();
          return options;
        }
        case 10:
          return { get [pick(OPTIONS)]() { return this.hostile(); }, hostile: () => this.hostile(), toString: () => this.hostile() };
        case 11:
          return () => this.hostile();
        case 12:
          return new Proxy(this.pool.length > 0 ? pick(this.pool) : {}, { get: (target, key) => (below(4) > 0 ? Reflect.get(target, key) : this.hostile()) });
        case 13:
          return { *[Symbol.iterator]() { yield* ["a", "b"]; }, async *[Symbol.asyncIterator]() { yield new Uint8Array(3); } };
        default:
          return this.pool.length > 0 ? pick(this.pool) : new Date(5);
      }
    } finally {
      this.depth--;
    }
  }

  arguments() {
    return Array.from({ length: this.random.below(5) }, () => this.value());
  }

  /** Members of an object and of what it inherits from. */
  member(object) {
    const names = [];
    for (let at = object; at !== null && at !== Object.prototype && names.length < 100; at = Reflect.getPrototypeOf(at)) names.push(...Reflect.ownKeys(at));
    return names.length > 0 ? this.random.pick(names) : "constructor";
  }

  step() {
    const { below, pick } = this.random;
    if (this.left-- < 0) return;
    const target = pick(functions);
    switch (below(6)) {
      case 0:
      case 1:
        this.keep(Reflect.construct(target, this.arguments()));
        return;
      case 2:
        this.keep(Reflect.apply(target, pick([undefined, globalThis, ...this.pool]), this.arguments()));
        return;
      default: {
        if (this.pool.length === 0) return;
        const object = pick(this.pool);
        const key = this.member(object);
        if (LEFT_OUT.test(`.${String(key)}`)) return;
        if (below(8) === 0) {
          object[key] = this.value();
          return;
        }
        const member = object[key];
        this.keep(typeof member === "function" && member !== object.constructor ? Reflect.apply(member, object, this.arguments()) : member);
      }
    }
  }
}

export default {
  async fetch(request) {
    const { searchParams } = new URL(request.url);
    if (!searchParams.has("seed")) return new Response("outbound");
    const caller = new Caller(Number(searchParams.get("seed")));
    let well = 0;
    for (let i = Number(searchParams.get("steps")); i > 0; i--) {
      try {
        caller.step();
        well++;
      } catch {
        // Exceptions are what bad calls are answered with.
      }
      // What was asked for goes on between the calls.
      if (i % 16 === 0) await null;
      if (i % 64 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return new Response(`${well} calls went well, ${caller.pool.length} objects were kept`);
  },
};
