// One test a module: what libraries lean on.
import assert, { deepStrictEqual, rejects, strictEqual, throws } from "node:assert";
import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";
import { Buffer, isUtf8, transcode } from "node:buffer";
import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import { EventEmitter, on, once } from "node:events";
import path from "node:path";
import process from "node:process";
import { Duplex, PassThrough, Readable, Transform, finished } from "node:stream";
import { pipeline } from "node:stream/promises";
import { StringDecoder } from "node:string_decoder";
import { setTimeout as wait } from "node:timers/promises";
import url from "node:url";
import util from "util";
import zlib from "node:zlib";

export const asserts = {
  async test() {
    throws(() => strictEqual(1, 2), { code: "ERR_ASSERTION", actual: 1, expected: 2, operator: "strictEqual" });
    throws(() => deepStrictEqual({ a: [1] }, { a: [2] }), /strictly deep-equal/);
    deepStrictEqual(new Map([[{ a: 1 }, new Set([1])]]), new Map([[{ a: 1 }, new Set([1])]]));
    await rejects(Promise.reject(new TypeError("x")), TypeError);
    throws(() => assert.equal(1, "1"), assert.AssertionError);
  },
};

export const buffers = {
  test() {
    strictEqual(Buffer.from("héllo").toString("base64url"), "aMOpbGxv");
    strictEqual(Buffer.from("68c3a9zz", "hex").toString(), "hé");
    strictEqual(Buffer.from("é", "utf16le").length, 2);
    const buffer = Buffer.alloc(8);
    buffer.writeInt32BE(-2, 0);
    buffer.writeFloatLE(1.5, 4);
    deepStrictEqual([buffer.readInt32BE(0), buffer.readFloatLE(4)], [-2, 1.5]);
    throws(() => buffer.writeUInt8(256, 0), { code: "ERR_OUT_OF_RANGE" });
    const range = (range, given) => ({ message: `The value of "value" is out of range. It must be ${range}. Received ${given}` });
    throws(() => buffer.writeInt32LE(2 ** 31, 0), range(">= -2147483648 and <= 2147483647", "2147483648"));
    throws(() => buffer.writeUIntBE(2 ** 32, 0, 4), range(">= 0 and <= 4294967295", "4294967296"));
    const big = "9_223_372_036_854_775_808n";
    throws(() => buffer.writeBigInt64LE(2n ** 63n), range(">= -(2n ** 63n) and < 2 ** 63n", big));
    strictEqual(Buffer.concat([Buffer.from("ab"), Buffer.from("cd")]).indexOf("bc"), 1);
    strictEqual(Buffer.from("ab").compare(Buffer.from("ac")), -1);
    strictEqual(isUtf8(Buffer.from([0xff])), false);
    strictEqual(transcode(Buffer.from("é"), "utf8", "latin1").toString("latin1"), "é");
    strictEqual(util.inspect(Buffer.from("hi")), "<Buffer 68 69>");
  },
};

export const emitters = {
  async test() {
    const emitter = new EventEmitter();
    const seen = [];
    emitter.prependListener("x", () => seen.push("first"));
    emitter.once("x", (value) => seen.push(value));
    emitter.emit("x", 1);
    emitter.emit("x", 2);
    deepStrictEqual(seen, ["first", 1, "first"]);
    throws(() => emitter.emit("error", new RangeError("lost")), RangeError);
    queueMicrotask(() => emitter.emit("later", 1, 2));
    deepStrictEqual(await once(emitter, "later"), [1, 2]);
    queueMicrotask(() => [1, 2].forEach((n) => emitter.emit("n", n)));
    const numbers = [];
    for await (const [n] of on(emitter, "n")) {
      numbers.push(n);
      if (n === 2) break;
    }
    deepStrictEqual(numbers, [1, 2]);
  },
};

export const asyncContext = {
  async test() {
    const store = new AsyncLocalStorage();
    const seen = await store.run("outer", async () => {
      const bound = AsyncResource.bind(() => store.getStore());
      const snapshot = AsyncLocalStorage.snapshot();
      await scheduler.wait(1);
      const timer = new Promise((resolve) => setTimeout(() => resolve(store.getStore()), 1));
      return store.run("inner", async () => [bound(), snapshot(() => store.getStore()), await timer, store.getStore()]);
    });
    deepStrictEqual(seen, ["outer", "outer", "outer", "inner"]);
    strictEqual(store.getStore(), undefined);
  },
};

export const paths = {
  test() {
    strictEqual(path.join("/a", "../b", "./c.txt"), "/b/c.txt");
    strictEqual(path.relative("/a/b/c", "/a/d"), "../../d");
    deepStrictEqual(path.parse("/x/y.tar.gz"), { root: "/", dir: "/x", base: "y.tar.gz", ext: ".gz", name: "y.tar" });
    strictEqual(path.win32.resolve("C:\\a", "..\\b"), "C:\\b");
    process.chdir("/tmp");
    deepStrictEqual([path.resolve("a"), path.win32.resolve("C:a"), path.win32.resolve("a")], ["/a", "C:\\a", "\\a"]);
    process.chdir("/bundle");
    // A device's path has a root as a server's has.
    const roots = ["\\\\?\\UNC\\a\\b", "//?/UNC/a", "\\\\?\\UNC", "\\\\.\\C:\\a"].map((each) => path.win32.parse(each).root);
    deepStrictEqual(roots, ["\\\\?\\UNC\\", "//?/UNC/", "\\\\?\\UNC", "\\\\.\\C:\\"]);
    strictEqual(path.win32.normalize("\\\\.\\COM1"), "\\\\.\\COM1\\");
    strictEqual(path.win32.join("\\\\?\\UNC", "..", "a"), "\\\\?\\UNC\\a");
    strictEqual(url.fileURLToPath("file:///a%20b"), "/a b");
    strictEqual(url.resolve("/one/two", "three"), "/one/three");
    strictEqual(url.parse("http://u:p@h:1/p?q#f").auth, "u:p");
  },
};

export const utilities = {
  async test() {
    strictEqual(await util.promisify((a, callback) => callback(null, a + 1))(1), 2);
    await rejects(util.promisify((callback) => callback(new Error("no")))(), /no/);
    strictEqual(util.types.isProxy(new Proxy({}, {})), true);
    strictEqual(util.types.isProxy(Date), false);
    strictEqual(util.inspect(new Proxy(Date, {}), { showProxy: true }), "Proxy [ [Function: Date], {} ]");
    deepStrictEqual(util.diff(["a", "b"], ["b"]), [[1, "a"], [0, "b"]]);
    deepStrictEqual(util.diff("same", "same"), []);
    strictEqual(util.convertProcessSignalToExitCode("SIGTERM"), 143);
    throws(() => util.convertProcessSignalToExitCode("X"), { code: "ERR_INVALID_ARG_VALUE" });
    const { signal } = util.transferableAbortController();
    strictEqual(util.transferableAbortSignal(signal), signal);
    strictEqual(util.stripVTControlCharacters("\u001b[31mred\u001b[39m"), "red");
    const type = new util.MIMEType("Text/HTML; charset=utf-8; a=b");
    strictEqual(type.params.get("charset"), "utf-8");
    strictEqual(`${type}`, "text/html;charset=utf-8;a=b");
    type.params.set("boundary", "x");
    strictEqual(`${type}`, "text/html;charset=utf-8;a=b; boundary=x");
    strictEqual(new StringDecoder().write(Buffer.from([0xe2, 0x82])), "");
    strictEqual(await wait(1, "value"), "value");
  },
};

export const streams = {
  async test() {
    const upper = new Transform({
      transform(chunk, encoding, callback) {
        callback(null, chunk.toString().toUpperCase());
      },
    });
    const chunks = [];
    await pipeline(Readable.from(["a", "b"]), upper, async (source) => {
      for await (const chunk of source) chunks.push(chunk.toString());
    });
    strictEqual(chunks.join(""), "AB");
    deepStrictEqual(await Readable.from([1, 2, 3]).map((n) => n * 2).toArray(), [2, 4, 6]);
    const failing = new PassThrough();
    queueMicrotask(() => failing.destroy(new Error("cut")));
    await rejects(pipeline(failing, new PassThrough()), /cut/);
    strictEqual(await new Response(Readable.toWeb(Readable.from([Buffer.from("web")]))).text(), "web");
    strictEqual(new Duplex() instanceof Readable, true);
  },
};

export const streamOrder = {
  async test() {
    const told = [];
    const constructed = new Duplex({
      construct(callback) {
        callback();
        queueMicrotask(() => told.push("microtask"));
      },
      write(chunk, _encoding, callback) {
        told.push(`${chunk}`);
        callback();
      },
    });
    constructed.write("written");
    await wait(1);
    deepStrictEqual(told, ["written", "microtask"]);
    const slow = new Duplex({
      write(_chunk, _encoding, callback) {
        setImmediate(() => {
          told.push("slowly");
          callback();
        });
      },
    });
    slow.end("x");
    let reads = 0;
    const endless = new Readable({
      highWaterMark: 100,
      read() {
        if (++reads > 50) this.push(null);
        else this.push(Buffer.alloc(30));
      },
    });
    const web = Readable.toWeb(endless);
    await wait(1);
    strictEqual(reads, 8);
    await web.cancel();
    await new Promise((resolve) => finished(slow, { readable: false }, resolve));
    strictEqual(told.at(-1), "slowly");
  },
};

export const compression = {
  test() {
    const text = Buffer.from("to be or not to be ".repeat(1000));
    for (const [pack, unpack] of [["deflate", "inflate"], ["gzip", "unzip"], ["brotliCompress", "brotliDecompress"]]) {
      const packed = zlib[`${pack}Sync`](text);
      assert(packed.length < text.length / 10);
      strictEqual(zlib[`${unpack}Sync`](packed).equals(text), true);
    }
    throws(() => zlib.inflateSync(Buffer.from("nonsense")), /incorrect header check/);
    strictEqual(zlib.crc32("hello"), 0x3610a686);
  },
};

export const cryptography = {
  test() {
    strictEqual(createHash("md5").update("abc").digest("hex"), "900150983cd24fb0d6963f7d28e17f72");
    strictEqual(
      createHmac("sha256", "key").update("data").digest("base64"),
      "UDH+PZicbRU3oBP6bnOdojRj/a7DtwE32Cjjas4iG9A=",
    );
    strictEqual(pbkdf2Sync("p", "s", 1, 8, "sha1").toString("hex").length, 16);
    strictEqual(randomBytes(5).length, 5);
  },
};

export const hashes = {
  async test() {
    const abc = "a9993e364706816aba3e25717850c26c9cd0d89d";
    const hash = createHash("sha1");
    deepStrictEqual([hash.writable, hash.readable, hash.destroyed, hash instanceof Transform], [true, true, false, true]);
    strictEqual(Readable.from(["a", "bc"]).pipe(hash), hash);
    const chunks = await hash.toArray();
    strictEqual(Buffer.concat(chunks).toString("hex"), abc);
    strictEqual(createHash("sha1").end("abc").read().toString("hex"), abc);
    const texts = createHash("sha1").setEncoding("hex");
    texts.on("data", (text) => strictEqual(text, abc));
    texts.end("abc");
    for (const [text, encoding] of [["616263", "hex"], ["YWJj", "base64"], ["abc"], ["abc", "buffer"], ["abc", "utf8"]]) {
      strictEqual(createHash("sha1").update(text, encoding).digest("hex"), abc);
    }
    strictEqual(createHash("sha1").update("\u00e4\ud800").digest("hex"), createHash("sha1").update(Buffer.from("ä\ufffd")).digest("hex"));
    const done = createHash("sha1").update("abc");
    strictEqual(done.copy().digest("base64"), "qZk+NkcGgWq6PiVxeFDCbJzQ2J0=");
    strictEqual(done.digest().toString("hex"), abc);
    for (const again of [() => done.digest("hex"), () => done.copy(), () => done.update("x")]) {
      throws(again, { code: "ERR_CRYPTO_HASH_FINALIZED" });
    }
    strictEqual(createHash("sha1").update("abc").digest("latin1").length, 20);
    throws(() => createHash("sha1").update(1), { code: "ERR_INVALID_ARG_TYPE" });
  },
};

export const processObject = {
  test(controller, env) {
    strictEqual(process.env.GREETING, "hello");
    strictEqual(process.platform, "linux");
    strictEqual(globalThis.process, process);
    strictEqual(process.getBuiltinModule("node:util"), util);
    throws(() => process.chdir(5), { code: "ERR_INVALID_ARG_TYPE" });
  },
};

export const builtinModules = {
  async test() {
    // One without a default export is itself.
    strictEqual(process.getBuiltinModule("cloudflare:sockets"), await import("cloudflare:sockets"));
    strictEqual(process.getBuiltinModule("cloudflare:workers"), await import("cloudflare:workers"));
    strictEqual(process.getBuiltinModule("sys"), util);
    for (const name of ["test", "node:nothing", "./worker", "worker", ""]) strictEqual(process.getBuiltinModule(name), undefined);
  },
};
