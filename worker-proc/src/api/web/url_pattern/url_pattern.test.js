// URLPattern: components, groups, bases, refusals.
import { deepStrictEqual, strictEqual, throws } from "node:assert";

export const components = {
  test() {
    const pattern = new URLPattern("https://*.x.com/books/:id(\\d+)\\?q=:v");
    deepStrictEqual(
      [pattern.protocol, pattern.hostname, pattern.port, pattern.search, pattern.hash],
      ["https", "*.x.com", "", "q=:v", "*"],
    );
    strictEqual(pattern.pathname, "/books/:id(\\d+)");
    strictEqual(pattern.hasRegExpGroups, true);
    strictEqual(new URLPattern().pathname, "*");
    strictEqual(new URLPattern({ port: "80", protocol: "http" }).port, "");
    strictEqual(new URLPattern({ baseURL: "http://a/b", pathname: "c" }).pathname, "/c");
  },
};

export const matching = {
  test() {
    const pattern = new URLPattern({ pathname: "/books/:id" });
    strictEqual(pattern.test("http://a/books/1"), true);
    strictEqual(pattern.test("http://a/books/1/2"), false);
    strictEqual(pattern.test("/books/1", "http://a"), true);
    strictEqual(pattern.test({ pathname: "/books/2" }), true);
    strictEqual(pattern.exec("http://a/x"), null);
    const { inputs, pathname, protocol } = pattern.exec("http://a/books/1");
    deepStrictEqual(inputs, ["http://a/books/1"]);
    deepStrictEqual(pathname, { input: "/books/1", groups: { id: "1" } });
    deepStrictEqual(protocol, { input: "http", groups: { 0: "http" } });
    strictEqual(new URLPattern({ pathname: "/a/:b{/:c}?" }).exec({ pathname: "/a/1" }).pathname.groups.c, undefined);
    strictEqual(new URLPattern({ pathname: "/A" }, { ignoreCase: true }).test("http://x/a"), true);
    strictEqual(new URLPattern({ pathname: "/(a(?=b).*)" }).test("http://x/abc"), true);
  },
};

export const refusals = {
  test() {
    for (const bad of [() => new URLPattern("/a"), () => new URLPattern({ pathname: "/(" }), () => new URLPattern({}, "http://a")]) {
      throws(bad, { name: "TypeError", message: "Failed to construct URLPattern" });
    }
    throws(() => new URLPattern().test({}, "http://a"), { message: "Failed to test URLPattern" });
  },
};

export const patchedExec = {
  test() {
    const { exec } = RegExp.prototype;
    const pattern = new URLPattern({ pathname: "/:a/:b", hash: "x*" });
    const run = (patched) => {
      RegExp.prototype.exec = patched;
      try {
        return pattern.exec({ pathname: "/x/y", hash: "x" })?.pathname.groups;
      } finally {
        RegExp.prototype.exec = exec;
      }
    };
    const calls = [];
    const groups = run(function (text) {
      calls.push(text);
      return exec.call(this, text);
    });
    deepStrictEqual({ ...groups }, { a: "x", b: "y" });
    deepStrictEqual(calls, ["/x/y", "x"]);
    deepStrictEqual({ ...run(() => ["m", 1]) }, { a: "1" });
    deepStrictEqual({ ...run(() => []) }, {});
    for (const none of [null, { 0: "m", length: 1 }, new Proxy([], {})]) strictEqual(run(() => none), undefined);
    throws(() => run(() => 1), { name: "TypeError", message: "RegExp exec method returned something other than an Object or null" });
    throws(() => run(() => { throw new RangeError("mine"); }), { name: "RangeError", message: "mine" });
    deepStrictEqual({ ...run(5) }, { a: "x", b: "y" });
    const growing = ["m", "a", "b"];
    Object.defineProperty(growing, 1, { get: () => (growing.push("c", "d"), "a") });
    deepStrictEqual({ ...run(() => growing) }, { a: "a", b: "b" });
  },
};
