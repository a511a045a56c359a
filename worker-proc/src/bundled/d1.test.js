// The two protocols of `/workerd/d1.js`, also those of the published binary.
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert";

const post = (db, path, body, headers = {}) =>
  db.fetch(`http://d1${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });

const run = async (db, sql, ...params) => (await post(db, "/query", { sql, params })).json();

const failure = async (db, body) => {
  const response = await post(db, "/query", body);
  strictEqual(response.status, 200);
  const { success, error, ...others } = await response.json();
  deepStrictEqual([success, others], [false, {}]);
  return error;
};

export const results = {
  async test(_, { DB, OTHER }) {
    const made = await post(DB, "/execute?resultsFormat=NONE", { sql: "CREATE TABLE r (id INTEGER PRIMARY KEY, v)" });
    deepStrictEqual([made.status, made.headers.get("content-type")], [200, "application/json"]);
    const [{ success, results, meta }] = await made.json();
    deepStrictEqual([success, results, meta.changed_db, meta.changes], [true, [], true, 0]);
    deepStrictEqual(Object.keys(meta), [
      "served_by",
      "served_by_primary",
      "total_attempts",
      "timings",
      "duration",
      "changes",
      "last_row_id",
      "changed_db",
      "size_after",
      "rows_read",
      "rows_written",
    ]);
    const [{ meta: inserted }] = await run(DB, "INSERT INTO r (v) VALUES (?), (?), (?)", "ü", 1.5, null);
    deepStrictEqual(
      [inserted.served_by, inserted.changes, inserted.last_row_id, inserted.changed_db, inserted.duration],
      ["workerd", 3, 3, true, 0],
    );
    deepStrictEqual([inserted.timings, inserted.total_attempts], [{ sql_duration_ms: 0 }, 1]);
    const [read] = await run(DB, "SELECT * FROM r WHERE id > ?", 1);
    deepStrictEqual(read.results, [
      { id: 2, v: 1.5 },
      { id: 3, v: null },
    ]);
    deepStrictEqual([read.meta.changed_db, read.meta.changes], [false, 0]);
    ok(read.meta.size_after > 0 && read.meta.rows_read >= 2);
    const raw = await post(DB, "/query?resultsFormat=ROWS_AND_COLUMNS", { sql: "SELECT 1 AS a, 2 AS a, x'0102' AS b" });
    deepStrictEqual((await raw.json())[0].results, { columns: ["a", "a", "b"], rows: [[1, 2, [1, 2]]] });
    match((await run(OTHER, "SELECT * FROM r")).error, /^no such table: r/);
  },
};

export const parameters = {
  async test(_, { DB }) {
    const [{ results }] = await run(DB, "SELECT ? AS n, ? AS t, ? AS z, ? AS b, typeof(?4) AS tb", 1, "x", null, [0, 255]);
    deepStrictEqual(results, [{ n: 1, t: "x", z: null, b: [0, 255], tb: "blob" }]);
    match((await run(DB, "SELECT ?", 1, 2)).error, /^Wrong number of parameter bindings for SQL query/);
  },
};

export const transactions = {
  async test(_, { DB }) {
    await run(DB, "CREATE TABLE t (v UNIQUE)");
    const batch = [1, 2, 1].map((v) => ({ sql: "INSERT INTO t VALUES (?)", params: [v] }));
    match(await failure(DB, batch), /^UNIQUE constraint failed: t.v/);
    const [{ results }] = await run(DB, "SELECT count(*) AS n FROM t");
    deepStrictEqual(results, [{ n: 0 }]);
    const answers = await (await post(DB, "/query", batch.slice(0, 2))).json();
    deepStrictEqual(
      answers.map(({ meta }) => meta.changes),
      [1, 1],
    );
    match(await failure(DB, { sql: "BEGIN" }), /BEGIN TRANSACTION or SAVEPOINT/);
  },
};

export const comments = {
  async test(_, { DB }) {
    const value = async (sql) => (await run(DB, sql))[0]?.results;
    for (const sql of [
      "SELECT 1 AS a;",
      "SELECT 1 AS a ; ; \n",
      "SELECT 1 AS a -- all",
      "SELECT 1 AS a; -- all\n/* ; */ ;",
      "/* one */ SELECT 1 AS a /* not closed",
      "SELECT 9; SELECT 1 AS a;",
    ]) {
      deepStrictEqual(await value(sql), [{ a: 1 }], sql);
    }
    deepStrictEqual(await value("SELECT '-- ;' AS \"/*\" /**/"), [{ "/*": "-- ;" }]);
    deepStrictEqual(await value("SELECT 4-1 AS `a;`, 8/2 AS [b;];"), [{ "a;": 3, "b;": 4 }]);
    for (const sql of ["", " ;; ", "-- all", "/* all", "--\n/**/;"]) {
      strictEqual(await failure(DB, { sql }), "No SQL statements detected.", sql);
    }
    strictEqual(await failure(DB, []), "No SQL statements detected.");
    match(await failure(DB, { sql: "SELECT 'open" }), /^(unrecognized token|incomplete input)/);
    const answers = await (await post(DB, "/query", [{ sql: "-- no" }, { sql: "SELECT 1 AS a" }])).json();
    strictEqual(answers.length, 1);
  },
};

export const bookmarks = {
  async test(_, { DB }) {
    const bookmark = async (sent) => {
      const response = await post(DB, "/query", { sql: "SELECT 1" }, { "x-cf-d1-session-commit-token": sent });
      return response.headers.get("x-cf-d1-session-commit-token");
    };
    const first = await bookmark("first-primary");
    match(first, /^[0-9a-f]{12}-[0-9a-f]{8}$/);
    ok((await bookmark(first)) > first);
    strictEqual(await bookmark(" "), null);
  },
};

export const calls = {
  async test(_, { DB }) {
    const { results, ...others } = await DB.query({ queries: [{ sql: "SELECT ? AS a", params: [5] }] });
    deepStrictEqual([results[0].data, others], [{ kind: "raw", columns: ["a"], rows: [[5]] }, {}]);
    strictEqual(results[0].meta.served_by, "workerd");
    match((await DB.query({ queries: [{ sql: "SELECT 1" }], bookmark: "x" })).bookmark, /^[0-9a-f]{12}-[0-9a-f]{8}$/);
    await rejects(DB.query({ queries: [{ sql: "nonsense" }] }), /near "nonsense": syntax error/);
  },
};

export const dump = {
  async test(_, { DUMP }) {
    const made = [
      'CREATE TABLE "odd ""name" (id INTEGER PRIMARY KEY AUTOINCREMENT, "v"\'\'  TEXT)'.replace("''", ""),
      "CREATE TABLE plain (a, b REAL)",
      "CREATE INDEX plain_a ON plain (a)",
      "CREATE VIEW seen AS SELECT a FROM plain",
    ];
    for (const sql of made) await run(DUMP, sql);
    await run(DUMP, 'INSERT INTO "odd ""name" (v) VALUES (?), (?)', "it's", "a\r\nb\\n");
    await run(DUMP, "INSERT INTO plain VALUES (?, ?), (x'00ff', 9e999), (2, -9e999)", null, 1.5);
    const dumped = async (...params) =>
      (await (await post(DUMP, "/query", { sql: "PRAGMA miniflare_d1_export(?,?,?);", params })).json())[0];
    const all = await dumped(0, 0);
    deepStrictEqual([all.success, all.meta], [true, {}]);
    const start = "PRAGMA defer_foreign_keys=TRUE;";
    const odd = 'INSERT INTO "odd ""name" ("id","v") VALUES';
    const schema = `CREATE TABLE IF NOT EXISTS ${made[0].slice("CREATE TABLE ".length)};`;
    deepStrictEqual(all.results, [
      [
        start,
        schema,
        `${odd}(1,'it''s');`,
        `${odd}(2,replace(replace('a\\r\\nb\\n','\\r',char(13)),'\\n',char(10)));`,
        `${made[1]};`,
        'INSERT INTO "plain" ("a","b") VALUES(NULL,1.5);',
        "INSERT INTO \"plain\" (\"a\",\"b\") VALUES(X'00ff',9e999);",
        'INSERT INTO "plain" ("a","b") VALUES(2,-9e999);',
        "DELETE FROM sqlite_sequence;",
        'INSERT INTO "sqlite_sequence" ("name","seq") VALUES(\'odd "name\',2);',
        `${made[2]};`,
        `${made[3]};`,
      ],
    ]);
    deepStrictEqual((await dumped(0, 1)).results, [
      [start, schema, `${made[1]};`, "DELETE FROM sqlite_sequence;", `${made[2]};`, `${made[3]};`],
    ]);
    deepStrictEqual((await dumped(1, 0, "plain")).results[0].length, 4);
    const { results } = await DUMP.query({ queries: [{ sql: "PRAGMA miniflare_d1_export(?,?,?);", params: [1, 1] }] });
    deepStrictEqual(results, [{ meta: {}, data: { kind: "raw", columns: ["0"], rows: [[start]] } }]);
  },
};

export const wrongRequests = {
  async test(_, { DB, BARE }) {
    for (const [method, path] of [
      ["GET", "/query"],
      ["POST", "/dump"],
      ["POST", "/"],
    ]) {
      const response = await DB.fetch(`http://d1${path}`, { method });
      deepStrictEqual([response.status, await response.json()], [404, { error: "Not found" }]);
    }
    match(await failure(DB, "{"), /JSON/);
    for (const body of [{}, { sql: 5 }, [null], "null"]) strictEqual(typeof (await failure(DB, body)), "string");
    strictEqual(await failure(BARE, { sql: "SELECT 1" }), 'No database: props must be {"database": "<id>"}.');
  },
};
