// What code at global scope sees of the worker's bindings.
import { deepStrictEqual, rejects, strictEqual, throws } from "node:assert";
import process from "node:process";
import { env, waitUntil } from "cloudflare:workers";

const early = { env: { ...env }, keys: Object.keys(env), process: { ...process.env }, fetcher: env.SELF?.constructor.name };
let failed;
try {
  waitUntil(Promise.resolve());
} catch (error) {
  failed = error;
}
const pending = env.SELF?.fetch("http://x/");
pending?.catch(() => {});
env.ADDED = "by the worker";
process.env.NUMBER = 1;
const shown = env.ADDED;

export const bindings = {
  async test(_, given) {
    if (given.ALLOWED === undefined) return;
    deepStrictEqual(early.keys, ["SELF", "TEXT", "OBJECT", "ALLOWED"]);
    strictEqual(early.env.TEXT, "hello");
    deepStrictEqual(early.env.OBJECT, { a: [1] });
    deepStrictEqual(early.process, { TEXT: "hello", OBJECT: '{"a":[1]}', ALLOWED: "yes" });
    strictEqual(early.fetcher, "Fetcher");
    strictEqual(shown, "by the worker");
    strictEqual(given.ADDED, "by the worker");
    strictEqual(process.env.NUMBER, "1");
    await rejects(pending, /Disallowed operation called within global scope/);
  },
};

export const withoutImportableEnv = {
  test(_, given) {
    if (given.ALLOWED !== undefined) return;
    deepStrictEqual(early.keys, []);
    deepStrictEqual(early.process, {});
    strictEqual(shown, undefined);
    strictEqual(given.ADDED, undefined);
    strictEqual(given.TEXT, "hello");
    strictEqual(env.TEXT, undefined);
    deepStrictEqual({ ...process.env }, { NUMBER: "1" });
  },
};

export const noEventYet = {
  test() {
    throws(() => {
      throw failed;
    }, /Disallowed operation called within global scope/);
  },
};
