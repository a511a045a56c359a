import { deepStrictEqual, notStrictEqual, ok, strictEqual, throws } from "node:assert";
import rtti, * as namespace from "workerd:rtti";

const DATE = "2023-01-01";

/** Whether a message has a text, with the zero that ends it. */
const has = (message, text) => Buffer.from(message).includes(`${text}\0`);

export const shape = {
  async test() {
    deepStrictEqual(Object.keys(namespace), ["default"]);
    deepStrictEqual(Reflect.ownKeys(rtti), []);
    const prototype = Object.getPrototypeOf(rtti);
    deepStrictEqual(Object.keys(prototype), ["exportTypes", "exportExperimentalTypes"]);
    strictEqual(String(rtti), "[object RTTIModule]");
    strictEqual(rtti.exportTypes.length, 0);
    strictEqual((await import("workerd:rtti")).default, rtti);
    throws(() => new rtti.constructor(), { name: "TypeError", message: "Illegal constructor" });
    throws(() => prototype.exportTypes.call({}, DATE, []), /^TypeError: Illegal invocation/);
    throws(() => prototype.exportExperimentalTypes.call({}), /^TypeError: Illegal invocation/);
  },
};

export const messages = {
  test() {
    const message = rtti.exportTypes(DATE, []);
    ok(message instanceof ArrayBuffer);
    // Segments after the first, then the first one's words.
    const [more] = new Uint32Array(message, 0, 1);
    const words = new Uint32Array(message, 4, more + 1).reduce((sum, length) => sum + length, 0);
    const table = (4 * (more + 2) + 7) & ~7;
    strictEqual(message.byteLength, table + words * 8);
    for (const text of ["global-scope", "workerd::api::ReadableStream", "structuredClone", "exportExperimentalTypes"]) {
      ok(has(message, text), text);
    }
    notStrictEqual(rtti.exportTypes(DATE, []), message);
  },
};

export const flags = {
  test() {
    // A member, and modules, each with the date or flag that it comes with.
    ok(!has(rtti.exportTypes("2021-11-02", []), "navigator"));
    ok(has(rtti.exportTypes("2022-03-21", []), "navigator"));
    ok(has(rtti.exportTypes("2021-11-02", ["global_navigator"]), "navigator"));
    ok(!has(rtti.exportTypes("2022-03-21", ["no_global_navigator"]), "navigator"));
    ok(!has(rtti.exportTypes(DATE, []), "node:zlib"));
    ok(has(rtti.exportTypes(DATE, ["nodejs_compat", "nodejs_zlib"]), "node:zlib"));
    ok(!has(rtti.exportTypes(DATE, []), "workerd:rtti"));
    ok(has(rtti.exportTypes(DATE, ["rtti_api"]), "workerd:rtti"));
    const all = rtti.exportExperimentalTypes();
    ok(has(all, "workerd:rtti") && has(all, "workerd:unsafe") && !has(all, "node:zlib"));
    // Whatever day it is.
    ok(has(rtti.exportTypes("2999-12-31", []), "node:zlib"));
    strictEqual(rtti.exportTypes("2023-02-31", []).byteLength, rtti.exportTypes("2023-02-28", []).byteLength);
  },
};

export const badArguments = {
  test() {
    const notText = { name: "TypeError", message: "Failed to execute 'exportTypes' on 'RTTIModule': parameter 1 is not of type 'string'." };
    const noArray = { name: "TypeError", message: "Failed to execute 'exportTypes' on 'RTTIModule': parameter 2 is not of type 'Array'." };
    throws(() => rtti.exportTypes(), notText);
    for (const flags of [undefined, null, "nodejs_compat", {}, new Set(), new Proxy([], {})]) {
      throws(() => rtti.exportTypes(DATE, flags), noArray);
    }
    throws(() => rtti.exportTypes(DATE), noArray);
    for (const date of ["", "bad", "2023-13-01", "2023-01-01 ", "1999-01-01", 5, null, undefined]) {
      throws(() => rtti.exportTypes(date, []), { name: "Error", message: `Invalid compatibility date: ${date}` });
    }
    throws(() => rtti.exportTypes(Symbol("date"), []), { name: "TypeError", message: "Cannot convert a Symbol value to a string" });
    for (const [flags, message] of [
      [["nope", "other"], "No such compatibility flag: nope"],
      [["url_standard", ""], "No such compatibility flag: "],
      [[1], "No such compatibility flag: 1"],
      [[, "url_standard"], "No such compatibility flag: undefined"],
      [["nope", "nope"], "Compatibility flag specified multiple times: nope"],
      [Object.assign([], { length: 3 }), "Compatibility flag specified multiple times: undefined"],
      [["url_standard", "url_original", "nope"], "Compatibility flags are mutually contradictory: url_standard vs url_original"],
    ]) {
      throws(() => rtti.exportTypes(DATE, flags), { name: "Error", message });
    }
    // The date is converted first, both before they are looked at.
    const order = [];
    const note = (text) => ({ toString: () => (order.push(text), text) });
    throws(() => rtti.exportTypes(note("day"), [note("flag"), note("flag")]), /specified multiple times: flag$/);
    deepStrictEqual(order, ["day", "flag", "flag"]);
    const changing = [];
    changing.push({ toString: () => ((changing.length = 0), "first") }, "second");
    throws(() => rtti.exportTypes(DATE, changing), /No such compatibility flag: first$/);
  },
};
