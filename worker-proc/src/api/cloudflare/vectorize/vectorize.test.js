import { deepStrictEqual, rejects, strictEqual } from "node:assert";
import { WorkerEntrypoint } from "cloudflare:workers";

let asked;
let answer = () => Response.json({ ok: 1 });

export class Service extends WorkerEntrypoint {
  async fetch(request) {
    asked = [request.method, new URL(request.url).pathname, await request.text(), Object.fromEntries(request.headers)];
    return answer();
  }
}

export const beta = {
  async test(_, { IT }) {
    deepStrictEqual(await IT.describe(), { ok: 1 });
    deepStrictEqual(asked.slice(0, 2), ["GET", "/binding/indexes/i"]);
    await IT.query(new Float32Array([1, 0.5]), { topK: 3, returnMetadata: true });
    strictEqual(asked[1], "/binding/indexes/i/query");
    const { vector, topK, compat } = JSON.parse(asked[2]);
    deepStrictEqual([vector, topK, JSON.stringify(compat)], [[1, 0.5], 3, asked[3]["cf-vector-search-query-compat"]]);
    await IT.insert([{ id: "1", values: new Float64Array([1, 2, 3]) }]);
    deepStrictEqual(asked.slice(1, 3), ["/binding/indexes/i/insert", '{"vectors":[{"id":"1","values":[1,2,3]}]}']);
    deepStrictEqual([asked[3]["cf-vector-search-dim-width"], asked[3]["cf-vector-search-dim-height"]], ["3", "1"]);
    await IT.getByIds(["a"]);
    deepStrictEqual(asked.slice(1, 3), ["/binding/indexes/i/getByIds", '{"ids":["a"]}']);
    await rejects(IT.queryById("a"), /not supported for v1 indexes/);
    await rejects(IT.query([1], { returnMetadata: "all" }), { message: "Invalid returnMetadata option. Expected boolean; got: all" });
  },
};

export const afterBeta = {
  async test(_, { NOW }) {
    await NOW.upsert([{ id: "1", values: [1] }, { id: "2", values: [2] }]);
    deepStrictEqual(asked.slice(0, 3), ["POST", "/upsert", '{"id":"1","values":[1]}\n{"id":"2","values":[2]}']);
    strictEqual(asked[3]["content-type"], "application/x-ndjson");
    await NOW.query([1], { returnMetadata: true });
    deepStrictEqual(asked.slice(1, 3), ["/query", '{"returnMetadata":"all","vector":[1]}']);
    await NOW.queryById("a");
    deepStrictEqual(asked.slice(1, 3), ["/query", '{"vectorId":"a"}']);
    await NOW.deleteByIds(["a"]);
    strictEqual(asked[1], "/deleteByIds");
    await rejects(NOW.query([1], { returnMetadata: "odd" }), /^Error: Invalid returnMetadata option. Expected: true, false, "none"/);
  },
};

export const failures = {
  async test(_, { NOW }) {
    answer = () => Response.json({ error: "bad", code: 3 }, { status: 400 });
    await rejects(NOW.describe(), (error) => error.message === "INDEX_GET_ERROR (code = 3): bad" && error.cause.message === "bad");
    answer = () => new Response("<html>", { status: 500 });
    await rejects(NOW.getByIds([]), (error) => error.message === "VECTOR_GET_ERROR: Status + 500" && error.cause.message === "Status 500");
    answer = () => new Response("x".repeat(2000));
    await rejects(NOW.describe(), { message: /^Failed to parse body as JSON, got: x{1000}[^x]+$/ });
  },
};
