import { deepStrictEqual, rejects, strictEqual, throws } from "node:assert";
import { WorkerEntrypoint } from "cloudflare:workers";

/** What the service has been asked, and what it is to answer. */
const asked = [];
let answers = {};

export class Database extends WorkerEntrypoint {
  async fetch(request) {
    const { pathname, search } = new URL(request.url);
    const text = await request.text();
    asked.push([request.method, pathname + search, text, request.headers.get("x-cf-d1-session-commit-token")]);
    const { status = 200, bookmark, body } = answers;
    const headers = bookmark === undefined ? {} : { "x-cf-d1-session-commit-token": bookmark };
    return new Response(typeof body === "string" ? body : JSON.stringify(body), { status, headers });
  }
}

const rows = (columns, rows, meta = { duration: 1 }) => ({ success: true, results: { columns, rows }, meta });

async function told(answer, work) {
  answers = answer;
  asked.length = 0;
  const result = await work();
  return [result, ...asked];
}

const QUERY = "/query?resultsFormat=ROWS_AND_COLUMNS";
const EXECUTE = "/execute?resultsFormat=NONE";

export const statements = {
  async test(_, { DB }) {
    strictEqual(DB.constructor.name, "D1Database");
    const statement = DB.prepare("select ?");
    deepStrictEqual([statement.statement, statement.params], ["select ?", []]);
    const bound = statement.bind(1, "a", true, false, null, [1, 2], new Uint8Array([3, 4]), new Uint16Array([500]).buffer);
    deepStrictEqual(bound.params, [1, "a", 1, 0, null, [1, 2], [3, 4], [244, 1]]);
    deepStrictEqual(await told({ body: rows(["x", "__proto__"], [[1, 2]]) }, () => bound.all()), [
      { success: true, meta: { duration: 1 }, results: [Object.fromEntries([["x", 1], ["__proto__", 2]])] },
      ["POST", QUERY, JSON.stringify({ sql: "select ?", params: bound.params }), null],
    ]);
    deepStrictEqual(await told({ body: rows(["x"], [[1], [2]]) }, () => bound.raw({ columnNames: true })), [
      [["x"], [1], [2]],
      ["POST", QUERY, JSON.stringify({ sql: "select ?", params: bound.params }), null],
    ]);
    deepStrictEqual(await told({ body: { success: true, meta: { duration: 0 } } }, () => statement.run()), [
      { success: true, meta: { duration: 0 } },
      ["POST", EXECUTE, '{"sql":"select ?","params":[]}', null],
    ]);
    answers = { body: rows(["x"], [[1]]) };
    deepStrictEqual(await statement.first(), { x: 1 });
    strictEqual(await statement.first("x"), 1);
    await rejects(statement.first("y"), { message: "D1_COLUMN_NOTFOUND: Column not found (y)" });
    answers = { body: rows(["x"], []) };
    strictEqual(await statement.first("y"), null);
    // Older services send objects, or nothing.
    answers = { body: { success: true, results: [{ a: 1 }], meta: {} } };
    deepStrictEqual(await statement.raw({ columnNames: true }), [["a"], [1]]);
    answers = { body: { success: true, meta: {} } };
    deepStrictEqual([await statement.raw(), (await statement.all()).results], [[], []]);
  },
};

export const batches = {
  async test(_, { DB }) {
    const [a, b] = [DB.prepare("a").bind(1), DB.prepare("b")];
    const results = [rows(["x"], [[1]]), { success: true, meta: { duration: 2 } }];
    deepStrictEqual(await told({ body: results }, () => DB.batch([a, b])), [
      [
        { success: true, meta: { duration: 1 }, results: [{ x: 1 }] },
        { success: true, meta: { duration: 2 }, results: [] },
      ],
      ["POST", QUERY, '[{"sql":"a","params":[1]},{"sql":"b","params":[]}]', null],
    ]);
    deepStrictEqual(await told({ body: [{ meta: { duration: 1 } }, { meta: { duration: 2 } }] }, () => DB.exec(" a;\nb; ")), [
      { count: 2, duration: 3 },
      ["POST", EXECUTE, '[{"sql":"a;"},{"sql":"b;"}]', null],
    ]);
  },
};

export const failures = {
  async test(_, { DB }) {
    const statement = DB.prepare("x");
    const why = (message, cause) => (error) => {
      deepStrictEqual([error.name, error.message, error.cause.message], ["Error", message, cause]);
      return true;
    };
    for (const bad of [undefined, {}, [256], [1.5, "a"], 1n, Symbol("s"), () => {}]) {
      throws(() => statement.bind(bad), (error) => /^D1_TYPE_ERROR: Type '/.test(error.message) || error instanceof TypeError);
    }
    throws(() => statement.bind({}), why("D1_TYPE_ERROR: Type 'object' not supported for value '[object Object]'",
      "Type 'object' not supported for value '[object Object]'"));
    answers = { status: 500, body: { error: "no such table" } };
    for (const work of [() => statement.all(), () => statement.first(), () => statement.run(), () => statement.raw()]) {
      await rejects(work(), why("D1_ERROR: no such table", "no such table"));
    }
    answers = { body: [{ error: "bad" }] };
    await rejects(DB.batch([statement]), why("D1_ERROR: bad", "bad"));
    answers = { body: [{ meta: { duration: 1 } }, { error: "bad" }] };
    const line = "Error in line 2: y: bad";
    await rejects(DB.exec("x\ny"), why(`D1_EXEC_ERROR: ${line}`, line));
    answers = { body: "<html>" };
    const parse = "Failed to parse body as JSON, got: <html>";
    await rejects(statement.all(), why(`D1_ERROR: ${parse}`, parse));
    answers = { status: 400, body: { error: "old" } };
    await rejects(DB.dump(), why("D1_DUMP_ERROR: Status + 400", "Status 400"));
    await rejects(DB.query({ queries: [] }), /^Error: D1_ERROR: D1Database.query\(\) requires the d1_binding_jsrpc/);
  },
};

export const sessions = {
  async test(_, { DB }) {
    const session = DB.withSession(" first-primary ");
    strictEqual(session.getBookmark(), null);
    const ask = (bookmark) => told({ body: rows([], []), bookmark }, () => session.prepare("x").all());
    strictEqual((await ask("2"))[1][3], "first-primary");
    strictEqual(session.getBookmark(), "2");
    strictEqual((await ask("1"))[1][3], "2");
    strictEqual(session.getBookmark(), "2");
    await told({ body: [rows([], [])], bookmark: "3" }, () => session.batch([session.prepare("x")]));
    strictEqual(session.getBookmark(), "3");
    strictEqual((await told({ body: rows([], []) }, () => DB.withSession().prepare("x").all()))[1][3], "first-unconstrained");
    // Without a session there is no bookmark, whatever the service says.
    strictEqual((await told({ body: rows([], []), bookmark: "9" }, () => DB.prepare("x").all()))[1][3], null);
  },
};
