/* `ctx.storage.sql`: statements and their cursors. Rows are made by the ops. */
"use strict";
const { Error, ObjectSetPrototypeOf, ReflectDefineProperty, ReflectDeleteProperty, SymbolIterator } = primordials;
const flags = require("flags");
const { argumentError, defineInterface, illegalConstructor, illegalInvocation, toDOMString } = require("webidl");
const { DONE, ended, iteratorFactory } = require("webidl/iterators");

const inside = { __proto__: null };

const NO_ROW = "Expected exactly one result from SQL query, but got no results.";

const rowIterator = iteratorFactory("RowIterator");
const rawIterator = iteratorFactory("RawIterator");

/** The rows of a statement. */
class Cursor {
  #life;
  #names;
  #read;
  #written;
  #reused;
  /** The op's cursor; undefined if there was never a row. */
  #native;

  constructor(token, life, made) {
    if (token !== inside) throw illegalConstructor();
    this.#life = life;
    this.#names = made[0];
    this.#read = made[1];
    this.#written = made[2];
    this.#reused = made[3];
    this.#native = made[4];
  }

  #step(raw) {
    return this.#native === undefined ? undefined : ops.sqlNext(this.#life, this.#native, this.#names, raw);
  }

  next() {
    if (!(#native in this)) throw illegalInvocation();
    const value = this.#step(false);
    return value === undefined ? ended() : { done: false, value };
  }

  toArray() {
    if (!(#native in this)) throw illegalInvocation();
    return this.#native === undefined ? [] : ops.sqlAll(this.#life, this.#native, this.#names);
  }

  one() {
    if (!(#native in this)) throw illegalInvocation();
    if (this.#native === undefined) throw new Error(NO_ROW);
    return ops.sqlOne(this.#life, this.#native, this.#names);
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
    return this.#native === undefined ? this.#read : ops.sqlCounts(this.#native)[0];
  }

  get rowsWritten() {
    if (!(#native in this)) throw illegalInvocation();
    return this.#native === undefined ? this.#written : ops.sqlCounts(this.#native)[1];
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
    return new Cursor(inside, this.#life, ops.sqlExec(this.#life, text, bindings));
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
    return { remainder: done[0], rowsRead: done[1], rowsWritten: done[2], statementCount: done[3] };
  }

  setMaxPageCountForTest(count) {
    if (!(#life in this)) throw illegalInvocation();
    this.#check();
    ops.sqlMaxPages(this.#life, +count);
  }

  get databaseSize() {
    if (!(#life in this)) throw illegalInvocation();
    this.#check();
    return ops.sqlSize(this.#life);
  }
}
defineInterface(SqlStorage);
for (const Class of [Cursor, Statement]) {
  ReflectDefineProperty(SqlStorage.prototype, Class.name, {
    __proto__: null, value: Class, writable: true, enumerable: true, configurable: true,
  });
}

exports.createSql = (life, refusal) => new SqlStorage(inside, life, refusal);
if (!flags.workerdExperimental) {
  delete SqlStorage.prototype.prepare;
  delete SqlStorage.prototype.ingest;
  delete SqlStorage.prototype.setMaxPageCountForTest;
  delete Cursor.prototype.reusedCachedQueryForTest;
}
