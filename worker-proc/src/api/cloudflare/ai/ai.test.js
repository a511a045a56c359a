import { deepStrictEqual, rejects, strictEqual, throws } from "node:assert";
import { WorkerEntrypoint } from "cloudflare:workers";

let answer;
let asked;

export class Service extends WorkerEntrypoint {
  async fetch(request) {
    asked = [request.method, request.url.slice("https://workers-binding.ai".length), await request.text(), Object.fromEntries(request.headers)];
    return answer();
  }
  gateway(id) {
    return { id };
  }
}

const json = (value, init) => () => new Response(JSON.stringify(value), { headers: { "content-type": "application/json" }, ...init });

export const run = {
  async test(_, { IT }) {
    answer = json({ x: 1 }, { headers: { "content-type": "application/json", "cf-ai-req-id": "r", "cf-aig-log-id": "l" } });
    deepStrictEqual(await IT.run("m", { a: 1 }, { prefix: "p", extraHeaders: { e: "f" }, raw: true }), { x: 1 });
    const [method, url, body, headers] = asked;
    deepStrictEqual([method, url, body], ["POST", "/run?version=3", '{"inputs":{"a":1},"options":{"raw":true}}']);
    deepStrictEqual([headers.e, headers["cf-consn-model-id"], headers["cf-consn-sdk-version"], headers["content-type"]], ["f", "p:m", "2.0.0", "application/json"]);
    deepStrictEqual([IT.lastRequestId, IT.aiGatewayLogId, IT.lastRequestHttpStatusCode], ["r", "l", 200]);
    await IT.run("m", {}, { gateway: { id: "g" } });
    strictEqual(asked[1], "/ai-gateway/run?version=3");
    await IT.run("m", { audio: { body: new Response("bytes").body, contentType: "audio/x" }, k: "v w" }, { q: 1 });
    deepStrictEqual(asked.slice(0, 3), ["POST", "/run?q=1&version=3&userInputs=%7B%22k%22%3A%22v+w%22%7D", "bytes"]);
    answer = () => new Response("text", { headers: { "content-type": "text/event-stream" } });
    strictEqual(await new Response(await IT.run("m", {})).text(), "text");
    strictEqual((await IT.run("m", {}, { returnRawResponse: true })) instanceof Response, true);
  },
};

export const failures = {
  async test(_, { IT }) {
    const stream = () => new Response("x").body;
    await rejects(IT.run("m", { a: { body: stream() }, b: { body: stream() } }),
      { name: "AiInternalError", message: "Multiple ReadableStreams are not supported. Found streams in keys: [a, b]" });
    await rejects(IT.run("m", { a: { body: stream() } }), { name: "AiInternalError", message: "Content-Type is required with ReadableStream inputs" });
    for (const [told, name, message] of [
      [{ internalCode: 5, description: "d", name: "Odd" }, "Odd", "5: d"],
      [{ errors: [{ code: 7, message: "m" }] }, "InferenceUpstreamError", "7: m"],
      [{}, "InferenceUpstreamError", "{}"],
    ]) {
      answer = json(told, { status: 400 });
      await rejects(IT.run("m", {}), { name, message });
    }
    answer = () => new Response("<html>", { status: 500 });
    await rejects(IT.run("m", {}), { name: "InferenceUpstreamError", message: "<html>" });
  },
};

export const others = {
  async test(_, { IT }) {
    answer = json({ result: [{ id: 1 }] });
    deepStrictEqual(await IT.models({ search: "a b", page: 2 }), [{ id: 1 }]);
    deepStrictEqual(asked.slice(0, 2), ["GET", "/ai-api/models/search?search=a+b&page=2"]);
    deepStrictEqual(await IT.toMarkdown([{ name: "n", blob: new Blob(["hi"], { type: "text/plain" }) }]), [{ id: 1 }]);
    deepStrictEqual(asked.slice(1, 3), ["/to-everything/markdown/transformer", '{"files":[{"name":"n","mimeType":"text/plain","data":"aGk="}]}']);
    deepStrictEqual(await IT.toMarkdown().supported(), [{ id: 1 }]);
    deepStrictEqual(await IT.autorag("r").search({ query: "q" }), [{ id: 1 }]);
    deepStrictEqual(asked.slice(0, 3), ["POST", "/autorag/rags/r/search", '{"query":"q"}']);
    await rejects(IT.autorag().search({}), { name: "AutoRAGNameNotSetError" });
    answer = json({ errors: [] }, { status: 401 });
    await rejects(IT.autorag("r").aiSearch({}), { name: "AutoRAGUnauthorizedError", message: "You don't have access to this AutoRAG" });
    answer = json({ errors: [] }, { status: 404 });
    await rejects(IT.gateway("g").getLog("1"), { name: "AiGatewayLogNotFound", message: "Log Not Found" });
    answer = json({ result: { url: "u" } });
    strictEqual(await IT.gateway("g").getUrl(), "u");
    strictEqual(asked[1], "/ai-gateway/gateways/g/url/universal");
    await IT.gateway("g").run({ provider: "p", endpoint: "e", headers: { a: 1, b: { c: 2 } }, query: {} }, { gateway: { skipCache: true, cacheTtl: 3 } });
    strictEqual(asked[2], '[{"provider":"p","endpoint":"e","headers":{"a":"1","b":"{\\"c\\":2}"},"query":{}}]');
    deepStrictEqual([asked[3]["cf-aig-skip-cache"], asked[3]["cf-aig-cache-ttl"]], ["true", "3"]);
    strictEqual(await IT.gateway("g", { beta: true }).id, "g");
    throws(() => structuredClone(IT));
  },
};
