// Each kind of thing that can be deep, made `n` deep and given to whatever walks it. What it answers is the result or the error.
import { DurableObject, RpcTarget } from "cloudflare:workers";
import assert from "node:assert";
import { AsyncLocalStorage } from "node:async_hooks";
import util from "node:util";

const nest = (n, open, close, middle = "") => open.repeat(n) + middle + close.repeat(n);
function repeat(n, value, next) {
  for (let i = 0; i < n; i++) value = next(value);
  return value;
}
const arrays = (n) => repeat(n, [], (inner) => [inner]);
const objects = (n) => repeat(n, {}, (inner) => ({ inner }));
const maps = (n) => repeat(n, new Map(), (inner) => new Map([[1, inner]]));
const causes = (n) => repeat(n, new Error("first"), (cause) => new Error("later", { cause }));
const body = () => new Response("abc").body;

export class Obj extends DurableObject {
  take(value) {
    return typeof value;
  }
  give(n) {
    return arrays(n);
  }
  fail(n) {
    throw causes(n);
  }
  async store(n) {
    await this.ctx.storage.put("deep", arrays(n));
    return typeof (await this.ctx.storage.get("deep"));
  }
  sql(query) {
    return this.ctx.storage.sql.exec(query).toArray().length;
  }
}

const walkers = {
  selectorNegations: (n) => new HTMLRewriter().on(nest(n, ":not(", ")", "a"), {}),
  selectorOpen: (n) => new HTMLRewriter().on(":not(".repeat(n), {}),
  selectorFunctions: (n) => new HTMLRewriter().on(nest(n, ":is(", ")", "a"), {}),
  selectorBrackets: (n) => new HTMLRewriter().on(nest(n, "[", "]", "a"), {}),
  selectorSteps: (n) => new HTMLRewriter().on("a ".repeat(n) + "b", { element() {} }).transform(new Response("<a><b>")).text(),
  selectorChildren: (n) => new HTMLRewriter().on("a>".repeat(n) + "b", { element() {} }).transform(new Response("<a><b>")).text(),
  selectorList: (n) => new HTMLRewriter().on("a,".repeat(n) + "b", { element() {} }).transform(new Response("<a><b>")).text(),
  elements: (n) => new HTMLRewriter().on("a b", { element() {} }).transform(new Response(nest(n, "<a>", "</a>"))).text(),
  foreignElements: (n) => new HTMLRewriter().on("*", { element() {} }).transform(new Response("<svg>" + nest(n, "<g>", "</g>"))).text(),
  rewriters: (n) => repeat(Math.min(n, 2000), new Response("<a>x</a>"), (response) => new HTMLRewriter().on("a", { element() {} }).transform(response)).text(),
  json: (n) => JSON.parse(nest(n, "[", "]")),
  jsonObjects: (n) => JSON.parse(nest(n, '{"a":', "}", "1")),
  jsonReviver: (n) => JSON.parse(nest(n, "[", "]"), (key, value) => value),
  jsonBody: (n) => new Response(nest(n, "[", "]")).json(),
  jsonText: (n) => JSON.stringify(arrays(n)),
  jsonResponse: (n) => Response.json(objects(n)).text(),
  clone: (n) => structuredClone(arrays(n)),
  cloneObjects: (n) => structuredClone(objects(n)),
  cloneMaps: (n) => structuredClone(maps(n)),
  cloneErrors: (n) => structuredClone(causes(n)),
  message(n) {
    const { port1 } = new MessageChannel();
    port1.postMessage(arrays(n));
  },
  log: (n) => console.log(arrays(n), objects(n), causes(n)),
  report: (n) => reportError(causes(n)),
  thrown(n) {
    throw causes(n);
  },
  inspect: (n) => util.inspect(arrays(Math.min(n, 20000)), { depth: Infinity }).length,
  inspectErrors: (n) => util.inspect(causes(Math.min(n, 2000))).length,
  equal: (n) => util.isDeepStrictEqual(arrays(n), arrays(n)),
  assertEqual: (n) => assert.deepStrictEqual(arrays(n), arrays(n)),
  flat: (n) => arrays(n).flat(Infinity),
  join: (n) => String(arrays(n)),
  rope: (n) => new TextEncoder().encode(repeat(n, "a", (text) => "b" + text + "c")).length,
  expression: (n) => new RegExp(nest(n, "(", ")", "a")).test("a"),
  expressionGroups: (n) => new RegExp(nest(n, "(?:", ")*", "a")).test("a"),
  expressionLooks: (n) => new RegExp(nest(n, "(?=", ")", "a")).test("a"),
  expressionSets: (n) => new RegExp(nest(n, "[", "]", "a"), "v").test("a"),
  pattern: (n) => new URLPattern({ pathname: "/" + nest(n, "{", "}", "a") }),
  patternGroups: (n) => new URLPattern({ pathname: "/(" + nest(n, "(?:", ")", "a") + ")" }).test("http://a/a"),
  patternText: (n) => new URLPattern("http://a/" + nest(n, "(", ")", "a")),
  patternOptional: (n) => new URLPattern({ pathname: "/{a}?".repeat(Math.min(n, 1000)) }).test("http://a/a"),
  url: (n) => new URL("../".repeat(n), "http://a/" + "b/".repeat(n)).href.length,
  code: (n, env) => env.EVAL.eval(nest(n, "(", ")", "1")),
  codeArrays: (n, env) => env.EVAL.eval(nest(n, "[", "]")).length,
  codeFunctions: (n, env) => env.EVAL.eval("a=>".repeat(n) + "1").length,
  codeBlocks: (n, env) => env.EVAL.eval(nest(n, "{", "}")),
  codeIfs: (n, env) => env.EVAL.eval("if(1)".repeat(n) + "1"),
  codeUnary: (n, env) => env.EVAL.eval("!".repeat(n) + "1"),
  codeTemplates: (n, env) => env.EVAL.eval(nest(n, "`${", "}`", "1")),
  codeBinary: (n, env) => env.EVAL.eval("1+".repeat(n) + "1"),
  codeMembers: (n, env) => typeof env.EVAL.eval("a=>a" + ".b".repeat(n)),
  codeChain: (n, env) => typeof env.EVAL.eval("a=>a" + "?.b".repeat(n)),
  codePatterns: (n, env) => env.EVAL.eval("(" + nest(n, "[", "]", "a") + ")=>1").length,
  signals(n) {
    const controller = new AbortController();
    const last = repeat(n, controller.signal, (signal) => AbortSignal.any([signal]));
    controller.abort();
    return last.aborted;
  },
  signalChain(n) {
    const first = new AbortController();
    repeat(n, first, (before) => {
      const next = new AbortController();
      before.signal.addEventListener("abort", () => next.abort());
      return next;
    });
    first.abort();
  },
  events(n) {
    const target = new EventTarget();
    target.addEventListener("x", () => n-- > 0 && target.dispatchEvent(new Event("x")));
    target.dispatchEvent(new Event("x"));
  },
  requests: (n) => repeat(n, new Request("http://a/"), (request) => new Request(request)).url,
  requestBodies: (n) => repeat(n, new Request("http://a/", { method: "POST", body: "abc" }), (request) => new Request(request)).text(),
  requestClones: (n) => repeat(Math.min(n, 5000), new Request("http://a/", { method: "POST", body: "abc" }), (request) => request.clone()).text(),
  responses: (n) => repeat(n, new Response("abc"), (response) => new Response(response.body, response)).text(),
  headers: (n) => [...repeat(Math.min(n, 20000), new Headers({ a: "b" }), (headers) => new Headers(headers))].length,
  tees: (n) => new Response(repeat(Math.min(n, 10000), body(), (stream) => stream.tee()[0])).text(),
  teesOfScript: (n) => new Response(repeat(Math.min(n, 3000), ReadableStream.from([new Uint8Array(3)]), (stream) => stream.tee()[1])).text(),
  pipes: (n) => new Response(repeat(Math.min(n, 3000), body(), (stream) => stream.pipeThrough(new TransformStream()))).text(),
  identities: (n) => new Response(repeat(Math.min(n, 3000), body(), (stream) => stream.pipeThrough(new IdentityTransformStream()))).text(),
  coders: (n) => new Response(repeat(Math.min(n, 300), body(), (stream) => stream.pipeThrough(new CompressionStream("deflate-raw")))).arrayBuffer(),
  decoders: (n) =>
    new Response(repeat(Math.min(n, 300), body(), (stream) => stream.pipeThrough(new CompressionStream("gzip")).pipeThrough(new DecompressionStream("gzip")))).text(),
  manyDecoders: (n) => new Response(repeat(Math.min(n, 20000), body(), (stream) => stream.pipeThrough(new DecompressionStream("gzip")))).text(),
  contents: (n) => repeat(Math.min(n, 20000), new Response(body(), { headers: { "content-encoding": "gzip" } }), (response) => new Response(response.body, response)).text(),
  async byob(n) {
    const reader = new Response("a".repeat(Math.min(n, 50000))).body.getReader({ mode: "byob" });
    let reads = 0;
    while (!(await reader.read(new Uint8Array(1))).done) reads++;
    return reads;
  },
  async byobLeft(n) {
    const stream = new Response("a".repeat(Math.min(n, 50000))).body;
    const reader = stream.getReader({ mode: "byob" });
    for (let left = Math.min(n, 50000) - 10; left > 0; left--) await reader.read(new Uint8Array(1));
    reader.releaseLock();
    return new Response(stream).text();
  },
  fixed: (n) => new Response(repeat(Math.min(n, 3000), body(), (stream) => stream.pipeThrough(new FixedLengthStream(3)))).text(),
  generatedStreams: (n) => new Response(repeat(Math.min(n, 3000), ReadableStream.from([new Uint8Array(3)]), (stream) => ReadableStream.from(stream))).text(),
  storages: (n) => {
    const storage = new AsyncLocalStorage();
    return repeat(n, () => 1, (inner) => storage.run(n, () => AsyncLocalStorage.bind(inner)))();
  },
  stubs: (n, env) => typeof repeat(n, env.OBJ.getByName("a"), (stub) => stub.dup?.() ?? stub),
  props(n, env, ctx) {
    const deep = repeat(n, ctx.exports.default, (inner) => ctx.exports.default({ props: { inner } }));
    return typeof deep.fetch;
  },
  async propsSent(n, env, ctx) {
    const deep = repeat(Math.min(n, 5000), ctx.exports.default, (inner) => ctx.exports.default({ props: { inner } }));
    return env.OBJ.getByName("a").take(deep);
  },
  blobs: (n) => repeat(n, new Blob(["abc"]), (blob) => new Blob([blob])).text(),
  slices: (n) => repeat(n, new Blob(["abc"]), (blob) => blob.slice(0)).text(),
  proxies: (n) => repeat(n, {}, (target) => new Proxy(target, {})).x,
  prototypes: (n) => repeat(n, {}, Object.create).x,
  bound: (n) => repeat(n, () => 1, (bound) => bound.bind(null))(),
  promises: (n) => repeat(n, Promise.resolve(), (promise) => promise.then(() => {})),
  adopted: (n) => repeat(n, Promise.resolve(), (promise) => (async () => promise)()),
  thenables: (n) => repeat(n, 1, (value) => ({ then: (resolve) => resolve(value) })),
  microtasks: (n) => new Promise((resolve) => (function again() { n-- > 0 ? queueMicrotask(again) : resolve(); })()),
  generators(n) {
    function* go(left) {
      if (left > 0) yield* go(left - 1);
    }
    return [...go(n)].length;
  },
  recursion(n) {
    const go = (left) => (left > 0 ? go(left - 1) + 1 : 0);
    return go(n);
  },
  rpcValue: (n, env) => env.OBJ.getByName("a").take(arrays(n)),
  rpcObjects: (n, env) => env.OBJ.getByName("a").take(objects(n)),
  rpcResult: (n, env) => env.OBJ.getByName("a").give(n),
  rpcError: (n, env) => env.OBJ.getByName("a").fail(n),
  rpcPath(n, env) {
    return repeat(n, env.OBJ.getByName("a"), (stub) => stub.x).call;
  },
  async rpcPathCall(n, env) {
    return repeat(Math.min(n, 20000), env.OBJ.getByName("a"), (stub) => stub.x)();
  },
  rpcTargets: (n, env) => env.OBJ.getByName("a").take(repeat(n, new RpcTarget(), (inner) => ({ inner, target: new RpcTarget() }))),
  stored: (n, env) => env.OBJ.getByName("a").store(n),
  sqlBrackets: (n, env) => env.OBJ.getByName("a").sql("SELECT " + nest(n, "(", ")", "1")),
  sqlBracketsMost: (n, env) => env.OBJ.getByName("a").sql("SELECT " + nest(Math.min(n, 49000), "(", ")", "1")),
  sqlNegations: (n, env) => env.OBJ.getByName("a").sql("SELECT " + "-+".repeat(Math.min(n, 49000)) + "1"),
  sqlSelects: (n, env) => env.OBJ.getByName("a").sql("SELECT * FROM " + nest(Math.min(n, 5000), "(SELECT * FROM ", ")", "(SELECT 1)")),
  sqlJoins: (n, env) => env.OBJ.getByName("a").sql("SELECT 1 FROM " + nest(Math.min(n, 30000), "(", ")", "sqlite_schema")),
  sqlCases: (n, env) => env.OBJ.getByName("a").sql("SELECT " + nest(Math.min(n, 2000), "CASE WHEN 1 THEN ", " END", "1")),
  sqlUnions: (n, env) => env.OBJ.getByName("a").sql("SELECT 1" + " UNION SELECT 1".repeat(Math.min(n, 6000))),
  sqlConcat: (n, env) => env.OBJ.getByName("a").sql("SELECT 1" + "||1".repeat(Math.min(n, 30000))),
  sqlWith: (n, env) => env.OBJ.getByName("a").sql("WITH a AS (" .repeat(Math.min(n, 5000)) + "SELECT 1" + ") SELECT 1".repeat(Math.min(n, 5000))),
  sqlJson: (n, env) => env.OBJ.getByName("a").sql(`SELECT json_valid(replace(hex(zeroblob(${n})), '0', '['))`),
  sqlJsonTree: (n, env) => env.OBJ.getByName("a").sql(`SELECT * FROM json_tree('${nest(Math.min(n, 990), "[", "]")}')`),
  forms: (n) => new Response("a=b&".repeat(n), { headers: { "content-type": "application/x-www-form-urlencoded" } }).formData(),
  parts: (n) => new Response("--x\r\n".repeat(n), { headers: { "content-type": "multipart/form-data; boundary=x" } }).formData(),
};

export default {
  async fetch(request, env, ctx) {
    const [, name, n] = new URL(request.url).pathname.split("/");
    if (name === "names") return Response.json(Object.keys(walkers));
    try {
      const result = await walkers[name](Number(n), env, ctx);
      return new Response(`went well: ${typeof result}`);
    } catch (error) {
      return new Response(`${error?.name}: ${String(error?.message).slice(0, 100)}`);
    }
  },
};
