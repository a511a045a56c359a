// FormData, by itself and in bodies.
import { deepStrictEqual, rejects, strictEqual } from "node:assert";

export const entries = {
  test() {
    const form = new FormData();
    form.append("a", "1");
    form.append("a", 2);
    form.append("f", new Blob(["q"], { type: "z/z" }));
    form.append("g", new File(["x"], "old"), "new");
    deepStrictEqual(form.getAll("a"), ["1", "2"]);
    deepStrictEqual([form.get("f").name, form.get("f").type, form.get("g").name], ["f", "z/z", "new"]);
    form.set("a", "3");
    form.delete("f");
    deepStrictEqual([...form.keys()], ["a", "g"]);
    strictEqual(form.get("missing"), null);
  },
};

export const multipart = {
  async test() {
    const form = new FormData();
    form.append('na"me', "line\r\nbreak");
    form.append("file", new File([new Uint8Array([0, 13, 10, 255])], "f.bin", { type: "a/b" }));
    const response = new Response(form);
    const copy = await response.formData();
    deepStrictEqual([...copy.keys()], ["na%22me", "file"]);
    strictEqual(copy.get("na%22me"), "line\r\nbreak");
    const file = copy.get("file");
    deepStrictEqual([file.name, file.type], ["f.bin", "a/b"]);
    deepStrictEqual(await file.bytes(), new Uint8Array([0, 13, 10, 255]));
  },
};

const parse = (body, type) => new Response(body, { headers: { "content-type": type } }).formData();

export const otherBodies = {
  async test() {
    const form = await parse("a=b+c&d=%41&a=", "application/x-www-form-urlencoded;charset=UTF-8");
    deepStrictEqual([...form], [["a", "b c"], ["d", "A"], ["a", ""]]);
    await rejects(parse("a", "text/plain"), /^TypeError: Unrecognized Content-Type header value/);
    await rejects(parse("a", "multipart/form-data"), /^TypeError: No boundary string in Content-Type header/);
    await rejects(parse("a", "multipart/form-data; boundary=x"), /^TypeError: No initial boundary string/);
  },
};
