// What tail workers are told of a KV namespace's operations.
import { WorkerEntrypoint } from "cloudflare:workers";
import { deepStrictEqual } from "node:assert";

const spans = new Map();
let isOver = false;

export default {
  tailStream({ event: { spanId: root, info } }) {
    if (info?.type !== "fetch") return undefined;
    return ({ event, spanContext }) => {
      if (event.type === "spanOpen") spans.set(event.spanId, { name: event.name });
      else if (event.type === "attributes" && spanContext.spanId !== root) {
        for (const { name, value } of event.info) spans.get(spanContext.spanId)[name] = value;
      } else if (event.type === "spanClose" && spanContext.spanId !== root) spans.get(spanContext.spanId).isClosed = true;
      else if (event.type === "outcome") isOver = true;
    };
  },
};

const ANSWER = '{"keys":[],"list_complete":false,"cursor":"c"}';

/** Answers all reads alike. */
export class Told extends WorkerEntrypoint {
  async fetch(request) {
    await request.text();
    return new Response(ANSWER, { headers: { "CF-KV-Metadata": "5", "CF-Cache-Status": "HIT" } });
  }
}

const common = (name) => ({
  "db.system.name": "cloudflare-kv", "db.operation.name": name, "cloudflare.binding.name": "KV", "cloudflare.binding.type": "KV",
  isClosed: true,
});
const keys = (text, count) => ({ "cloudflare.kv.query.keys": text, "cloudflare.kv.query.keys.count": count });

export const spansOfOperations = {
  async test(_, { SUBJECT }) {
    await (await SUBJECT.fetch("http://subject/")).text();
    for (let i = 0; i < 200 && !isOver; i++) await scheduler.wait(5);
    deepStrictEqual([...spans.values()], [
      {
        name: "kv_get", ...common("get"), ...keys("one", 1n), "cloudflare.kv.query.cache_ttl": 60n,
        "cloudflare.kv.response.cache_status": "HIT", "cloudflare.kv.response.metadata": true,
        "cloudflare.kv.response.size": 46n, "cloudflare.kv.response.returned_rows": 1n,
      },
      {
        name: "kv_getWithMetadata", ...common("get"), ...keys("one, two", 2n), "cloudflare.kv.query.type": "json",
        "cloudflare.kv.response.size": 46n, "cloudflare.kv.response.returned_rows": 3n,
      },
      {
        name: "kv_list", ...common("list"), "cloudflare.kv.query.limit": 2n, "cloudflare.kv.query.prefix": "p",
        "cloudflare.kv.response.cache_status": "HIT", "cloudflare.kv.response.size": 46n,
        "cloudflare.kv.response.list_complete": false, "cloudflare.kv.response.cursor": "c",
        "cloudflare.kv.response.returned_rows": 0n,
      },
      {
        name: "kv_put", ...common("put"), ...keys("one", 1n), "cloudflare.kv.query.expiration_ttl": 60n,
        "cloudflare.kv.query.metadata": true, "cloudflare.kv.query.value_type": "text", "cloudflare.kv.query.payload.size": 2n,
      },
      {
        name: "kv_put", ...common("put"), ...keys("one", 1n),
        "cloudflare.kv.query.value_type": "ArrayBuffer", "cloudflare.kv.query.payload.size": 3n,
      },
      { name: "kv_get", ...common("get") },
      { name: "kv_delete", ...common("delete"), ...keys("one", 1n) },
    ]);
  },
};
