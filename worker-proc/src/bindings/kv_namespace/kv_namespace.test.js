// KV namespaces: what the binding's service is sent, and what workers get of its answers.
import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";
import { deepStrictEqual, rejects, strictEqual, throws } from "node:assert";

/** Requests, and what to answer them with. */
const seen = [];
let answer;

export class Store extends WorkerEntrypoint {
  async fetch(request) {
    const { method, url, headers, body } = request;
    seen.push({ method, url, headers: Object.fromEntries(headers), isNull: body === null, text: await request.text() });
    return answer();
  }
  delete(...args) {
    return args;
  }
}

const HOST = "https://fake-host";
const answers = (...args) => (answer = () => new Response(...args));
const typeError = (message) => ({ name: "TypeError", message });

/** The one request that a call makes, and its result. */
async function asked(call) {
  seen.length = 0;
  const result = await call();
  strictEqual(seen.length, 1);
  return { ...seen[0], result };
}

export const reads = {
  async test(_, { KV }) {
    answers("value");
    const { method, url, headers, isNull, text, result } = await asked(() => KV.get("a b/\u00fc"));
    deepStrictEqual([method, url, isNull, text, result], ["GET", `${HOST}/a%20b%2F%C3%BC?urlencoded=true`, false, "", "value"]);
    deepStrictEqual(headers, { "cf-kv-flprod-405": url, "transfer-encoding": "chunked" });
    const ascii = String.fromCharCode(...Array(126).keys()).slice(32);
    strictEqual((await asked(() => KV.get(ascii))).headers["cf-kv-flprod-405"],
      `${HOST}/%20!%22%23$%25&'()*+,-.%2F0123456789:;%3C=%3E%3F@ABCDEFGHIJKLMNOPQRSTUVWXYZ[%5C]^_%60abcdefghijklmnopqrstuvwxyz%7B|%7D?urlencoded=true`);
    strictEqual((await asked(() => KV.get("a", { cacheTtl: "60" }))).url, `${HOST}/a?urlencoded=true&cache_ttl=60`);
    strictEqual((await asked(() => KV.get("a", { cacheTtl: null }))).url, `${HOST}/a?urlencoded=true&cache_ttl=0`);
    answers('{"a":1}', { headers: { "CF-KV-Metadata": '{"m":2}', "CF-Cache-Status": "HIT" } });
    deepStrictEqual(await KV.get("a", "json"), { a: 1 });
    deepStrictEqual(await KV.getWithMetadata("a", { type: "json" }), { value: { a: 1 }, metadata: { m: 2 }, cacheStatus: "HIT" });
    strictEqual(new TextDecoder().decode(await KV.get("a", "arrayBuffer")), '{"a":1}');
    strictEqual(await new Response(await KV.get("a", "stream")).text(), '{"a":1}');
    answers("\ufeffx");
    strictEqual(await KV.get("a"), "\ufeffx");
    answers("packed", { headers: { "Content-Encoding": "gzip" } });
    strictEqual(await KV.get("a"), "packed");
    strictEqual(await new Response(await KV.get("a", "stream")).text(), "packed");
    answers(null, { status: 200 });
    strictEqual(await KV.get("a"), "");
    strictEqual((await KV.get("a", "arrayBuffer")).byteLength, 0);
    strictEqual(await new Response(await KV.get("a", "stream")).text(), "");
    for (const status of [404, 410]) {
      answers("x", { status, headers: { "CF-KV-Metadata": "{bad" } });
      strictEqual(await KV.get("a"), null);
      deepStrictEqual(await KV.getWithMetadata("a"), { value: null, metadata: null, cacheStatus: null });
    }
  },
};

export const bulkReads = {
  async test(_, { KV }) {
    answers('{"a":1,"b":null}');
    const { method, url, headers, text, result } = await asked(() => KV.get(["a", 5, '"']));
    deepStrictEqual([method, url, text], ["POST", `${HOST}/bulk/get`, '{"keys":["a","5","\\""]}']);
    deepStrictEqual(headers, { "cf-kv-flprod-405": url, "content-length": "23", "content-type": "application/json" });
    deepStrictEqual(result, new Map([["a", 1], ["b", null]]));
    const options = { type: "json", cacheTtl: 90 };
    strictEqual((await asked(() => KV.getWithMetadata(["a"], options))).text,
      '{"keys":["a"],"type":"json","withMetadata":true,"cacheTtl":"90"}');
    answers("5");
    deepStrictEqual(await KV.get([]), new Map());
    answers("bad");
    await rejects(KV.get(["a"]), SyntaxError);
    answers("x", { status: 400 });
    await rejects(KV.get(["a"]), { name: "Error", message: "KV GET_BULK failed: 400 Bad Request" });
  },
};

export const lists = {
  async test(_, { KV }) {
    const list = { keys: [{ name: "a", metadata: '{"x":1}' }, { name: "b", metadata: { y: 1 } }, 5], list_complete: true };
    answers(JSON.stringify(list), { headers: { "CF-Cache-Status": "MISS" } });
    const { method, url, headers, result } = await asked(() => KV.list());
    deepStrictEqual([method, url], ["GET", HOST]);
    deepStrictEqual(headers, { "cf-kv-flprod-405": HOST, "transfer-encoding": "chunked" });
    deepStrictEqual(result, {
      keys: [{ name: "a", metadata: { x: 1 } }, { name: "b", metadata: { y: 1 } }, 5], list_complete: true, cacheStatus: "MISS",
    });
    const query = async (options) => (await asked(() => KV.list(options))).url.slice(HOST.length);
    strictEqual(await query({ cursor: "c=", prefix: "p/ x~*!'()", limit: 5 }), "?key_count_limit=5&prefix=p%2F+x%7E*%21%27%28%29&cursor=c%3D");
    strictEqual(await query({ limit: 0, prefix: "", cursor: null }), "?prefix=");
    strictEqual(await query({ limit: -1, prefix: null }), "");
    answers('{"keys":[{"name":"a","metadata":"bad"}]}');
    await rejects(KV.list(), SyntaxError);
    for (const nonsense of ["5", "null", '"x"']) {
      answers(nonsense);
      await rejects(KV.list(), { name: "Error" });
    }
    answers("{bad");
    await rejects(KV.list(), SyntaxError);
  },
};

export const writes = {
  async test(_, { KV }) {
    answers("dropped");
    const { method, url, headers, text, result } = await asked(() =>
      KV.put("a b", "\u00fc", { expirationTtl: 60, expiration: "7", metadata: { m: "\u{1f913}\u007f" } }));
    deepStrictEqual([method, url, text, result], ["PUT", `${HOST}/a%20b?urlencoded=true&expiration=7&expiration_ttl=60`, "\u00fc", undefined]);
    deepStrictEqual(JSON.parse(headers["cf-kv-metadata"]), { m: "\u{1f913}\u007f" });
    deepStrictEqual([headers["content-length"], headers["content-type"]], ["2", "text/plain;charset=UTF-8"]);
    const sent = async (value) => {
      const { headers, text, isNull } = await asked(() => KV.put("a", value));
      return [headers["content-type"], headers["content-length"] ?? headers["transfer-encoding"], text, isNull];
    };
    deepStrictEqual(await sent(5), ["text/plain;charset=UTF-8", "1", "5", false]);
    deepStrictEqual(await sent(null), ["text/plain;charset=UTF-8", "4", "null", false]);
    deepStrictEqual(await sent(""), ["text/plain;charset=UTF-8", undefined, "", true]);
    deepStrictEqual(await sent(new Uint8Array([97, 98]).subarray(1)), [undefined, "1", "b", false]);
    deepStrictEqual(await sent(new ArrayBuffer(1)), [undefined, "1", "\0", false]);
    deepStrictEqual(await sent(new SharedArrayBuffer(1)), [undefined, "1", "\0", false]);
    deepStrictEqual(await sent(new Response("body").body), [undefined, "4", "body", false]);
    const chunks = () => ReadableStream.from([new Uint8Array([97]), new Uint8Array([98])]);
    deepStrictEqual(await sent(chunks()), [undefined, "chunked", "ab", false]);
    const { readable, writable } = new FixedLengthStream(2);
    chunks().pipeTo(writable);
    deepStrictEqual(await sent(readable), [undefined, "2", "ab", false]);
    strictEqual((await asked(() => KV.put("a", "b", { metadata: () => 1 }))).headers["cf-kv-metadata"], "undefined");
    strictEqual((await asked(() => KV.put("a", "b", { metadata: null }))).headers["cf-kv-metadata"], undefined);
    const buffer = new Uint8Array([97]);
    const put = KV.put("a", buffer);
    buffer[0] = 98;
    await put;
    strictEqual(seen.at(-1).text, "a");
    const failing = new ReadableStream({ pull: (controller) => controller.error(new RangeError("mine")) });
    await rejects(KV.put("a", failing), { name: "RangeError", message: "mine" });
  },
};

export const removals = {
  async test(_, { KV }) {
    answers(null, { status: 204 });
    const { method, url, headers, isNull, result } = await asked(() => KV.delete(["a,", "!'()*~"]));
    deepStrictEqual([method, url, isNull, result], ["DELETE", `${HOST}/a%2C%2C!'()*~?urlencoded=true`, true, undefined]);
    deepStrictEqual(headers, { "cf-kv-flprod-405": url });
    deepStrictEqual(await KV.deleteBulk(["a", "b"]), [["a", "b"]]);
    deepStrictEqual(await KV.deleteBulk(), []);
  },
};

export const failures = {
  async test(_, { KV }) {
    const fails = (call, method) => rejects(call, { name: "Error", message: `KV ${method} failed: 599 My Text` });
    answers("x", { status: 599, statusText: "My Text" });
    await fails(KV.get("a"), "GET");
    await fails(KV.getWithMetadata("a"), "GET");
    await fails(KV.list(), "GET");
    await fails(KV.put("a", "b"), "PUT");
    await fails(KV.delete("a"), "DELETE");
    answers("x", { status: 302, headers: { location: "/b" } });
    await rejects(KV.get("a"), { message: "KV GET failed: 302 Found" });
    answers("x", { status: 404 });
    await rejects(KV.delete("a"), { message: "KV DELETE failed: 404 Not Found" });
    answers("x", { headers: { "CF-KV-Metadata": "{bad" } });
    await rejects(KV.get("a"), SyntaxError);
    answers("bad");
    await rejects(KV.get("a", "json"), SyntaxError);
    await rejects(KV.get("a", "blob"),
      typeError('Unknown response type. Possible types are "text", "arrayBuffer", "json", and "stream".'));
    answer = () => {
      throw new RangeError("of the service");
    };
    await rejects(KV.get("a"), { message: "of the service" });
    const broken = new ReadableStream({
      start: (controller) => controller.enqueue(new Uint8Array([97])),
      pull: (controller) => controller.error(new RangeError("cut")),
    });
    answers(broken);
    await rejects(KV.get("a"), { message: "cut" });
  },
};

export const badCalls = {
  async test(_, { KV, SERVICE }) {
    const WRONG = "KV put() accepts only strings, ArrayBuffers, ArrayBufferViews, and ReadableStreams as values.";
    seen.length = 0;
    for (const [method, call] of [["GET", (key) => KV.get(key)], ["PUT", (key) => KV.put(key, "v")], ["DELETE", (key) => KV.delete(key)]]) {
      await rejects(call(""), typeError("Key name cannot be empty."));
      await rejects(call("."), typeError('"." is not allowed as a key name.'));
      await rejects(call(".."), typeError('".." is not allowed as a key name.'));
      const message = `KV ${method} failed: 414 UTF-8 encoded length of 514 exceeds key length limit of 512.`;
      await rejects(call("\u00fc".repeat(257)), { name: "Error", message });
    }
    for (const value of [{}, [], () => 1, new Blob(["a"]), new Date()]) await rejects(KV.put("a", value), typeError(WRONG));
    const locked = new Response("x").body;
    locked.getReader();
    await rejects(KV.put("a", locked), typeError("The ReadableStream has been locked to a reader."));
    await rejects(KV.put("a", "b", { metadata: 5n }), TypeError);
    await rejects(KV.put("a", "b", { expiration: 2 ** 31 }), TypeError);
    await rejects(KV.put(), typeError("Failed to execute 'put' on 'KvNamespace': parameter 1 is not of type 'string'."));
    await rejects(KV.put("a"), typeError("Failed to execute 'put' on 'KvNamespace': parameter 2 is not of type 'string or Object'."));
    await rejects(KV.put("a", "b", 5), typeError("Failed to execute 'put' on 'KvNamespace': parameter 3 is not of type 'PutOptions'."));
    await rejects(KV.list(5), typeError("Failed to execute 'list' on 'KvNamespace': parameter 1 is not of type 'ListOptions'."));
    await rejects(KV.delete(), typeError("Failed to execute 'delete' on 'KvNamespace': parameter 1 is not of type 'string'."));
    throws(() => KV.get(), typeError("Failed to execute 'get' on 'KvNamespace': parameter 1 is not of type 'string or Array'."));
    throws(() => KV.get(Symbol("a")), TypeError);
    throws(() => KV.put.call({}, "a", "b"), TypeError);
    strictEqual(seen.length, 0);
    strictEqual(KV.constructor.name, "KvNamespace");
    throws(() => new KV.constructor(), typeError("Illegal constructor"));
    const uncloneable = { name: "DataCloneError", message: "A KV namespace binding cannot be serialized." };
    throws(() => structuredClone(KV), uncloneable);
    await rejects(async () => await SERVICE.delete(KV), uncloneable);
  },
};

/** Tells what is on its way before a write of the object is on disk. */
export class Gated extends DurableObject {
  async run() {
    const { KV } = this.env;
    answers("value");
    seen.length = 0;
    this.ctx.storage.put("a", "x".repeat(1000));
    const put = KV.put("written", "v");
    const get = KV.get("read");
    await get;
    const methods = seen.map(({ method }) => method);
    await put;
    return [methods[0], seen.map(({ method }) => method).sort()];
  }
}

export const gates = {
  async test(_, { OBJECTS }) {
    deepStrictEqual(await OBJECTS.getByName("one").run(), ["GET", ["GET", "PUT"]]);
  },
};

export const theRestOfAStream = {
  async test(_, { KV }) {
    answers(null);
    const twoChunks = new ReadableStream({
      start(controller) {
        for (const text of ["one", "two"]) controller.enqueue(new TextEncoder().encode(text));
        controller.close();
      },
    });
    for (const [stream, rest] of [[twoChunks, "two"], [new Response("all").body, undefined]]) {
      const reader = stream.getReader();
      await reader.read();
      reader.releaseLock();
      if (rest === undefined) await rejects(KV.put("a", stream), typeError("This ReadableStream is disturbed."));
      else strictEqual((await asked(() => KV.put("a", stream))).text, rest);
    }
  },
};
