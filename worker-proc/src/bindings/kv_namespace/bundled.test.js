// A binding of a namespace that the program itself keeps.
import { deepStrictEqual, strictEqual } from "node:assert";

export const bundled = {
  async test(_, { KV }) {
    const key = "a b/\u00fc?%";
    await KV.put(key, "text", { metadata: { m: "\u00fc" } });
    await KV.put("7", new Uint8Array([1, 2]));
    await KV.put("stream", new Blob(["streamed"]).stream());
    const { value, metadata } = await KV.getWithMetadata(key);
    deepStrictEqual([value, metadata], ["text", { m: "\u00fc" }]);
    strictEqual((await KV.get("7", "arrayBuffer")).byteLength, 2);
    strictEqual(await KV.get("stream"), "streamed");
    strictEqual((await KV.get([key, "none"])).get(key), "text");
    const { keys, list_complete: isComplete } = await KV.list();
    deepStrictEqual([keys.map(({ name }) => name), isComplete], [["7", key, "stream"], true]);
    deepStrictEqual(keys[1].metadata, { m: "\u00fc" });
    await KV.delete(key);
    strictEqual(await KV.get(key), null);
    strictEqual((await KV.list({ prefix: "s" })).keys.length, 1);
  },
};
