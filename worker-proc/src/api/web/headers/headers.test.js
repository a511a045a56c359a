// Headers: names, values, order and guards.
import { deepStrictEqual, strictEqual, throws } from "node:assert";

export const combining = {
  test() {
    const headers = new Headers([["B", "1"], ["a", " 2\t"], ["b", "3"], ["Set-Cookie", "x"], ["set-cookie", "y"]]);
    deepStrictEqual([...headers], [["a", "2"], ["b", "1, 3"], ["set-cookie", "x"], ["set-cookie", "y"]]);
    strictEqual(headers.get("B"), "1, 3");
    deepStrictEqual(headers.getSetCookie(), ["x", "y"]);
    deepStrictEqual(headers.getAll("Set-Cookie"), ["x", "y"]);
    throws(() => headers.getAll("b"), { message: 'getAll() can only be used with the header name "Set-Cookie".' });
    headers.set("b", "4");
    headers.delete("A");
    deepStrictEqual([...headers.keys()], ["b", "set-cookie", "set-cookie"]);
    strictEqual(headers.get("missing"), null);
  },
};

export const manyNames = {
  test() {
    const headers = new Headers();
    for (let i = 0; i < 40; i++) headers.append(`X-${i}`, `${i}`);
    headers.delete("x-7");
    headers.append("X-8", "again");
    strictEqual(headers.has("x-7"), false);
    strictEqual(headers.get("x-8"), "8, again");
    strictEqual(new Headers(headers).get("X-39"), "39");
  },
};

export const badStrings = {
  test() {
    for (const name of ["a b", "a:", "\0", "(", "a\n"]) {
      throws(() => new Headers().append(name, "x"), { message: "Invalid header name." });
    }
    for (const value of ["a\nb", "a\rb", "\0"]) {
      throws(() => new Headers().append("a", value), { message: "Invalid header value." });
    }
    strictEqual(new Headers({ a: "\n x \r" }).get("a"), "x");
    throws(() => new Headers([["a"]]), {
      message: "To initialize a Headers object from a sequence, each inner sequence must have exactly two elements.",
    });
  },
};

export const iterationIsASnapshot = {
  test() {
    const headers = new Headers({ a: "1", b: "2" });
    const seen = [];
    for (const [name] of headers) {
      seen.push(name);
      headers.delete("b");
      headers.append("c", "3");
    }
    deepStrictEqual(seen, ["a", "b"]);
    strictEqual(String(headers.entries()), "[object EntryIterator]");
  },
};

export const cloning = {
  test() {
    deepStrictEqual([...structuredClone(new Headers({ A: "b" }))], [["a", "b"]]);
  },
};
