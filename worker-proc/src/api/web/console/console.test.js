// How values are shown. `util.inspect` is the console's own inspector, so the text can be compared.
import { deepStrictEqual, strictEqual } from "node:assert";
import { format, inspect } from "node:util";

const shows = (value, text, options) => strictEqual(inspect(value, options), text);

export const plainValues = {
  test() {
    shows([1, -0, 1n, "a'b", Symbol("s"), null, undefined], `[ 1, -0, 1n, "a'b", Symbol(s), null, undefined ]`);
    shows({ a: { b: { c: { d: 1 } } }, "k-y": [1, , 3] }, "{ a: { b: { c: [Object] } }, 'k-y': [ 1, <1 empty item>, 3 ] }");
    shows([function f() {}, () => {}, class A {}, class extends Map {}], "[\n  [Function: f],\n  [Function (anonymous)],\n  [class A],\n  [class (anonymous) extends Map]\n]");
    shows([new Boolean(true), new String("x"), Object(1n)], "[ [Boolean: true], [String: 'x'], [BigInt: 1n] ]");
    shows([new Date(0), /x/g, new Date(NaN)], "[ 1970-01-01T00:00:00.000Z, /x/g, Invalid Date ]");
  },
};

export const collections = {
  test() {
    shows(new Map([["a", { b: 1 }]]), "Map(1) { 'a' => { b: 1 } }");
    shows(new Set([1, [2]]), "Set(2) { 1, [ 2 ] }");
    shows(new Map([[1, 2]]).entries(), "[Map Entries] { [ 1, 2 ] }");
    shows(new WeakMap(), "WeakMap { <items unknown> }");
    shows(new Uint8Array([1, 2]), "Uint8Array(2) [ 1, 2 ]");
    shows(new ArrayBuffer(2), "ArrayBuffer { [Uint8Contents]: <00 00>, byteLength: 2 }");
    shows(Object.create(null), "[Object: null prototype] {}");
    strictEqual(inspect(Array.from({ length: 150 }, (_, i) => i)).split("\n").at(-2), "  ... 50 more items");
  },
};

export const whatRunsNoUserCode = {
  test() {
    const trap = () => {
      throw new Error("a trap ran");
    };
    shows(new Proxy({ a: 1 }, { get: trap, ownKeys: trap, getPrototypeOf: trap }), "Proxy({ a: 1 })");
    shows({ get g() { return trap(); }, set s(v) {} }, "{ g: [Getter], s: [Setter] }");
    const promise = Promise.reject(new TypeError("no"));
    promise.catch(() => {});
    strictEqual(inspect(promise).startsWith("Promise {\n  <rejected> TypeError: no\n"), true);
    shows(new Promise(() => {}), "Promise { <pending> }");
  },
};

export const references = {
  test() {
    const a = { name: "a" };
    a.self = a;
    a.list = [a];
    shows(a, "<ref *1> { name: 'a', self: [Circular *1], list: [ [Circular *1] ] }");
  },
};

export const errors = {
  test() {
    class Custom extends Error {}
    const error = Object.assign(new Custom("m", { cause: "c" }), { code: 1 });
    error.stack = "Error: m\n    at here";
    shows(error, "Custom [Error]: m\n    at here {\n  code: 1,\n  [cause]: 'c'\n}");
  },
};

export const formats = {
  test() {
    strictEqual(format("%s %d %i %f %j %% %c|", "a", "12", 12.7, "1.5", { a: 1 }, "css"), 'a 12 12 1.5 {"a":1} % |');
    strictEqual(format("%s", { a: { b: 1 } }, "x", [1]), "{ a: [Object] } x [ 1 ]");
    strictEqual(format("%o", [1]), "[ 1, [length]: 1 ]");
    strictEqual(format(1, "a", Symbol("s")), "1 a Symbol(s)");
  },
};

export const consoleItself = {
  test() {
    strictEqual(Object.prototype.toString.call(console), "[object console]");
    deepStrictEqual(Object.keys(console).slice(0, 6), ["debug", "error", "info", "log", "warn", "dir"]);
  },
};
