/* `ctx.storage.sql`: statements and their cursors. Rows are made by the ops. */
const { BigInt, Error, ObjectSetPrototypeOf, ReflectDefineProperty, ReflectDeleteProperty, SymbolIterator } = primordials;
const flags = require("flags");
const { argumentError, defineInterface, illegalConstructor, illegalInvocation, toDOMString } = require("webidl");
const { DONE, ended, iteratorFactory } = require("webidl/iterators");
const trace = require("trace");

const inside = { __proto__: null };

const NO_ROW = "Expected exactly one result from SQL query, but got no results.";

const rowIterator = iteratorFactory("RowIterator");
const rawIterator = iteratorFactory("RawIterator");

const RESPONSE = "cloudflare.durable_object.response.";

/** The span of a statement. */
function openExec(text, bindings) {
  const span = trace.open(undefined, "durable_object_storage_exec");
  trace.set(
    span,
    "db.system.name",
    "cloudflare-durable-object-sql",
    "db.operation.name",
    "exec",
    "db.query.text",
    text,
    "cloudflare.durable_object.query.bindings",
    BigInt(bindings.length),
  );
  return span;
}

const { NAMES, ROWS_READ, ROWS_WRITTEN, REUSED, CURSOR } = ops.Executed;
const { ROWS_READ: COUNTED_READ, ROWS_WRITTEN: COUNTED_WRITTEN } = ops.Counts;
const { REMAINDER, ROWS_READ: INGEST_READ, ROWS_WRITTEN: INGEST_WRITTEN, STATEMENTS } = ops.Ingested;

/** The rows of a statement. */
class Cursor {
  #life;
  #names;
  #read;
  #written;
  #reused;
  /** The op's cursor; undefined if there was never a row. */
  #native;
  /** Tells tail workers of the statement, until its last row. */
  #span;

  constructor(token, life, made, span) {
    if (token !== inside) throw illegalConstructor();
    this.#life = life;
    this.#names = made[NAMES];
    this.#read = made[ROWS_READ];
    this.#written = made[ROWS_WRITTEN];
    this.#reused = made[REUSED];
    this.#native = made[CURSOR];
    this.#span = span;
    if (this.#native === undefined) this.#end();
  }

  #step(raw) {
    const row = this.#native === undefined ? undefined : ops.sqlNext(this.#life, this.#native, this.#names, raw);
    if (row === undefined) this.#end();
    return row;
  }

  #end() {
    const span = this.#span;
    if (span === undefined) return;
    this.#span = undefined;
    trace.set(span, `${RESPONSE}rows_read`, BigInt(this.rowsRead), `${RESPONSE}rows_written`, BigInt(this.rowsWritten));
    trace.close(span);
  }

  next() {
    if (!(#native in this)) throw illegalInvocation();
    const value = this.#step(false);
    return value === undefined ? ended() : { done: false, value };
  }

  toArray() {
    if (!(#native in this)) throw illegalInvocation();
    const rows = this.#native === undefined ? [] : ops.sqlAll(this.#life, this.#native, this.#names);
    this.#end();
    return rows;
  }

  one() {
    if (!(#native in this)) throw illegalInvocation();
    if (this.#native === undefined) throw new Error(NO_ROW);
    const row = ops.sqlOne(this.#life, this.#native, this.#names);
    this.#end();
    return row;
  }

  raw() {
    if (!(#native in this)) throw illegalInvocation();
    return rawIterator(() => this.#step(true) ?? DONE);
  }

  get columnNames() {
    if (!(#native in this)) throw illegalInvocation();
    return this.#names;
  }

  get rowsRead() {
    if (!(#native in this)) throw illegalInvocation();
    return this.#native === undefined ? this.#read : ops.sqlCounts(this.#native)[COUNTED_READ];
  }

  get rowsWritten() {
    if (!(#native in this)) throw illegalInvocation();
    return this.#native === undefined ? this.#written : ops.sqlCounts(this.#native)[COUNTED_WRITTEN];
  }

  get reusedCachedQueryForTest() {
    if (!(#native in this)) throw illegalInvocation();
    return this.#reused;
  }

  [SymbolIterator]() {
    if (!(#native in this)) throw illegalInvocation();
    return rowIterator(() => this.#step(false) ?? DONE);
  }
}
defineInterface(Cursor);

/** What `prepare` makes: a function, which runs the same text each time. */
class Statement {
  constructor() {
    throw illegalConstructor();
  }
}
defineInterface(Statement);

class SqlStorage {
  #life;
  /** Why SQL may not be used, if it may not. */
  #refusal;

  constructor(token, life, refusal) {
    if (token !== inside) throw illegalConstructor();
    this.#life = life;
    this.#refusal = refusal;
  }

  #check() {
    if (this.#refusal !== undefined) throw new Error(this.#refusal);
  }

  #run(text, bindings) {
    this.#check();
    const span = trace.isOn() ? openExec(text, bindings) : undefined;
    try {
      return new Cursor(inside, this.#life, ops.sqlExec(this.#life, text, bindings), span);
    } catch (error) {
      trace.close(span);
      throw error;
    }
  }

  exec(query, ...bindings) {
    if (!(#life in this)) throw illegalInvocation();
    if (arguments.length === 0) throw argumentError("SqlStorage", "exec", 1, "String");
    return this.#run(toDOMString(query), bindings);
  }

  prepare(query) {
    if (!(#life in this)) throw illegalInvocation();
    if (arguments.length === 0) throw argumentError("SqlStorage", "prepare", 1, "String");
    const text = toDOMString(query);
    const statement = (...bindings) => this.#run(text, bindings);
    ObjectSetPrototypeOf(statement, Statement.prototype);
    ReflectDeleteProperty(statement, "name");
    ReflectDeleteProperty(statement, "length");
    return statement;
  }

  ingest(query) {
    if (!(#life in this)) throw illegalInvocation();
    if (arguments.length === 0) throw argumentError("SqlStorage", "ingest", 1, "string");
    const text = toDOMString(query);
    this.#check();
    const done = ops.sqlIngest(this.#life, text);
    if (trace.isOn()) {
      trace.note(
        `${RESPONSE}rows_read`,
        BigInt(done[INGEST_READ]),
        `${RESPONSE}rows_written`,
        BigInt(done[INGEST_WRITTEN]),
        `${RESPONSE}statement_count`,
        BigInt(done[STATEMENTS]),
      );
    }
    return {
      remainder: done[REMAINDER],
      rowsRead: done[INGEST_READ],
      rowsWritten: done[INGEST_WRITTEN],
      statementCount: done[STATEMENTS],
    };
  }

  setMaxPageCountForTest(count) {
    if (!(#life in this)) throw illegalInvocation();
    this.#check();
    ops.sqlMaxPages(this.#life, +count >>> 0);
  }

  get databaseSize() {
    if (!(#life in this)) throw illegalInvocation();
    this.#check();
    const span = trace.open(undefined, "durable_object_storage_getDatabaseSize");
    const size = ops.sqlSize(this.#life);
    if (span !== undefined) trace.set(span, "db.operation.name", "getDatabaseSize", `${RESPONSE}db_size`, BigInt(size));
    trace.close(span);
    return size;
  }
}
trace.instrument(SqlStorage.prototype, "durable_object_storage_", ["ingest"]);
defineInterface(SqlStorage);
for (let i = 0, Classes = [Cursor, Statement]; i < Classes.length; i++) {
  const Class = Classes[i];
  ReflectDefineProperty(SqlStorage.prototype, Class.name, {
    __proto__: null,
    value: Class,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}

exports.createSql = (life, refusal) => new SqlStorage(inside, life, refusal);
if (!flags.workerdExperimental) {
  delete SqlStorage.prototype.prepare;
  delete SqlStorage.prototype.ingest;
  delete SqlStorage.prototype.setMaxPageCountForTest;
  delete Cursor.prototype.reusedCachedQueryForTest;
}
