// What specifiers mean, and what is said of those that mean nothing: where module names are paths, and where they are URLs.
import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert";
import common from "common";
import wasm from "wasm";
import source compiled from "wasm";
import * as deep from "sub/dir/deep";

const urls = Cloudflare.compatibilityFlags.new_module_registry;
const either = (path, url) => (urls ? url : path);

export const found = {
  async test() {
    strictEqual(deep.default, "beside");
    for (const name of ["sub/dir/deep", "./sub/dir/deep", "sub/x/../dir/./deep"]) strictEqual(await import(name), deep);
    strictEqual((await import("node:sys")).default, (await import("node:util")).default);
    // A name of Node's means Node's module, a module with the prefix in its name goes before that.
    notOwn((await import("assert")).default);
    strictEqual((await import("path")).default, "my own path");
  },
};

const notOwn = (value) => strictEqual(typeof value, "function");

export const missing = {
  async test() {
    const error = (path, url) => ({ name: "Error", message: either(path, url) });
    await rejects(import("nope"), error('No such module "nope".', "Module not found: file:///bundle/nope"));
    await rejects(import("../nope"), error('No such module "../nope"', "Module not found: file:///nope"));
    if (!urls) await rejects(import(""), error('No such module ".".'));
    await rejects(import("node:nope"), error('No such module "node:nope".', "Module not found: node:nope"));
    await rejects(import("https://a/b"), error('No such module "https:/a/b".', "Module not found: https://a/b"));
    await rejects(
      import("bad/import"),
      error('No such module "bad/x/nope".\n  imported from "bad/import"', "Module not found: file:///bundle/bad/x/nope"),
    );
    await rejects(import("bad/requires"), error('No such module "bad/x".', "Module not found: ./x"));
    await rejects(import("bad/escape"), {
      name: either("TypeError", "Error"),
      message: either(
        'Invalid module specifier "../../x".\n  imported from "bad/escape".',
        "Module not found: file:///x",
      ),
    });
    await rejects(import("bad/name"), { name: "SyntaxError" });
    await rejects(import({ toString() { throw new RangeError("not me"); } }), RangeError);
  },
};

export const failing = {
  async test() {
    const first = await import("throws").catch((error) => error);
    ok(first instanceof RangeError);
    strictEqual(await import("throws").catch((error) => error), first);
    // The same for a CommonJS module: it does not run again.
    const thrown = () => {
      try {
        common.require("common-throws");
      } catch (error) {
        return error;
      }
    };
    strictEqual(thrown(), thrown());
    strictEqual(globalThis.ran, 1);
    // No module is part of the request that imports it.
    await rejects(import("timer"), { message: /^Disallowed operation called within global scope/ });
  },
};

export const common_js = {
  test() {
    deepStrictEqual(common.file, either(["/common", "/"], ["/bundle/common", "/bundle"]));
    deepStrictEqual(Object.keys(common.module), ["path", "exports"]);
    strictEqual(common.module.path, either("/common", "file:///bundle/common"));
    strictEqual(common.self, globalThis);
    throws(() => common.require("../x"), {
      name: either("TypeError", "Error"),
      message: either('Invalid module specifier "../x".', "Module not found: ../x"),
    });
    throws(() => common.require(Symbol("x")), TypeError);
    deepStrictEqual(common.circle, { one: 1, seen: ["one"], two: 2 });
  },
};

export const awaits = {
  async test() {
    strictEqual((await import("waits")).default, 5);
    strictEqual((await import("circle-of-waits-1")).default, 2);
    const never = import("waits-for-ever");
    if (urls) {
      const settled = await Promise.race([never, scheduler.wait(20).then(() => "not yet")]);
      strictEqual(settled, "not yet");
    } else {
      await rejects(never, { name: "Error", message: "Top-level await in module is unsettled." });
    }
  },
};

export const sources = {
  async test() {
    ok(compiled instanceof WebAssembly.Module);
    strictEqual(compiled, wasm);
    if (urls) strictEqual(await import.source("wasm"), wasm);
    else await rejects(import.source("wasm"), { name: "Error", message: "Not supported" });
    await rejects(import.source("json"), { name: either("Error", "SyntaxError") });
    await rejects(import("bad/source"), { name: "SyntaxError", message: /^Source phase import not available for module: / });
  },
};

export const meta = {
  async test() {
    deepStrictEqual(Object.keys(import.meta), urls ? ["main", "url", "filename", "dirname", "resolve"] : []);
    if (!urls) return;
    strictEqual(import.meta.main, true);
    deepStrictEqual(deep.meta, {
      main: false, url: "file:///bundle/sub/dir/deep", filename: "/bundle/sub/dir/deep", dirname: "/bundle/sub/dir",
    });
    strictEqual(import.meta.resolve("./a/../%66b?c"), "file:///bundle/%66b?c");
    strictEqual(import.meta.resolve("path"), "node:path");
    throws(() => import.meta.resolve(), TypeError);
    throws(() => import.meta.resolve("https://["), TypeError);
    // Query and fragment make another instance; the rest of a URL is one name however it is spelled.
    const other = await import("sub/dir/deep?x");
    strictEqual(other.meta.url, "file:///bundle/sub/dir/deep?x");
    ok(other !== deep);
    strictEqual(await import("file:///bundle/sub/dir/%64eep"), deep);
    await rejects(import("https://"), { name: "TypeError", message: "Invalid module specifier: https://" });
  },
};

export const attributes = {
  async test() {
    deepStrictEqual((await import("json", { with: { type: "json" } })).default, { a: 1 });
    if (!urls) return;
    const refused = (message) => ({ name: "TypeError", message });
    await rejects(import("json", { with: { type: "css" } }), refused('Unsupported import attribute type: "css"'));
    await rejects(import("json", { with: { type: "json", a: "b" } }), refused('Unsupported import attribute: "a"'));
    await rejects(import("throws", { with: { type: "json" } }), refused('Module "throws" is not of type "json"'));
    await rejects(import("json", { with: { type: "text" } }), refused('Import attribute type "text" is not yet supported'));
  },
};

export const withoutFile = {
  async test() {
    if (!urls) return;
    const { default: module } = await import("opaque:");
    throws(() => module.file(), { message: "Module specifier has no filename" });
    throws(() => module.folder(), Error);
    strictEqual(module.set(), 1);
  },
};
