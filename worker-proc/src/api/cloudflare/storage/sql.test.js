// `storage.sql`, `storage.kv`, `transactionSync` and bookmarks of objects on a disk.
import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert";
import { DurableObject } from "cloudflare:workers";

const sleep = (millis) => new Promise((resolve) => setTimeout(resolve, millis));
const error = (message, name = "Error") => ({ name, message });
const AUTH = error("not authorized: SQLITE_AUTH");
const long = (length) => "x".repeat(length);

export class Sql extends DurableObject {
  async fetch(request) {
    await this[new URL(request.url).pathname.slice(1)](this.ctx.storage);
    return new Response("ok");
  }

  shapes({ sql, kv }) {
    for (const name of ["SqlStorage", "DurableObjectStorage", "SyncKvStorage", "DurableObjectTransaction", "Cursor"]) {
      ok(!(name in globalThis), name);
    }
    const cursor = sql.exec("select 1 as a");
    deepStrictEqual(
      [sql, kv, cursor, cursor.raw(), cursor[Symbol.iterator](), kv.list()].map((object) => Object.prototype.toString.call(object).slice(8, -1)),
      ["SqlStorage", "SyncKvStorage", "Cursor", "RawIterator", "RowIterator", "ListIterator"],
    );
    strictEqual(cursor.constructor, sql.Cursor);
    ok(Object.hasOwn(Object.getPrototypeOf(this.ctx.storage), "get"), "methods are on the class's own prototype");
    throws(() => new sql.Cursor(), error("Illegal constructor", "TypeError"));
    throws(() => sql.exec.call({}, "select 1"), /Illegal invocation/);
    throws(() => sql.exec(), error("Failed to execute 'exec' on 'SqlStorage': parameter 1 is not of type 'String'.", "TypeError"));
  }

  rows({ sql }) {
    const two = "select 1 as a, 'x' as b union all select 2, null";
    deepStrictEqual(sql.exec(two).toArray(), [{ a: 1, b: "x" }, { a: 2, b: null }]);
    deepStrictEqual([...sql.exec(two)], [{ a: 1, b: "x" }, { a: 2, b: null }]);
    deepStrictEqual([...sql.exec(two).raw()], [[1, "x"], [2, null]]);
    deepStrictEqual([...sql.exec("select 1 a, 2 a").raw()], [[1, 2]]);
    deepStrictEqual(sql.exec("select 1 a, 2 a").one(), { a: 2 });
    const cursor = sql.exec(two);
    deepStrictEqual(cursor.columnNames, ["a", "b"]);
    strictEqual(cursor.columnNames, cursor.columnNames);
    const rows = cursor[Symbol.iterator]();
    deepStrictEqual(cursor.next(), { done: false, value: { a: 1, b: "x" } });
    deepStrictEqual(rows.next(), { done: false, value: { a: 2, b: null } });
    deepStrictEqual([cursor.next(), rows.next()], [{ done: true, value: undefined }, { done: true, value: undefined }]);
    deepStrictEqual(cursor.toArray(), []);
    throws(() => sql.exec("select 1 where 0").one(), error("Expected exactly one result from SQL query, but got no results."));
    throws(() => sql.exec(two).one(), error("Expected exactly one result from SQL query, but got multiple results."));
  }

  values({ sql }) {
    const back = (value) => sql.exec("select ? as v, typeof(?) as t", value, value).one();
    for (const [value, type] of [[1.5, "real"], [-1, "real"], ["caf\u00e9 \u{1f600}", "text"], ["a\0b", "text"], ["", "text"], [null, "null"]]) {
      deepStrictEqual(back(value), { v: value, t: type });
    }
    deepStrictEqual(back(undefined), { v: null, t: "null" });
    deepStrictEqual(back(true), { v: "true", t: "text" });
    deepStrictEqual(back([1, 2]), { v: "1,2", t: "text" });
    deepStrictEqual(back(new Uint16Array([258, 1]).subarray(0, 1)), { v: new Uint8Array([2, 1]).buffer, t: "blob" });
    throws(() => back(1n), error("Cannot convert a BigInt value to a number", "TypeError"));
    throws(() => back(Symbol()), error("Cannot convert a Symbol value to a string", "TypeError"));
    throws(() => back({ toString() { throw new RangeError("mine"); } }), error("mine", "RangeError"));
    deepStrictEqual(sql.exec("select 9007199254740993 as v").one(), { v: 9007199254740992 });
  }

  statements({ sql }) {
    const cursor = sql.exec("create table t (a integer primary key, b); insert into t values (1, 'one'); select b from t where a = ?", 1);
    deepStrictEqual(cursor.toArray(), [{ b: "one" }]);
    const written = sql.exec("insert into t values (2, 'two'), (3, 'three')");
    deepStrictEqual([written.rowsRead, written.rowsWritten, written.columnNames], [2, 2, []]);
    const read = sql.exec("select a from t");
    deepStrictEqual([read.rowsRead, read.toArray().length, read.rowsRead], [1, 3, 3]);
    deepStrictEqual(sql.exec("insert into t values (4, ?) returning a", "four").one(), { a: 4 });
    strictEqual(sql.databaseSize % 4096, 0);
    ok(sql.databaseSize > 0);
    throws(() => sql.exec("select ?", 1, 2), error("Wrong number of parameter bindings for SQL query."));
    throws(
      () => sql.exec("insert into t values (?, ?); select 1", 5, "five"),
      error("When executing multiple SQL statements in a single call, only the last statement can have parameters."),
    );
    throws(() => sql.exec("-- nothing"), error("SQL code did not contain a statement."));
    throws(() => sql.exec("selec 1"), error('near "selec": syntax error at offset 0: SQLITE_ERROR'));
    throws(
      () => sql.exec("insert into t values (1, 2)"),
      error("UNIQUE constraint failed: t.a: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_PRIMARYKEY)"),
    );
    // The same text, while a cursor over it is open.
    const open = sql.exec("select a from t");
    deepStrictEqual([open.next().value, sql.exec("select a from t").next().value], [{ a: 1 }, { a: 1 }]);
    deepStrictEqual(sql.exec("select 5 as reused").one(), { reused: 5 });
    strictEqual(sql.exec("select 5 as reused").reusedCachedQueryForTest, true);
    // A statement that was prepared before its table changed.
    sql.exec("create table altered (a); insert into altered values (1)");
    deepStrictEqual(sql.exec("select * from altered").one(), { a: 1 });
    sql.exec("alter table altered add column b default 2");
    deepStrictEqual(sql.exec("select * from altered").one(), { a: 1, b: 2 });
    sql.exec("alter table altered rename column b to c");
    deepStrictEqual(sql.exec("select * from altered").one(), { a: 1, c: 2 });
    const statement = sql.prepare("select ? as v");
    deepStrictEqual([...statement(7)], [{ v: 7 }]);
    strictEqual(Object.prototype.toString.call(statement), "[object Statement]");
    deepStrictEqual(sql.ingest("insert into t values (8, 8); insert into t"), {
      remainder: " insert into t", rowsRead: 1, rowsWritten: 1, statementCount: 1,
    });
  }

  refusals({ sql, kv }) {
    kv.put("k", 1);
    sql.exec("create table t2 (a); insert into t2 values (1)");
    for (const text of ["begin", "commit", "rollback", "savepoint a", "release a"]) {
      throws(() => sql.exec(text), /^Error: To execute a transaction, please use the state\.storage\.transaction\(\)/);
    }
    for (const text of [
      "attach ':memory:' as other", "detach other", "pragma journal_mode", "pragma user_version = 5", "pragma writable_schema = on",
      "create temp table t2 (a)", "create table _cf_x (a)", "create index _cf_i on t2 (a)",
      "create view _cf_v as select 1", "pragma integrity_check",
    ]) {
      throws(() => sql.exec(text), AUTH, text);
    }
    throws(() => sql.exec("select * from _cf_KV"), error("access to _cf_KV.key is prohibited: SQLITE_AUTH"));
    throws(() => sql.exec("select sqlite_source_id()"), /^Error: not authorized to use function: sqlite_source_id/);
    throws(() => sql.exec("select load_extension('x')"), error("not authorized: SQLITE_ERROR"));
    throws(() => sql.exec("alter table t2 rename to _cf_t2"), /not authorized/);
    throws(() => sql.exec("vacuum"), error("cannot VACUUM from within a transaction: SQLITE_ERROR"));
    deepStrictEqual(sql.exec("pragma table_info(t2)").one().name, "a");
    deepStrictEqual(sql.exec("pragma foreign_keys").one(), { foreign_keys: 1 });
  }

  limits({ sql }) {
    const columns = (count) => `select ${Array.from({ length: count }, (_, i) => i)}`;
    strictEqual(sql.exec(columns(100)).columnNames.length, 100);
    throws(() => sql.exec(columns(101)), error("too many columns in result set: SQLITE_ERROR"));
    throws(() => sql.exec(`select 1 where ? in (${Array(100).fill("?")})`, ...Array(101).fill(1)), /too many SQL variables/);
    throws(() => sql.exec(`select 1 /*${long(100_000)}*/`), /SQLITE_TOOBIG/);
    throws(() => sql.exec("select length(?)", long(9 * 1024 * 1024)), error("string or blob too big: SQLITE_TOOBIG"));
    throws(() => sql.exec("select 'a' like ?", long(51)), error("LIKE or GLOB pattern too complex: SQLITE_ERROR"));
    throws(() => sql.exec(Array(6).fill("select 1").join(" union all ")), error("too many terms in compound SELECT: SQLITE_ERROR"));
    throws(() => sql.exec(`select ${Array(102).fill(1).join("+")}`), /maximum depth 100/);
    throws(() => sql.exec(`select max(${Array(128).fill(1)})`), /too many arguments on function max/);
  }

  sync(storage) {
    const { sql, kv } = storage;
    strictEqual(storage.transactionSync(() => 5), 5);
    sql.exec("create table s (a)");
    throws(() => storage.transactionSync(() => {
      sql.exec("insert into s values (1)");
      kv.put("k", 1);
      throw new RangeError("undone");
    }), error("undone", "RangeError"));
    deepStrictEqual([sql.exec("select count(*) as n from s").one(), kv.get("k")], [{ n: 0 }, undefined]);
    storage.transactionSync(() => {
      kv.put("k", 1);
      throws(() => storage.transactionSync(() => {
        kv.put("k", 2);
        throw new Error("inner");
      }));
    });
    strictEqual(kv.get("k"), 1);
    throws(
      () => storage.transactionSync(),
      error("Failed to execute 'transactionSync' on 'DurableObjectStorage': parameter 1 is not of type 'function'.", "TypeError"),
    );
  }

  async keys(storage) {
    const { kv } = storage;
    for (const [key, value] of [["a", 1], ["b", [1n, new Date(3)]], ["ab", new Map([[1, new Set([2])]])], ["c", undefined]]) {
      strictEqual(kv.put(key, value), undefined);
      deepStrictEqual(kv.get(key), value);
      deepStrictEqual(await storage.get(key), value);
    }
    deepStrictEqual([...kv.list()].map(([key]) => key), ["a", "ab", "b", "c"]);
    deepStrictEqual([...kv.list({ prefix: "a", reverse: true, limit: 1 })].map(([key]) => key), ["ab"]);
    deepStrictEqual([kv.delete("a"), kv.delete("a")], [true, false]);
    throws(() => kv.get(), error("Failed to execute 'get' on 'SyncKvStorage': parameter 1 is not of type 'string'.", "TypeError"));
    throws(() => kv.put("x"), error("Failed to execute 'put' on 'SyncKvStorage': parameter 2 is not of type 'Value'.", "TypeError"));
    throws(() => kv.list({ limit: 0 }), error("List limit must be positive.", "TypeError"));
    const first = kv.list();
    first.next();
    kv.list();
    throws(() => first.next(), /^Error: kv\.list\(\) iterator was invalidated because a new call to kv\.list\(\) was started\./);
  }

  async bookmarks(storage) {
    const first = await storage.getCurrentBookmark();
    ok(/^[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{32}$/.test(first), first);
    storage.kv.put("later", 1);
    ok((await storage.getCurrentBookmark()) > first);
    await rejects(storage.getBookmarkForTime("x"), {
      name: "TypeError", message: "Failed to execute 'getBookmarkForTime' on 'DurableObjectStorage': parameter 1 is not of type 'date'.",
    });
    await rejects(storage.onNextSessionRestoreBookmark("none"), { name: "Error" });
    await storage.waitForBookmark(first);
  }

  async emptied(storage) {
    storage.sql.exec("create table e (a); insert into e values (1), (2)");
    const cursor = storage.sql.exec("select a from e");
    cursor.next();
    await storage.setAlarm(Date.now() + 3_600_000);
    await storage.deleteAll();
    throws(() => cursor.next(), error("SQLite query was canceled because the database was deleted."));
    deepStrictEqual([storage.sql.exec("select name from sqlite_schema").toArray(), await storage.getAlarm()], [[], null]);
    await rejects(storage.transaction(async () => storage.deleteAll()), error("Cannot call deleteAll() within a transaction"));
    await storage.transaction(async (txn) => throws(() => txn.deleteAll(), error("Cannot call deleteAll() within a transaction")));
  }

  async acrossTurns({ sql }) {
    sql.exec("create table w (a); insert into w values (1), (2), (3)");
    const cursor = sql.exec("select a from w");
    cursor.next();
    await sleep(2);
    sql.exec("insert into w values (4)");
    deepStrictEqual(cursor.toArray().at(-1), { a: 4 });
  }

  async objects(storage) {
    const exception = new DOMException("m", "AbortError");
    await storage.put({ headers: new Headers([["A", "b"], ["Content-Type", "text/html"], ["Set-Cookie", "1"], ["Set-Cookie", "2"]]), exception });
    await storage.put("blob", new Blob(["hi"], { type: "text/plain" }));
    await storage.put("request", new Request("http://example.com/", { method: "DELETE", headers: { a: "b" } }));
    await storage.put("response", new Response(null, { status: 404, statusText: "gone", headers: { a: "b" } }));
    deepStrictEqual(
      [...(await storage.get("headers"))],
      [["a", "b"], ["content-type", "text/html"], ["set-cookie", "1"], ["set-cookie", "2"]],
    );
    const back = await storage.get("exception");
    ok(back instanceof DOMException);
    deepStrictEqual([back.name, back.message, back.stack, back.code], ["AbortError", "m", exception.stack, 20]);
    const blob = await storage.get("blob");
    deepStrictEqual([blob.type, await blob.text()], ["text/plain", "hi"]);
    const request = await storage.get("request");
    deepStrictEqual([request.method, request.url, request.headers.get("a"), request.body], ["DELETE", "http://example.com/", "b", null]);
    const response = await storage.get("response");
    deepStrictEqual([response.status, response.statusText, response.headers.get("a"), response.body], [404, "gone", "b", null]);
    await rejects(storage.put("k", new Response("body")), error("ReadableStream can only be serialized for RPC.", "DataCloneError"));
    await rejects(
      storage.put("k", new URL("http://a")),
      error('Could not serialize object of type "URL". This type does not support serialization.', "DataCloneError"),
    );
    await rejects(storage.put("k", new File([], "f")), /object of type "File"/);
  }

  alarm() {}
}

export class Plain extends DurableObject {
  fetch() {
    const { kv } = this.ctx.storage;
    throws(() => kv.get("a"), /^Error: The storage\.kv \(synchronous KV\) API is only available for SQLite-backed .* set `enableSql = true`/);
    return new Response("ok");
  }
}

const names = [
  "shapes", "rows", "values", "statements", "refusals", "limits", "sync", "keys", "bookmarks", "emptied", "acrossTurns", "objects",
];
const call = async (namespace, name) =>
  strictEqual(await (await namespace.getByName(name).fetch(`http://object/${name}`)).text(), "ok");

export const sql = {
  async test(_, env) {
    for (const name of names) await call(env.sql, name);
  },
};
export const notEnabled = { test: (_, { plain }) => call(plain, "plain") };
