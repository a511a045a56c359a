// Blob and File.
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert";

export const contents = {
  async test() {
    const blob = new Blob(["a", new Uint8Array([98, 99]), new Uint16Array([0x6564]).buffer, new Blob(["f"]), 1]);
    strictEqual(blob.size, 7);
    strictEqual(await blob.text(), "abcdef1");
    deepStrictEqual(await blob.slice(1, -4).bytes(), new Uint8Array([98, 99]));
    const buffer = await blob.arrayBuffer();
    new Uint8Array(buffer).fill(0);
    strictEqual(await blob.text(), "abcdef1");
    let streamed = 0;
    for await (const chunk of blob.stream()) streamed += chunk.length;
    strictEqual(streamed, 7);
  },
};

export const types = {
  test() {
    strictEqual(new Blob([], { type: "TEXT/Plain" }).type, "text/plain");
    strictEqual(new Blob([], { type: "\u00e9" }).type, "");
    strictEqual(new Blob(["ab"], { type: "a/b" }).slice(0, 1).type, "");
    throws(() => new Blob({}), { message: "Failed to construct 'Blob': constructor parameter 1 is not of type 'Array'." });
    throws(() => new Blob([], { endings: "native" }), { message: "The 'endings' field on 'Options' is not implemented." });
  },
};

export const files = {
  async test() {
    const file = new File(["x"], "name", { type: "A/B", lastModified: 5 });
    deepStrictEqual([file.name, file.type, file.size, file.lastModified], ["name", "a/b", 1, 5]);
    ok(file instanceof Blob);
    ok(!(file.slice() instanceof File));
    strictEqual(await structuredClone(new Blob(["q"])).text(), "q");
    throws(() => structuredClone(file), { name: "DataCloneError" });
  },
};
