/* What the object of a workflow's instance keeps: the instance, its steps, events, streams and what has happened. */
import { CHUNK_BYTES, LOGGED, MAX_SHOWN_CHARACTERS, internal, now, twelve } from "/workerd/workflows/values.js";

/** What an object keeps of its instance. */
export class Journal {
  #storage;
  #kv;
  #id;
  /** Called for each thing that happens. */
  happened = () => {};

  constructor({ storage, id }) {
    this.#storage = storage;
    this.#kv = storage.kv;
    this.#id = id.name;
  }

  get meta() {
    return this.#kv.get("meta");
  }

  set meta(meta) {
    this.#kv.put("meta", meta);
  }

  #next(counter) {
    const number = (this.#kv.get(counter) ?? 0) + 1;
    this.#kv.put(counter, number);
    return number;
  }

  #all(prefix) {
    return [...this.#kv.list({ prefix })];
  }

  log(type, fields = {}) {
    const eventId = this.#next("logs");
    this.#kv.put(`l:${twelve(eventId)}`, { type, instanceId: this.#id, eventId, timestamp: now(), ...fields });
    this.happened();
  }

  /** What has happened first after a number. */
  entryAfter(cursor) {
    for (const [, entry] of this.#kv.list({ prefix: "l:", start: `l:${twelve(cursor + 1)}`, limit: 1 })) return entry;
    return undefined;
  }

  /** Sets the status, with other fields of the instance; subscribers are told of `logged`. */
  become(status, fields = {}, logged = {}) {
    this.meta = { ...this.meta, ...fields, status };
    this.log(LOGGED[status], logged);
  }

  step(key) {
    return this.#kv.get(key);
  }

  /** What a test has set. */
  double(key) {
    return this.#kv.get(`x:${key}`);
  }

  setDouble(key, value) {
    this.#kv.put(`x:${key}`, value);
  }

  /** All that has happened, in order. */
  entries() {
    return this.#all("l:").map(([, entry]) => entry);
  }

  /** Numbered in the order in which steps were first reached. */
  newStep(type, name, count) {
    return { ord: this.#next("ord"), type, name, count };
  }

  put(key, record) {
    this.#kv.put(key, record);
  }

  steps() {
    return this.#all("s:").sort(([, a], [, b]) => a.ord - b.ord);
  }

  /** Moves the deadlines of what is not over. */
  postpone(ms) {
    for (const [key, record] of this.#all("s:")) {
      if (record.done || record.error) continue;
      if (record.deadline !== undefined) record.deadline += ms;
      if (record.retryAt !== undefined) record.retryAt += ms;
      this.put(key, record);
    }
  }

  /** An entry as subscribers get it, with the stream that it tells of. */
  withStream({ stream: key, ...entry }) {
    const stored = key && this.step(key)?.stream;
    return stored ? { ...entry, output: this.open(key, entry.stepName, stored) } : entry;
  }

  /** Forgets steps, all events, and what has happened but for what `stays` says. */
  forget(keys, stays) {
    for (const key of keys) {
      this.#kv.delete(key);
      this.#sql.exec("DELETE FROM chunks WHERE key = ?", key);
    }
    for (const [key] of this.#all("e:")) this.#kv.delete(key);
    for (const [key, entry] of this.#all("l:")) if (!stays(entry)) this.#kv.delete(key);
  }

  send({ type, payload }) {
    this.#kv.put(`e:${twelve(this.#next("events"))}`, { type, payload, timestamp: new Date(now()) });
  }

  /** The oldest event of a type that nobody has taken; `record(event)` is written with its removal. */
  take(type, key, record) {
    for (const [at, event] of this.#all("e:")) {
      if (event.type !== type) continue;
      this.#kv.delete(at);
      this.put(key, record(event));
      return event;
    }
    return undefined;
  }

  get #sql() {
    const { sql } = this.#storage;
    sql.exec(`CREATE TABLE IF NOT EXISTS chunks (key TEXT, attempt INTEGER, i INTEGER, chunk BLOB,
      PRIMARY KEY (key, attempt, i)) WITHOUT ROWID`);
    return sql;
  }

  /** Stores a stream that an attempt has returned; what the step's record says of it. */
  async store(key, attempt, reader) {
    const sql = this.#sql;
    sql.exec("DELETE FROM chunks WHERE key = ?", key);
    const stored = { attempt, chunks: 0, bytes: 0, preview: "" };
    const buffer = new Uint8Array(CHUNK_BYTES);
    let filled = 0;
    let head;
    const flush = () => {
      if (filled === 0) return;
      const chunk = buffer.slice(0, filled);
      head ??= chunk;
      sql.exec("INSERT INTO chunks VALUES (?, ?, ?, ?)", key, attempt, stored.chunks++, chunk.buffer);
      stored.bytes += filled;
      filled = 0;
    };
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      for (let rest = value; rest.byteLength > 0; ) {
        const part = rest.subarray(0, CHUNK_BYTES - filled);
        buffer.set(part, filled);
        filled += part.byteLength;
        rest = rest.subarray(part.byteLength);
        if (filled === CHUNK_BYTES) flush();
      }
    }
    flush();
    return { ...stored, preview: preview(head ?? new Uint8Array(), stored.bytes) };
  }

  /** A stored stream, read as it is wanted. */
  open(key, stepName, { attempt, chunks, bytes }) {
    const sql = this.#sql;
    const where = "FROM chunks WHERE key = ? AND attempt = ?";
    const has = sql.exec(`SELECT COUNT(*) AS chunks, COALESCE(SUM(LENGTH(chunk)), 0) AS bytes ${where}`, key, attempt).one();
    if (has.chunks !== chunks || has.bytes !== bytes)
      throw internal(`Stored output for ${stepName} is corrupt or incomplete.`);
    let next = 0;
    return new ReadableStream({
      type: "bytes",
      pull(controller) {
        if (next === chunks) return controller.close();
        const { chunk } = sql.exec(`SELECT chunk ${where} AND i = ?`, key, attempt, next++).one();
        controller.enqueue(new Uint8Array(chunk));
      },
    });
  }
}

/** The start of a stream as text, if it is any. */
function preview(head, bytes) {
  // A character has at most four bytes.
  const part = head.subarray(0, MAX_SHOWN_CHARACTERS * 4);
  const isCut = part.byteLength < bytes;
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(part, { stream: isCut });
  } catch {
    return `[ReadableStream (binary): ${bytes} bytes]`;
  }
  return isCut || text.length > MAX_SHOWN_CHARACTERS ? `${text.slice(0, MAX_SHOWN_CHARACTERS)}[truncated output]` : text;
}
