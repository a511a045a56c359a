// Objects with content that follows from their number: written through one program, read back through another.
import { deepStrictEqual } from "node:assert";
import { DurableObject } from "cloudflare:workers";

const FAR = Date.UTC(2100, 0);
const sleep = (millis) => new Promise((resolve) => setTimeout(resolve, millis));

function error(Type, message, properties) {
  return Object.assign(new Type(message), properties);
}

function circular(i) {
  const value = { i };
  value.self = value;
  return value;
}

/** One of everything that can be stored. */
const values = (i) => ({
  nothing: [undefined, null, true, false],
  numbers: [0, -0, NaN, Infinity, -1, 1.5, 1e300, 2 ** 31, 2 ** 53, i],
  integers: [0n, -(2n ** 70n), BigInt(i)],
  texts: ["", `caf\u00e9 ${i}`, "\u{1f600}", "\ud800", "a\0b", "x".repeat(300)],
  boxed: [Object(1), Object("s"), Object(true), Object(1n)],
  dates: [new Date(i), new Date(NaN)],
  patterns: [/a\/b/giu, /^x$/m],
  maps: new Map([[1, new Map([["a", { b: i }]])], [{ key: 1 }, "object"]]),
  sets: new Set([1, "1", new Set([i])]),
  arrays: [[1, , 3], Object.assign([1], { extra: i }), Array(3)],
  objects: { nested: { deep: [{ i }] }, "": 1, 5: "index", "caf\u00e9": 2 },
  bare: Object.assign(Object.create(null), { i }),
  circular: circular(i),
  buffers: [new Uint8Array([1, 2, i]).buffer, new ArrayBuffer(0), new ArrayBuffer(4, { maxByteLength: 8 })],
  views: [
    Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array, Float64Array, Float16Array,
  ].map((Type) => new Type([1, 2, i])),
  bigViews: [new BigInt64Array([-1n, BigInt(i)]), new BigUint64Array([1n]), new DataView(new ArrayBuffer(8), 2, 4)],
  errors: [
    error(Error, "plain", { code: i }), error(TypeError, "t"), error(RangeError, "r", { cause: new SyntaxError("c") }),
    error(ReferenceError, ""), error(EvalError, "e"), error(URIError, "u"), error(Error, "named", { name: `Mine${i}` }),
    error(class extends TypeError {}, "sub"), new AggregateError([1, "two"], "all"),
  ],
  headers: new Headers([
    ["Content-Type", "text/plain"], ["X-Own", `caf\u00e9 ${i}`], ["set-cookie", "1"], ["Set-Cookie", "2"], ["etag", "e"], ["www-authenticate", "w"],
  ]),
  exceptions: [new DOMException(`m ${i}`, "AbortError"), new DOMException("own", "Mine"), new DOMException()],
  blobs: [new Blob([`blob ${i}`], { type: "text/plain" }), new Blob([])],
  request: new Request(`http://example.com/${i}`, { method: "DELETE", headers: { a: "b" }, redirect: "manual" }),
  response: new Response(null, { status: 404, statusText: "Nowhere", headers: { a: `${i}` } }),
  ...(i % 100 === 0 ? { large: "y".repeat(1_000_000) } : {}),
});

/** A value as one that can be compared: platform objects by what they show. */
async function plain(value) {
  if (value instanceof Headers) return ["headers", [...value]];
  if (value !== null && typeof value === "object" && Object.getPrototypeOf(value) === null) return { ...value };
  if (value instanceof Date) return ["date", `${value.getTime()}`];
  if (value instanceof Blob) return ["blob", value.type, await value.text()];
  if (value instanceof DOMException) return ["exception", value.name, value.message, value.code];
  if (value instanceof Request) return ["request", value.method, value.url, value.redirect, [...value.headers], value.body];
  if (value instanceof Response) return ["response", value.status, value.statusText, [...value.headers], value.body];
  if (value instanceof Error) {
    const { name, message, code, errors, cause } = value;
    return ["error", name, message, code, errors, cause === undefined ? undefined : await plain(cause)];
  }
  if (Array.isArray(value) && value.length > 0 && value.every((item) => item instanceof Object && typeof item !== "function")) {
    return Promise.all(value.map(plain));
  }
  return value;
}

const rows = (i) => Array.from({ length: i % 7 + 1 }, (_, n) => ({
  id: n + 1, number: n + i / 8, text: `row ${n} of caf\u00e9 ${i}`, bytes: new Uint8Array([n, i % 256]).buffer, absent: null,
}));

export class Box extends DurableObject {
  async write(i) {
    const { storage } = this.ctx;
    await storage.put("gone", i);
    for (const [key, value] of Object.entries(values(i))) await storage.put(key, value);
    storage.kv.put(`\u{1f600} ${i}`, i);
    await storage.delete("gone");
    storage.sql.exec("create table rows (id integer primary key, number real, text text, bytes blob, absent); create index by_text on rows (text)");
    for (const row of rows(i)) storage.sql.exec("insert into rows values (?, ?, ?, ?, ?)", ...Object.values(row));
    if (i % 10 === 0) storage.sql.exec("create virtual table words using fts5 (word); insert into words values ('alpha beta'), ('gamma')");
    if (i % 5 === 0) await storage.setAlarm(FAR + i);
    await storage.sync();
  }

  async read(i) {
    const { storage } = this.ctx;
    const expected = values(i);
    deepStrictEqual([...(await storage.list()).keys()].sort(), [...Object.keys(expected), `\u{1f600} ${i}`].sort());
    for (const [key, value] of Object.entries(expected)) {
      deepStrictEqual(await plain(await storage.get(key)), await plain(value), key);
    }
    deepStrictEqual(storage.kv.get(`\u{1f600} ${i}`), i);
    deepStrictEqual(storage.sql.exec("select * from rows order by id").toArray(), rows(i));
    deepStrictEqual(storage.sql.exec("select count(*) as n from rows where text like 'row 0%'").one(), { n: 1 });
    if (i % 10 === 0) deepStrictEqual(storage.sql.exec("select word from words where words match 'beta'").one(), { word: "alpha beta" });
    deepStrictEqual(await storage.getAlarm(), i % 5 === 0 ? FAR + i : null);
    // The reader writes, too: what it has opened it can continue.
    storage.sql.exec("insert into rows (text) values ('added')");
    await storage.put("added", i);
  }

  async arm(millis) {
    await this.ctx.storage.setAlarm(millis);
    await this.ctx.storage.sync();
  }

  async fired() {
    for (;;) {
      const fired = await this.ctx.storage.get("fired");
      if (fired !== undefined) return fired;
      await sleep(20);
    }
  }

  async alarm() {
    await this.ctx.storage.put("fired", ((await this.ctx.storage.get("fired")) ?? 0) + 1);
  }

  ids(ids) {
    if (ids !== undefined) this.ctx.storage.kv.put("ids", ids);
    return this.ctx.storage.kv.get("ids");
  }

  /** By HTTP, as no other way into an object is as old: `/method?argument`. */
  async fetch(request) {
    const { pathname, search } = new URL(request.url);
    const argument = search === "" ? undefined : JSON.parse(decodeURIComponent(search.slice(1)));
    return Response.json((await this[pathname.slice(1)](argument)) ?? null);
  }
}

async function call(stub, method, argument) {
  const search = argument === undefined ? "" : `?${encodeURIComponent(JSON.stringify(argument))}`;
  const response = await stub.fetch(`http://object/${method}${search}`);
  return response.json();
}

export default {
  async fetch(request, { boxes }) {
    try {
      const { pathname, searchParams } = new URL(request.url);
      const [from, to] = [+searchParams.get("from"), +searchParams.get("to")];
      const numbers = Array.from({ length: to - from }, (_, n) => from + n);
      const alarms = numbers.map((n) => boxes.get(boxes.idFromName(`alarm ${n}`)));
      const ids = boxes.get(boxes.idFromName(`ids ${from}`));
      const named = (i) => boxes.idFromName(`object ${i}`);
      switch (pathname) {
        case "/write": {
          // Every third has an id that no name leads to.
          const unnamed = numbers.filter((i) => i % 3 === 0).map((i) => [i, `${boxes.newUniqueId()}`]);
          const known = new Map(unnamed);
          await call(ids, "ids", unnamed);
          await Promise.all(numbers.map((i) => call(boxes.get(known.has(i) ? boxes.idFromString(known.get(i)) : named(i)), "write", i)));
          break;
        }
        case "/read": {
          const known = new Map(await call(ids, "ids"));
          await Promise.all(numbers.map((i) => call(boxes.get(known.has(i) ? boxes.idFromString(known.get(i)) : named(i)), "read", i)));
          break;
        }
        case "/arm":
          await Promise.all(alarms.map((stub) => call(stub, "arm", Date.now() + +searchParams.get("in"))));
          break;
        case "/fired":
          deepStrictEqual(await Promise.all(alarms.map((stub) => call(stub, "fired"))), numbers.map(() => 1));
          break;
      }
      return new Response("ok");
    } catch (error) {
      return new Response(`${error.stack}`, { status: 500 });
    }
  },
};
