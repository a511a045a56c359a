// A worker with a KV namespace and tail workers.
import { rejects, strictEqual } from "node:assert";

export const noBulkRemovals = {
  test(_, { KV }) {
    strictEqual(KV.deleteBulk, undefined);
  },
};

export default {
  async fetch(request, { KV }) {
    await KV.get("one", { cacheTtl: 60 });
    await KV.getWithMetadata(["one", "two"], "json");
    await KV.list({ prefix: "p", limit: 2 });
    await KV.put("one", "\u00fc", { expirationTtl: 60, metadata: 1 });
    await KV.put("one", new ArrayBuffer(3));
    await rejects(KV.get(""));
    await KV.delete("one");
    return new Response();
  },
};
