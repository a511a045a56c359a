/* The module `cloudflare-internal:d1-api`: what users have of a D1 database. */
const {
  ArrayBufferIsView,
  ArrayIsArray,
  ArrayPrototypeJoin,
  ArrayPrototypePush,
  Error,
  String,
  StringPrototypeSplit,
  StringPrototypeTrim,
  Uint8Array,
} = primordials;
const flags = require("flags");
const { withSpan } = require("cloudflare-internal:tracing-helpers");
const { WrappedBinding } = require("wrapped");
const { Connection, FIRST_UNCONSTRAINED, failure, query } = require("d1/connection");
const { tellAll, tellMeta, withArrays, withObjects } = require("d1/results");
const { isAnyArrayBuffer } = require("fetch/body");

class D1Database extends WrappedBinding {
  #fetcher;
  /** It always asks the primary. */
  #connection;

  constructor(fetcher) {
    super(fetcher);
    this.#fetcher = fetcher;
    this.#connection = new Connection(fetcher, null);
  }

  prepare(query) {
    return new D1PreparedStatement(this.#connection, query);
  }

  async batch(statements) {
    return batch(this.#connection, statements);
  }

  async exec(query) {
    return inSpan("exec", query, undefined, async (span) => {
      const outcomes = await this.#connection.exec(StringPrototypeSplit(StringPrototypeTrim(query), "\n"), span);
      let duration = 0;
      for (let i = 0; i < outcomes.length; i++) duration += outcomes[i].meta.duration;
      tellAll(span, outcomes);
      return { count: outcomes.length, duration };
    });
  }

  withSession(constraintOrBookmark) {
    const given =
      constraintOrBookmark === undefined || constraintOrBookmark === null ? "" : StringPrototypeTrim(constraintOrBookmark);
    return new D1DatabaseSession(this.#fetcher, given === "" ? FIRST_UNCONSTRAINED : given);
  }

  /** The service's own method, where the binding speaks RPC. */
  async query(request) {
    if (flags.d1BindingJsrpc) return query(this.#fetcher, request);
    const needed = "D1Database.query() requires the d1_binding_jsrpc compatibility flag.";
    throw new Error(`D1_ERROR: ${needed} Enable d1_binding_jsrpc before calling query().`);
  }

  /** Of databases of the first alpha. */
  async dump() {
    const response = await this.#connection.post("/dump");
    if (response.status === 200) return response.arrayBuffer();
    // As on workerd, what the service says of it is lost.
    throw new Error(`D1_DUMP_ERROR: Status + ${response.status}`, {
      __proto__: null,
      cause: new Error(`Status ${response.status}`),
    });
  }
}

class D1DatabaseSession {
  #connection;

  constructor(fetcher, bookmark) {
    this.#connection = new Connection(fetcher, bookmark);
  }

  prepare(sql) {
    return new D1PreparedStatement(this.#connection, sql);
  }

  async batch(statements) {
    return batch(this.#connection, statements);
  }

  getBookmark() {
    return this.#connection.bookmark;
  }
}

class D1PreparedStatement {
  #connection;

  constructor(connection, statement, params = undefined) {
    this.#connection = connection;
    this.statement = statement;
    this.params = params || [];
  }

  bind(...values) {
    const params = [];
    for (let i = 0; i < values.length; i++) ArrayPrototypePush(params, toParameter(values[i]));
    return new D1PreparedStatement(this.#connection, this.statement, params);
  }

  async first(colName) {
    return this.#ask("first", "first", false, (outcome, span) => {
      const { 0: row } = withObjects(outcome).results;
      if (row === undefined) return null;
      if (colName === undefined) return row;
      if (row[colName] !== undefined) return row[colName];
      span.setAttribute("error.type", "Column not found");
      throw new Error(`D1_COLUMN_NOTFOUND: Column not found (${colName})`, {
        __proto__: null,
        cause: new Error("Column not found"),
      });
    });
  }

  async run() {
    return this.#ask("run", "run", true, (outcome) => (flags.d1BindingJsrpc ? withObjects(outcome) : outcome));
  }

  async all() {
    return this.#ask("all", "all", false, withObjects);
  }

  async raw(options) {
    return this.#ask("all", "raw", false, (outcome) => withArrays(outcome, options?.columnNames));
  }

  /** What `convert` makes of the statement's outcome. */
  #ask(name, operation, isSilent, convert) {
    const connection = this.#connection;
    const work = async (span) => {
      const outcome = await connection.one({ sql: this.statement, params: this.params }, isSilent, span);
      span.setAttribute("cloudflare.d1.response.bookmark", connection.bookmark ?? undefined);
      tellMeta(span, outcome.meta);
      return convert(outcome, span);
    };
    return inSpan(name, this.statement, connection, work, operation);
  }
}

/** Does `work` in a span that tells of a statement. */
function inSpan(name, text, connection, work, operation = name, size = undefined) {
  return withSpan(`d1_${name}`, (span) => {
    span.setAttributes({
      "db.system.name": "cloudflare-d1",
      "db.operation.name": operation,
      "db.query.text": text,
      "db.operation.batch.size": size,
      "cloudflare.binding.type": "D1",
      "cloudflare.d1.query.bookmark": connection?.bookmark ?? undefined,
    });
    return work(span);
  });
}

function batch(connection, statements) {
  const queries = [];
  const texts = [];
  for (let i = 0; i < statements.length; i++) {
    const { statement: sql, params } = statements[i];
    ArrayPrototypePush(texts, sql);
    ArrayPrototypePush(queries, { sql, params });
  }
  const work = async (span) => {
    const outcomes = await connection.batch(queries, span);
    span.setAttribute("cloudflare.d1.response.bookmark", connection.bookmark ?? undefined);
    tellAll(span, outcomes);
    const results = [];
    for (let i = 0; i < outcomes.length; i++) ArrayPrototypePush(results, withObjects(outcomes[i]));
    return results;
  };
  return inSpan("batch", ArrayPrototypeJoin(texts, "\n"), connection, work, "batch", statements.length);
}

/** A value as JSON can tell it to the service. */
function toParameter(value) {
  const type = typeof value;
  if (type === "number" || type === "string" || value === null) return value;
  if (type === "boolean") return value ? 1 : 0;
  if (isByteArray(value)) return value;
  if (ArrayBufferIsView(value)) return toArray(value);
  if (isAnyArrayBuffer(value)) return toArray(new Uint8Array(value));
  throw failure("D1_TYPE_ERROR", `Type '${type}' not supported for value '${String(value)}'`);
}

/** The elements of a view; a DataView has none. */
function toArray(view) {
  const array = [];
  const length = view.length ?? 0;
  for (let i = 0; i < length; i++) ArrayPrototypePush(array, view[i]);
  return array;
}

function isByteArray(value) {
  if (!ArrayIsArray(value)) return false;
  for (let i = 0; i < value.length; i++) {
    if (typeof value[i] !== "number" || !(value[i] >= 0 && value[i] < 256)) return false;
  }
  return true;
}

function makeBinding(env) {
  return new D1Database(env.fetcher);
}

exports.default = makeBinding;
