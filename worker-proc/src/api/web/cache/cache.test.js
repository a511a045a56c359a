// The Cache API: what it asks of its service, what it makes of the answers, and bad calls.
import { deepStrictEqual, rejects, strictEqual, throws } from "node:assert";

const cache = caches.default;

export const matching = {
  async test() {
    const told = await (await cache.match("http://x/p?cache=HIT#f")).json();
    strictEqual(told.method, "GET");
    deepStrictEqual(told.headers, { "cache-control": "only-if-cached" });
    for (const status of ["MISS", "EXPIRED", "UPDATING", "hit", "BYPASS"]) {
      strictEqual(await cache.match(`http://x/?cache=${status}`), undefined);
    }
    strictEqual(await cache.match("http://x/"), undefined);
    const stored = await cache.match("http://x/?cache=HIT&status=504");
    strictEqual(stored.status, 504);
    strictEqual(stored.url, "");
    throws(() => stored.headers.set("a", "b"), { message: "Can't modify immutable headers." });
    const post = new Request("http://x/?cache=HIT", { method: "POST", body: "x", headers: { a: "b", "cache-control": "y" } });
    strictEqual(await cache.match(post), undefined);
    const asGet = await (await cache.match(post, { ignoreMethod: true })).json();
    strictEqual(asGet.method, "GET");
    strictEqual(asGet.headers.a, "b");
    strictEqual(asGet.headers["cache-control"], "only-if-cached");
    strictEqual(asGet.body, "");
    await rejects(cache.match("http://x/?throw"), { name: "Error" });
  },
};

export const names = {
  async test() {
    const named = await caches.open("\u00e9 x");
    const told = await (await named.match("http://x/?cache=HIT")).json();
    strictEqual(told.headers["cf-cache-namespace"], "%C3%A9%20x");
    const message = "Cache name is too long.";
    await rejects(caches.open("x".repeat(1024)), { name: "TypeError", message });
    await rejects(caches.open("\u00e9".repeat(512)), { message });
    await caches.open("x".repeat(1023));
  },
};

/** What the service was told in a PUT. */
async function toldBy(response) {
  try {
    await cache.put("http://x/?tell", response);
  } catch (error) {
    return JSON.parse(error.message);
  }
  throw new Error("The service said nothing.");
}

const streamOf = (text) => new ReadableStream({
  start(controller) {
    controller.enqueue(new TextEncoder().encode(text));
    controller.close();
  },
});

export const putting = {
  async test() {
    const told = await toldBy(new Response("abc", { status: 201, statusText: "Hm", headers: { a: "b", connection: "c" } }));
    strictEqual(told.method, "PUT");
    const [head, body] = told.body.split("\r\n\r\n");
    strictEqual(body, "abc");
    const [line, ...headers] = head.toLowerCase().split("\r\n");
    strictEqual(line, "http/1.1 201 hm");
    deepStrictEqual(headers.sort(), ["a: b", "content-length: 3", "content-type: text/plain;charset=utf-8"]);
    strictEqual(told.headers["content-length"], `${told.body.length}`);
    strictEqual((await toldBy(new Response(streamOf("str")))).body, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nstr");
    strictEqual((await toldBy(new Response(null))).body, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    for (const status of [204, 413, 500]) {
      strictEqual(await cache.put(`http://x/?status=${status}`, new Response("x")), undefined);
    }
    const response = new Response("x");
    const put = cache.put("http://x/?status=204", response);
    strictEqual(response.bodyUsed, true);
    await put;
    await cache.put("http://x/?throw", new Response(null, { status: 304 }));
  },
};

export const refused = {
  async test() {
    const refuses = (response, message, request = "http://x/?status=204") =>
      rejects(cache.put(request, response), { name: "TypeError", message });
    await refuses(Response.error(), "Cache is unable to store an error response");
    await refuses(new Response("x"), "Cannot cache response to non-GET request.", new Request("http://x/", { method: "POST" }));
    await refuses(new Response("x", { status: 206 }), "Cannot cache response to a range request (206 Partial Content).");
    await refuses(new Response("x", { headers: { vary: "a, *" } }), "Cannot cache response with 'Vary: *' header.");
    const locked = new Response("x");
    locked.body.getReader();
    await refuses(locked, "The ReadableStream has been locked to a reader.");
    const failing = new ReadableStream({ start: (controller) => { controller.error(new RangeError("mine")); } });
    await rejects(cache.put("http://x/?status=204", new Response(failing)), { name: "RangeError", message: "mine" });
  },
};

export const deleting = {
  async test() {
    strictEqual(await cache.delete("http://x/"), true);
    strictEqual(await cache.delete("http://x/?status=404"), false);
    await rejects(cache.delete("http://x/?status=429"), {
      message: "Unable to delete cached response. Subrequests are being rate-limited.",
    });
    await rejects(cache.delete("http://x/?status=500"), { message: "Unable to delete cached response." });
    const post = new Request("http://x/", { method: "POST" });
    strictEqual(await cache.delete(post), false);
    strictEqual(await cache.delete(post, { ignoreMethod: true }), true);
    await rejects(cache.delete("http://x/?throw"), (error) => {
      const { method, headers } = JSON.parse(error.message);
      strictEqual(method, "PURGE");
      deepStrictEqual(headers, { "x-real-ip": "127.0.0.1" });
      return true;
    });
  },
};

export const cacheControl = {
  async test() {
    const cfOf = async (init) => (await (await cache.match(new Request("http://x/?cache=HIT", init))).json()).cf;
    deepStrictEqual(await cfOf({ cf: { a: 1 } }), { a: 1 });
    deepStrictEqual(await cfOf({ cf: { cacheTtl: 300 } }), { cacheTtl: 300, cacheControl: "max-age=300" });
    deepStrictEqual(await cfOf({ cf: { cacheTtl: -1 } }), { cacheTtl: -1, cacheControl: "no-store" });
    deepStrictEqual(await cfOf({ cache: "no-store" }), { cacheTtl: -1, cacheLevel: "bypass", cacheControl: "no-store" });
    throws(() => new Request("http://x/", { cf: { cacheTtl: 1, cacheControl: "x" } }), /mutually exclusive/);
    throws(() => new Request("http://x/", { cache: "no-store", cf: { cacheControl: "x" } }), /cannot be used together with the 'cache'/);
  },
};

export const badCalls = {
  async test() {
    const fails = (promise, message) => rejects(promise, { name: "TypeError", message });
    await fails(cache.match(), "Failed to execute 'match' on 'Cache': parameter 1 is not of type 'Request or string'.");
    await fails(cache.match("http://x/", 1), "Failed to execute 'match' on 'Cache': parameter 2 is not of type 'CacheQueryOptions'.");
    await fails(cache.match("bad"), "Invalid URL: bad");
    await fails(cache.match("http://u:p@x/"), "Invalid URL. Cache API keys must be fully-qualified, valid URLs.");
    await fails(cache.put("http://x/", "x"), "Failed to execute 'put' on 'Cache': parameter 2 is not of type 'Response'.");
    await fails(cache.delete(), "Failed to execute 'delete' on 'Cache': parameter 1 is not of type 'Request or string'.");
    await fails(caches.open(), "Failed to execute 'open' on 'CacheStorage': parameter 1 is not of type 'string'.");
    throws(() => cache.keys(), { name: "Error", message: "Failed to execute 'keys' on 'Cache': the method is not implemented." });
    throws(() => new Cache(), { message: "Illegal constructor" });
    throws(() => { cache.match = undefined; delete cache.match; caches.default = 1; }, { name: "TypeError" });
  },
};
