// What `require` gives, by compat flags. `expected` is a binding that names the flags' behaviour.
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert";
import { createRequire } from "node:module";
import load from "load";

const isNamespace = (value) => Object.prototype.toString.call(value) === "[object Module]";

export const esModules = {
  test(_, { expected }) {
    const both = load("both");
    if (expected === "namespace") {
      ok(isNamespace(both) && both.default.d === 1 && both.a === 1);
    } else {
      deepStrictEqual(both, { d: 1 });
    }
    const named = load("named");
    if (expected === "default") {
      strictEqual(named, undefined);
    } else {
      ok(isNamespace(named) && named.a === 1 && Object.getPrototypeOf(named) === null);
      strictEqual(Object.isExtensible(named), expected === "default or namespace");
    }
    strictEqual(load("named"), named);
  },
};

export const modulesThatSay = {
  test() {
    deepStrictEqual(load("says-exports"), { me: 1 });
    deepStrictEqual(load("says-unwrap"), { unwrapped: 1 });
  },
};

export const createdRequire = {
  test(_, { expected }) {
    const require = createRequire("/worker");
    const both = require("./both");
    strictEqual(isNamespace(both), expected === "namespace");
    strictEqual((isNamespace(both) ? both.default : both).d, 1);
    ok(isNamespace(require("./named")) && require("./named").a === 1);
    deepStrictEqual(require("./says-exports"), { me: 1 });
    deepStrictEqual(require("./says-unwrap"), { unwrapped: 1 });
  },
};

export const otherModules = {
  test(_, { expected }) {
    const unwrap = (value) => (expected === "namespace" ? value.default : value);
    strictEqual(unwrap(load("text")), "text");
    deepStrictEqual(unwrap(load("json")), { k: 1 });
    strictEqual(unwrap(load("common")).q, 1);
    strictEqual(unwrap(load("node:path")).basename("/a/b"), "b");
    throws(() => load("missing"), { message: 'No such module "missing".' });
  },
};

export const topLevelAwait = {
  async test(_, { expected }) {
    await null;
    const message = expected === "default"
      ? "Top-level await in module is not permitted at this time."
      : "Top-level await in module is unsettled.";
    throws(() => load("waits"), { message });
  },
};

export const builtInWithoutDefault = {
  async test() {
    const module = await import("cloudflare:workers");
    ok(!("default" in module) && "env" in module);
  },
};
