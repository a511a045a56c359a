/*
 * Key-value namespaces: the service behind `kvNamespace` bindings whose props are `{"namespace": "<id>"}`.
 *
 * A namespace is spread by key over Durable Objects, so that its throughput is that of many, in whatever process each lives. The
 * first object, named by the id, knows how many there are; `list` merges what all have. Of a namespace that the published kv.js
 * wrote, the first object has every key, and it stays so.
 *
 * An object keeps its keys in the table `entries`, with values of up to `MAX_INLINE_BYTES`. A larger value is a blob, a file of the
 * service BLOBS that is written once: reserved in the table `garbage`, written, then claimed by the write of its row. What no row
 * names is deleted by the object's alarm, so a crash at any point leaves neither a row without its blob nor a blob for ever.
 *
 * The config: compatibility date 2024-04-03 or the flag `rpc`; the class `KVNamespace` with `enableSql`, on a disk; these bindings:
 *
 *   SHARD       the class `KVNamespace`
 *   BLOBS       a writable disk
 *   SHARDS      JSON: over how many objects a new namespace is spread (16; 1 to 1024). With 1, the published kv.js can read it
 *   TEST_CLOCK  JSON `true`, for tests: `POST /clock?advance=<ms>` moves the clock by which entries expire, `POST /gc` deletes the
 *               blobs that no row names
 */
import { DurableObject } from "cloudflare:workers";

const MAX_INLINE_BYTES = 64 * 1024;
const MAX_VALUE_BYTES = 25 * 1024 * 1024;
const MAX_METADATA_BYTES = 1024;
const MAX_KEY_BYTES = 512;
const MAX_LIST_KEYS = 1000;
const MAX_BULK_KEYS = 100;
const MAX_BULK_BYTES = 25 * 1024 * 1024;
const MIN_EXPIRATION_S = 60;
const MIN_CACHE_S = 30;

const DEFAULT_SHARDS = 16;
const MAX_SHARDS = 1024;

/** Namespaces whose number of objects is remembered. */
const MAX_LAYOUTS = 10_000;

/** How long a blob may take from its reservation to the write that claims it. */
const RESERVED_MS = 600_000;

/** How long a blob stays that no row names any more: some have just read the row. With TEST_CLOCK, until a test asks. */
const GRACE_MS = 2_000;
const TEST_GRACE_MS = 600_000;

/** How often a row is read again whose blob is gone, since it was replaced. */
const MAX_READS = 4;

/** What one alarm deletes; more is left for the next, `SWEEP_PAUSE_MS` later. */
const MAX_SWEPT_ROWS = 1000;
const MAX_SWEPT_BLOBS = 100;
const SWEEP_PAUSE_MS = 100;

const encoder = new TextEncoder();
const strictDecoder = new TextDecoder("utf-8", { fatal: true });

const byteLength = (text) => encoder.encode(text).byteLength;

/** What is wrong with a request. Clients see the text as the status text. */
class Refusal extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

/** An empty answer. A status text is one line of Latin-1. */
const refused = (status, text) => new Response(null, { status, statusText: text.replace(/[^\t\x20-\x7e\x80-\xff]/g, " ") });

let skewMs = 0;
const now = () => Date.now() + skewMs;

export default {
  async fetch(request, env, ctx) {
    const id = ctx.props?.namespace;
    if (typeof id !== "string") return refused(400, 'No namespace: props must be {"namespace": "<id>"}.');
    const namespace = new Namespace(env, id);
    // Without RPC, whatever is called on an object is no function.
    if (typeof namespace.first.read !== "function") {
      return refused(
        500,
        'KV needs RPC: give its Worker a compatibility date of 2024-04-03 or later, or the "rpc" compatibility flag.',
      );
    }
    try {
      return await answer(request, namespace);
    } catch (error) {
      return refused(error.status ?? 500, String(error.message ?? error));
    }
  },
};

async function answer(request, namespace) {
  const { path, query } = target(request.url);
  let key;
  try {
    key = decodeURIComponent(path.slice(1));
  } catch {
    throw new Refusal(400, "Invalid key encoding");
  }
  switch (request.method) {
    case "GET":
      return path === "/" ? list(namespace, query) : get(namespace, key, query);
    case "PUT":
      return put(namespace, key, query, request);
    case "DELETE":
      await (await namespace.shardOf(key)).remove(key);
      return new Response(null);
    case "POST":
      if (path === "/bulk/get") return bulkGet(namespace, request);
      if (namespace.env.TEST_CLOCK) return test(namespace, path, query);
  }
  throw new Refusal(405, "Method Not Allowed");
}

/** The path of a URL as it was sent, and its query. */
function target(url) {
  const [, path, query] = /^[^:]*:\/\/[^/?]*([^?]*)\??(.*)$/s.exec(url);
  return { path: path || "/", query: new URLSearchParams(query) };
}

async function test(namespace, path, query) {
  if (path === "/clock") {
    const advance = Number(query.get("advance"));
    if (!Number.isFinite(advance)) throw new Refusal(400, "advance must be a number of milliseconds.");
    skewMs += advance;
  } else if (path === "/gc") {
    await Promise.all((await namespace.shards()).map((shard) => shard.collect()));
  } else {
    throw new Refusal(405, "Method Not Allowed");
  }
  return new Response(null);
}

// Requests.

async function get(namespace, key, query) {
  checkCacheTtl(query.get("cache_ttl"));
  const headers = { "CF-Cache-Status": "MISS" };
  const entry = await namespace.read(key);
  if (entry === null) return new Response(null, { status: 404, headers });
  if (entry.metadata !== null) headers["CF-KV-Metadata"] = entry.metadata;
  return new Response(entry.value, { headers });
}

async function put(namespace, key, query, request) {
  const value = await valueOf(request);
  const expiration = expirationOf(query);
  const metadata = request.headers.get("CF-KV-Metadata");
  const length = metadata === null ? 0 : byteLength(metadata);
  if (length > MAX_METADATA_BYTES) {
    throw new Refusal(413, `Metadata length of ${length} exceeds limit of ${MAX_METADATA_BYTES}.`);
  }
  await namespace.write(key, value, expiration, metadata);
  return new Response(null);
}

/** The body, of which no more is kept than a value may have. */
async function valueOf({ body }) {
  const chunks = [];
  let length = 0;
  for await (const chunk of body ?? []) {
    length += chunk.byteLength;
    if (length <= MAX_VALUE_BYTES) chunks.push(chunk);
    else chunks.length = 0;
  }
  if (length > MAX_VALUE_BYTES) {
    throw new Refusal(413, `Value length of ${length} exceeds limit of ${MAX_VALUE_BYTES}.`);
  }
  const value = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    value.set(chunk, at);
    at += chunk.byteLength;
  }
  return value;
}

/** When an entry expires, in ms since 1970; null if never. A number may have anything after it, as in production. */
function expirationOf(query) {
  const current = Math.floor(now() / 1000);
  const ttl = query.get("expiration_ttl");
  if (ttl !== null) {
    const wrong = `Invalid expiration_ttl of ${ttl}.`;
    const seconds = Number.parseInt(ttl, 10);
    if (!(seconds > 0)) throw new Refusal(400, `${wrong} Please specify integer greater than 0.`);
    if (seconds < MIN_EXPIRATION_S) {
      throw new Refusal(400, `${wrong} Expiration TTL must be at least ${MIN_EXPIRATION_S}.`);
    }
    return (current + seconds) * 1000;
  }
  const expiration = query.get("expiration");
  if (expiration === null) return null;
  const wrong = `Invalid expiration of ${expiration}.`;
  const seconds = Number.parseInt(expiration, 10);
  if (!(seconds > current)) {
    throw new Refusal(
      400,
      `${wrong} Please specify integer greater than the current number of seconds since the UNIX epoch.`,
    );
  }
  if (seconds < current + MIN_EXPIRATION_S) {
    throw new Refusal(400, `${wrong} Expiration times must be at least ${MIN_EXPIRATION_S} seconds in the future.`);
  }
  return seconds * 1000;
}

async function list(namespace, query) {
  const given = query.get("key_count_limit");
  const limit = given === null ? MAX_LIST_KEYS : Number.parseInt(given, 10);
  const wrong = `Invalid key_count_limit of ${limit}.`;
  if (!(limit >= 1)) throw new Refusal(400, `${wrong} Please specify an integer greater than 0.`);
  if (limit > MAX_LIST_KEYS) throw new Refusal(400, `${wrong} Please specify an integer less than ${MAX_LIST_KEYS}.`);
  const after = keyOfCursor(query.get("cursor"));
  const prefix = query.get("prefix") ?? "";
  checkLength(prefix);
  const rows = await namespace.list(prefix, after, limit + 1);
  const keys = rows.slice(0, limit).map(({ key, expiration, metadata }) => ({
    name: key,
    ...(expiration !== null && { expiration: Math.floor(expiration / 1000) }),
    ...(metadata !== null && { metadata }),
  }));
  const isComplete = rows.length <= limit;
  return Response.json({
    keys,
    list_complete: isComplete,
    ...(!isComplete && { cursor: cursorOf(keys.at(-1).name) }),
  });
}

/** A cursor is the base64 of the last key of its page. */
const cursorOf = (key) => btoa(String.fromCharCode(...encoder.encode(key)));

function keyOfCursor(cursor) {
  if (!cursor) return "";
  try {
    return strictDecoder.decode(Uint8Array.from(atob(cursor), (char) => char.charCodeAt(0)));
  } catch {
    throw new Refusal(400, "Invalid cursor.");
  }
}

async function bulkGet(namespace, request) {
  const body = await request.json().catch(() => null);
  if (typeof body !== "object" || body === null) throw new Refusal(400, "Invalid JSON");
  const { type = "text", withMetadata } = body;
  const keys = Array.isArray(body.keys) ? body.keys.map(String) : [];
  // A type of null is as none.
  if (![null, "text", "json"].includes(type)) throw new Refusal(400, `"${type}" is not a valid type. Use "json" or "text"`);
  if (keys.length > MAX_BULK_KEYS) throw new Refusal(400, `You can request a maximum of ${MAX_BULK_KEYS} keys`);
  if (keys.length < 1) throw new Refusal(400, "You must request a minimum of 1 key");
  keys.forEach(checkKey);
  checkCacheTtl(body.cacheTtl);
  const found = {};
  let total = 0;
  for await (const [key, entry] of namespace.readAll(keys)) {
    let member = null;
    if (entry !== null) {
      const bytes = entry.value instanceof ReadableStream ? await new Response(entry.value).bytes() : entry.value;
      total += bytes.byteLength;
      if (total > MAX_BULK_BYTES) {
        throw new Refusal(413, `Total size of request exceeds the limit of ${MAX_BULK_BYTES / 1024 / 1024}MB`);
      }
      member = type === "json" ? parsed(bytes) : new TextDecoder().decode(bytes);
      if (withMetadata) member = { value: member, metadata: entry.metadata && JSON.parse(entry.metadata) };
    }
    // Also a key that an assignment would take for something else, as `__proto__`.
    Object.defineProperty(found, key, { value: member, enumerable: true, configurable: true });
  }
  return Response.json(found);
}

function parsed(bytes) {
  try {
    return JSON.parse(strictDecoder.decode(bytes));
  } catch {
    throw new Refusal(400, "At least one of the requested keys corresponds to a non-json value");
  }
}

function checkKey(key) {
  if (key === "") throw new Refusal(400, "Key names must not be empty");
  if (key === "." || key === "..") throw new Refusal(400, `Illegal key name "${key}". Please use a different name.`);
  checkLength(key);
}

function checkLength(key) {
  const length = byteLength(key);
  if (length > MAX_KEY_BYTES) {
    throw new Refusal(414, `UTF-8 encoded length of ${length} exceeds key length limit of ${MAX_KEY_BYTES}.`);
  }
}

/** Nothing is cached: an object is as near as a cache would be. */
function checkCacheTtl(ttl) {
  if (ttl === null || ttl === undefined) return;
  const seconds = Number(ttl);
  if (!Number.isInteger(seconds) || seconds < MIN_CACHE_S) {
    throw new Refusal(400, `Invalid cache_ttl of ${ttl}. Cache TTL must be at least ${MIN_CACHE_S}.`);
  }
}

// A namespace as those see it who use it.

/** Over how many objects the namespaces are spread that this process has used. */
const layouts = new Map();

class Namespace {
  #id;

  constructor(env, id) {
    this.env = env;
    this.#id = id;
    this.first = this.#shard(0);
  }

  #name(index) {
    return index === 0 ? this.#id : `${this.#id}\0${index}`;
  }

  #shard(index) {
    return this.env.SHARD.get(this.env.SHARD.idFromName(this.#name(index)));
  }

  async #count() {
    let count = layouts.get(this.#id);
    if (count === undefined) {
      const wanted = this.env.SHARDS ?? DEFAULT_SHARDS;
      if (!(Number.isInteger(wanted) && wanted >= 1 && wanted <= MAX_SHARDS)) {
        throw new Error(`SHARDS must be an integer from 1 to ${MAX_SHARDS}.`);
      }
      count = await this.first.layout(wanted);
      if (layouts.size >= MAX_LAYOUTS) layouts.clear();
      layouts.set(this.#id, count);
    }
    return count;
  }

  async shards() {
    return Array.from({ length: await this.#count() }, (_, index) => this.#shard(index));
  }

  async #indexOf(key) {
    return hash(key) % (await this.#count());
  }

  async shardOf(key) {
    return this.#shard(await this.#indexOf(key));
  }

  /** The value (bytes or a stream of them) and metadata of a key that is there, or null. */
  async read(key) {
    const shard = await this.shardOf(key);
    const [row] = await shard.read([key], now());
    return this.#entry(shard, key, row);
  }

  /** Yields keys with what `read` gives, in their order. */
  async *readAll(keys) {
    const indexes = await Promise.all(keys.map((key) => this.#indexOf(key)));
    const parts = Map.groupBy(keys.keys(), (at) => indexes[at]);
    const rows = [];
    await Promise.all(
      Array.from(parts, async ([index, part]) => {
        const found = await this.#shard(index).read(
          part.map((at) => keys[at]),
          now(),
        );
        part.forEach((at, i) => {
          rows[at] = found[i];
        });
      }),
    );
    for (const [at, key] of keys.entries()) yield [key, await this.#entry(this.#shard(indexes[at]), key, rows[at])];
  }

  /** A row with its value, which may be a blob. */
  async #entry(shard, key, row) {
    for (let reads = 1; row !== null; reads++) {
      const { metadata } = row;
      if (row.blob === null) return { value: new Uint8Array(row.value), metadata };
      const response = await this.env.BLOBS.fetch(blobUrl(row.blob));
      if (response.ok) return { value: response.body, metadata };
      await response.body?.cancel();
      if (response.status !== 404 || reads === MAX_READS) throw new Error(`Reading the value failed: ${response.status}.`);
      [row] = await shard.read([key], now());
    }
    return null;
  }

  async write(key, value, expiration, metadata) {
    const index = await this.#indexOf(key);
    const shard = this.#shard(index);
    if (value.byteLength <= MAX_INLINE_BYTES) {
      await shard.write(key, value, null, expiration, metadata);
      return;
    }
    const blob = `${this.env.SHARD.idFromName(this.#name(index))}/b/${crypto.getRandomValues(new Uint8Array(32)).toHex()}`;
    await shard.reserve(key, blob);
    const response = await this.env.BLOBS.fetch(blobUrl(blob), { method: "PUT", body: value });
    if (!response.ok) throw new Error(`Writing the value failed: ${response.status}.`);
    await shard.write(key, null, blob, expiration, metadata);
  }

  /** The first keys with a prefix after a key, in the order of their UTF-8. Every object gives some, more if all were taken. */
  async list(prefix, after, limit) {
    const shards = await this.shards();
    const share = shards.length === 1 ? limit : Math.ceil((2 * limit) / shards.length);
    const parts = shards.map((shard) => ({ shard, after, rows: [], at: 0, isLast: false }));
    const merged = [];
    while (merged.length < limit) {
      const empty = parts.filter((part) => part.at === part.rows.length && !part.isLast);
      await Promise.all(
        empty.map(async (part) => {
          part.rows = await part.shard.list(prefix, part.after, share, now());
          part.at = 0;
          part.isLast = part.rows.length < share;
          part.after = part.rows.at(-1)?.key;
        }),
      );
      const filled = parts.filter((part) => part.at < part.rows.length);
      if (filled.length === 0) break;
      do {
        const least = filled.reduce((one, other) =>
          compare(one.rows[one.at].key, other.rows[other.at].key) <= 0 ? one : other,
        );
        merged.push(least.rows[least.at++]);
        if (least.at === least.rows.length) break;
      } while (merged.length < limit);
    }
    return merged;
  }
}

const blobUrl = (blob) => `http://blobs/${blob}`;

/** FNV-1a of the UTF-16 of a text. Where keys are depends on it. */
function hash(text) {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}

/** The order of two texts' UTF-8, which is that of their code points. */
function compare(a, b) {
  for (let i = 0; ; i++) {
    const [x, y] = [a.codePointAt(i), b.codePointAt(i)];
    if (x !== y || x === undefined) return (x ?? -1) - (y ?? -1);
  }
}

/** What sorts after all texts with a prefix and before every other: a text, or a blob, which sorts after texts. */
function end(prefix) {
  const chars = [...prefix];
  while (chars.length > 0) {
    const last = chars.pop().codePointAt(0);
    // No code points are surrogates.
    if (last < 0x10ffff) return chars.join("") + String.fromCodePoint(last === 0xd7ff ? 0xe000 : last + 1);
  }
  return new Uint8Array();
}

// An object: some of the keys of a namespace.

/** The schema of tables that the published kv.js has too, and of a first object with a table `layout`, which that refuses. */
const SCHEMA = 1;
const SCHEMA_WITH_LAYOUT = 2;

const TABLES = `
  CREATE TABLE entries (key TEXT PRIMARY KEY, value BLOB, blob TEXT, expiration INTEGER, metadata TEXT);
  CREATE INDEX entries_expiration ON entries(expiration);
  CREATE TABLE garbage (blob TEXT PRIMARY KEY, due INTEGER NOT NULL, key TEXT);
  CREATE TABLE clock (v INTEGER NOT NULL);
  INSERT INTO clock VALUES (0);
  INSERT INTO schema VALUES (${SCHEMA});
`;

export class KVNamespace extends DurableObject {
  #sql;
  /** When the alarm is, or null. */
  #alarm = null;

  constructor(ctx, env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    ctx.storage.transactionSync(() => {
      this.#sql.exec("CREATE TABLE IF NOT EXISTS schema (v INTEGER NOT NULL)");
      const [found] = this.#sql.exec("SELECT v FROM schema");
      if (found?.v > SCHEMA_WITH_LAYOUT) {
        throw new Error(`This namespace's schema (${found.v}) is newer than this workerd's (${SCHEMA_WITH_LAYOUT}).`);
      }
      if (found === undefined) this.#sql.exec(TABLES);
    });
    ctx.blockConcurrencyWhile(async () => {
      this.#alarm = await ctx.storage.getAlarm();
    });
  }

  /** For the first object: how many the namespace has. One that holds nothing yet gets as many as are wanted. */
  layout(wanted) {
    const sql = this.#sql;
    return this.ctx.storage.transactionSync(() => {
      if (sql.exec("SELECT v FROM schema").one().v === SCHEMA_WITH_LAYOUT) {
        return sql.exec("SELECT shards FROM layout").one().shards;
      }
      if (wanted === 1 || sql.exec("SELECT EXISTS (SELECT 1 FROM entries) AS used").one().used) return 1;
      sql.exec("CREATE TABLE layout (shards INTEGER NOT NULL)");
      sql.exec("INSERT INTO layout VALUES (?)", wanted);
      sql.exec("UPDATE schema SET v = ?", SCHEMA_WITH_LAYOUT);
      return wanted;
    });
  }

  /** A row a key, null where there is none or it has expired. */
  read(keys, now) {
    const query = "SELECT value, blob, metadata FROM entries WHERE key = ? AND (expiration IS NULL OR expiration > ?)";
    return keys.map((key) => this.#sql.exec(query, key, now).toArray()[0] ?? null);
  }

  /** Announces a blob. It is deleted unless a write of the key claims it in time. */
  reserve(key, blob) {
    this.#discard(blob, Date.now() + RESERVED_MS, key);
  }

  write(key, value, blob, expiration, metadata) {
    if (blob !== null) {
      const claimed = this.#sql.exec("DELETE FROM garbage WHERE blob = ? AND key IS ? RETURNING blob", blob, key);
      if (claimed.toArray().length === 0) throw new Error("The value was collected before its write.");
    }
    this.remove(key);
    this.#sql.exec("INSERT INTO entries VALUES (?, ?, ?, ?, ?)", key, value, blob, expiration, metadata);
    if (expiration !== null) this.#wake(expiration);
  }

  remove(key) {
    const [removed] = this.#sql.exec("DELETE FROM entries WHERE key = ? RETURNING blob", key);
    if (removed?.blob) this.#discard(removed.blob, Date.now() + this.#graceMs());
  }

  list(prefix, after, limit, now) {
    return this.#sql
      .exec(
        `SELECT key, expiration, metadata FROM entries
         WHERE key > ? AND key >= ? AND key < ? AND (expiration IS NULL OR expiration > ?) ORDER BY key LIMIT ?`,
        after,
        prefix,
        end(prefix),
        now,
        limit,
      )
      .toArray();
  }

  async alarm() {
    this.#alarm = null;
    await this.#sweep(Date.now());
  }

  /** For tests: as if no blob had any time left that no row names. */
  async collect() {
    await this.#sweep(Date.now() + this.#graceMs());
  }

  /** Deletes expired rows, unclaimed blobs, and blobs that no row names and that are due by then. */
  async #sweep(dueBy) {
    const time = Date.now();
    const expired = this.#sql.exec("SELECT key FROM entries WHERE expiration <= ? LIMIT ?", time, MAX_SWEPT_ROWS);
    for (const { key } of expired.toArray()) this.remove(key);
    const due = this.#sql.exec(
      "SELECT blob FROM garbage WHERE due <= ? OR (key IS NULL AND due <= ?) LIMIT ?",
      time,
      dueBy,
      MAX_SWEPT_BLOBS,
    );
    await Promise.all(due.toArray().map(({ blob }) => this.#delete(blob)));
    const [{ next }] = this.#sql.exec(
      "SELECT min(t) AS next FROM (SELECT min(due) AS t FROM garbage UNION ALL SELECT min(expiration) FROM entries)",
    );
    if (next !== null) this.#wake(Math.max(next, Date.now() + SWEEP_PAUSE_MS));
  }

  /** Deletes a blob that can be claimed no more. Where that fails, it is due again later. */
  async #delete(blob) {
    this.#discard(blob, Date.now() + this.#graceMs());
    const response = await this.env.BLOBS.fetch(blobUrl(blob), { method: "DELETE" });
    if (response.ok || response.status === 404) {
      this.#sql.exec("DELETE FROM garbage WHERE blob = ? AND key IS NULL", blob);
    }
  }

  #graceMs() {
    return this.env.TEST_CLOCK ? TEST_GRACE_MS : GRACE_MS;
  }

  /** Has a blob deleted at some time, unless a write of the key claims it before. */
  #discard(blob, due, key = null) {
    this.#sql.exec("INSERT OR REPLACE INTO garbage VALUES (?, ?, ?)", blob, due, key);
    this.#wake(due);
  }

  #wake(at) {
    if (this.#alarm !== null && this.#alarm <= at) return;
    this.#alarm = at;
    this.ctx.storage.setAlarm(at);
  }
}
