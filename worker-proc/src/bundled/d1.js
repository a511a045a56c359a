/*
 * D1 databases: the service behind bindings of the module `cloudflare-internal:d1-api`, with the props `{"database": "<id>"}`.
 *
 * A database is the SQLite database of one Durable Object, named by the id. Each call is one transaction: an error undoes all of it.
 * There is one copy, which is as new as any bookmark, so a bookmark need only sort after those before.
 *
 * The config: compatibility date 2024-04-03 or the flag `rpc`; the class `D1Database` with `enableSql`, on a disk, and for it the
 * binding DATABASE.
 */
import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";

const BOOKMARK = "x-cf-d1-session-commit-token";

/** What `wrangler d1 export --local` asks; the parameters are whether to leave out schemas, whether data, and names of tables. */
const EXPORT = "PRAGMA miniflare_d1_export(?,?,?);";

const isExport = (queries) => queries.length === 1 && queries[0]?.sql === EXPORT && queries[0].params?.length >= 2;

export default class extends WorkerEntrypoint {
  get #database() {
    const id = this.ctx.props?.database;
    if (typeof id !== "string") throw new Error('No database: props must be {"database": "<id>"}.');
    return this.env.DATABASE.get(this.env.DATABASE.idFromName(id));
  }

  /** Only who sends a bookmark is answered one. */
  async #run(queries, sent) {
    const answer = await this.#database.run(queries, Boolean(sent?.trim()));
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer;
  }

  /** The protocol of requests: POST of a query or an array of them. Whatever is wrong with them, the status is 200. */
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    if (request.method !== "POST" || !["/query", "/execute"].includes(pathname)) {
      return Response.json({ error: "Not found" }, { status: 404 });
    }
    const inColumns = searchParams.get("resultsFormat") === "ROWS_AND_COLUMNS";
    try {
      const body = await request.json();
      const queries = Array.isArray(body) ? body : [body];
      if (isExport(queries)) {
        const statements = await this.#database.export(...queries[0].params);
        return Response.json([{ success: true, results: [statements], meta: {} }]);
      }
      const { results, bookmark } = await this.#run(queries, request.headers.get(BOOKMARK));
      return Response.json(
        results.map(({ columns, rows, meta }) => ({
          success: true,
          results: inColumns ? { columns, rows } : rows.map((row) => asObject(columns, row)),
          meta,
        })),
        { headers: bookmark === undefined ? {} : { [BOOKMARK]: bookmark } },
      );
    } catch (error) {
      return Response.json({ success: false, error: String(error.message ?? error) });
    }
  }

  /** The same as a call. */
  async query({ queries, bookmark: sent }) {
    const answer = (meta, columns, rows) => ({ meta, data: { kind: "raw", columns, rows } });
    if (isExport(queries)) {
      const statements = await this.#database.export(...queries[0].params);
      return { results: [answer({}, Object.keys(statements), [statements])] };
    }
    const { results, bookmark } = await this.#run(queries, sent);
    return {
      results: results.map(({ meta, columns, rows }) => answer(meta, columns, rows)),
      ...(bookmark !== undefined && { bookmark }),
    };
  }
}

/** Of columns with the same name, the last one counts. */
const asObject = (columns, row) => Object.fromEntries(columns.map((column, i) => [column, row[i]]));

export class D1Database extends DurableObject {
  #bookmarks = 0;

  /** Runs queries, `{sql, params}`, in one transaction. What is wrong with them is the caller's: it is no exception here. */
  run(queries, wantsBookmark) {
    const { storage } = this.ctx;
    const given = queries.map((query) => ({ ...query, text: statementsOf(query?.sql) })).filter(({ text }) => text !== "");
    if (given.length === 0) return { error: "No SQL statements detected." };
    try {
      const results = storage.transactionSync(() =>
        given.map(({ text, params }) => execute(storage.sql, text, params ?? [])),
      );
      return { results, bookmark: wantsBookmark ? this.#nextBookmark() : undefined };
    } catch (error) {
      return { error: error.message };
    }
  }

  /** The time in ms, then a count. */
  #nextBookmark() {
    const parts = [
      [Date.now(), 12],
      [++this.#bookmarks, 8],
    ];
    return parts.map(([number, digits]) => number.toString(16).padStart(digits, "0")).join("-");
  }

  /** The database as statements that make it again. */
  export(withoutSchema, withoutData, ...tables) {
    const chosen = tables.length === 0 ? undefined : new Set(tables);
    return [...statements(this.ctx.storage.sql, !withoutSchema, !withoutData, (name) => chosen?.has(name) ?? true)];
  }
}

/** What a statement is made of, as far as it matters where one ends: comments, strings and names in quotes, other text. */
const PARTS =
  /(--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|[\s;]+)|'[^']*(?:'|$)|"[^"]*(?:"|$)|`[^`]*(?:`|$)|\[[^\]]*(?:\]|$)|[-/]|[^\s;'"`[\-/]+/g;

/** A text without the comments and semicolons at its end, which SQLite would take for another statement. */
function statementsOf(text) {
  if (typeof text !== "string") return "";
  let end = 0;
  for (const { 0: part, 1: between, index } of text.matchAll(PARTS)) if (between === undefined) end = index + part.length;
  return text.slice(0, end);
}

/** The result of one query, as the protocol has it: blobs are arrays of numbers, also as parameters. */
function execute(sql, text, params) {
  const before = counters(sql);
  const cursor = sql.exec(text, ...params.map((param) => (Array.isArray(param) ? Uint8Array.from(param) : param)));
  const rows = Array.from(cursor.raw(), (row) =>
    row.map((value) => (value instanceof ArrayBuffer ? Array.from(new Uint8Array(value)) : value)),
  );
  const after = counters(sql);
  return {
    columns: cursor.columnNames,
    rows,
    meta: {
      served_by: "workerd",
      served_by_primary: true,
      total_attempts: 1,
      // The clock of a worker stands still while it runs.
      timings: { sql_duration_ms: 0 },
      duration: 0,
      // With those of triggers and foreign keys.
      changes: after.changes - before.changes,
      last_row_id: after.row,
      changed_db: after.changes !== before.changes || after.row !== before.row || after.size !== before.size,
      size_after: after.size,
      rows_read: cursor.rowsRead,
      rows_written: cursor.rowsWritten,
    },
  };
}

const counters = (sql) => ({
  ...sql.exec('SELECT total_changes() AS changes, last_insert_rowid() AS "row"').one(),
  size: sql.databaseSize,
});

/** Tables in the order of SQLite's own dump, then indices, triggers and views. */
const TABLES = `SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND sql NOT NULL
  ORDER BY tbl_name = 'sqlite_sequence', rowid`;
const OTHERS = `SELECT name, sql FROM sqlite_schema WHERE type IN ('index', 'trigger', 'view') AND sql NOT NULL
  ORDER BY type COLLATE NOCASE`;

function* statements(sql, withSchema, withData, isChosen) {
  yield "PRAGMA defer_foreign_keys=TRUE;";
  for (const { name, sql: made } of sql.exec(TABLES).toArray()) {
    if (!isChosen(name)) continue;
    const schema = schemaOf(name, made);
    if (schema === undefined) continue;
    if (withSchema) yield schema;
    if (withData) yield* rowsOf(sql, name);
  }
  if (!withSchema) return;
  for (const { name, sql: made } of sql.exec(OTHERS).toArray()) if (isChosen(name)) yield `${made};`;
}

/** What makes a table, or makes SQLite's own one ready to be filled; undefined of those that are not told of. */
function schemaOf(name, made) {
  if (name === "sqlite_sequence") return "DELETE FROM sqlite_sequence;";
  if (/^sqlite_stat./.test(name)) return "ANALYZE sqlite_schema;";
  if (made.startsWith("CREATE VIRTUAL TABLE")) {
    throw new Error("D1 Export error: cannot export databases with Virtual Tables (fts5)");
  }
  if (name.startsWith("_cf_") || name.startsWith("sqlite_")) return undefined;
  return `${made.replace(/^CREATE TABLE (?=['"])/, "CREATE TABLE IF NOT EXISTS ")};`;
}

function* rowsOf(sql, table) {
  const info = sql.exec(`PRAGMA table_info=${quotedName(table)}`).toArray();
  const columns = info.map(({ name }) => quotedName(name)).join(",");
  for (const row of sql.exec(`SELECT ${columns} FROM ${quotedName(table)}`).raw()) {
    yield `INSERT INTO ${quotedName(table)} (${columns}) VALUES(${row.map(literal).join(",")});`;
  }
}

const quotedName = (name) => `"${name.replaceAll('"', '""')}"`;

function literal(value) {
  if (value === null) return "NULL";
  if (value === Infinity) return "9e999";
  if (value === -Infinity) return "-9e999";
  if (typeof value === "number") return `${value}`;
  if (typeof value === "string") return quotedText(value);
  return `X'${new Uint8Array(value).toHex()}'`;
}

/** A text on one line. */
function quotedText(text) {
  let quoted = `'${text.replaceAll("'", "''").replaceAll("\r", "\\r").replaceAll("\n", "\\n")}'`;
  if (text.includes("\r")) quoted = `replace(${quoted},'\\r',char(13))`;
  if (text.includes("\n")) quoted = `replace(${quoted},'\\n',char(10))`;
  return quoted;
}
