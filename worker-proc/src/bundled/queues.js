/*
 * Queues: the service behind `queue` bindings whose props are `{"queue": "<name>"}`, and what calls `queue()` of their consumers.
 *
 * A queue is up to `MAX_SHARDS` Durable Objects, shards, each with messages of its own that it delivers in its own process. Every
 * process sends to the first shard, in an order that is the same for all, that it finds to live in itself: so each has one, a restart
 * comes to the same ones, and one process alone sends all to the shard that the published queues.js has.
 *
 * A message is a row of the table `messages`. A delivery leases its rows under a new generation, and what becomes of a row is only
 * written while it has that: an acknowledgement deletes it, a retry makes it visible again later. A lease that has run out, or that
 * was the object's when it last lived, was a failed attempt, so a message is delivered at least once. One that has failed too often
 * goes to the dead letter queue, and is deleted when that has it.
 *
 * Deliveries run in the object's alarm, which is set for whatever comes next, so no crash leaves messages lying.
 *
 * The config: compatibility date 2024-04-03 or the flag `rpc`, the flag `service_binding_extra_handlers`; the class `QueueShard` with
 * `enableSql`, on a disk; these bindings:
 *
 *   SHARD       the class `QueueShard`
 *   CONSUMERS   JSON: `{"<queue>": {"consumer": "<service>", ...settings}}`, see `DEFAULTS`; queues without a consumer are not named
 *   <service>   each consumer, under that name
 *   TEST_CLOCK  JSON `true`, for tests: `POST /clock?advance=<ms>` moves the clock. A shard sees it at its next call; alarms keep the
 *               real time
 */
import { DurableObject, env } from "cloudflare:workers";

const MAX_SHARDS = 1024;
const MAX_MESSAGE_BYTES = 128_000;
const MAX_BATCH_MESSAGES = 100;
const MAX_BATCH_BYTES = 256_000;
const MAX_BATCH_TIMEOUT_S = 60;

/** A request's body: a batch whose messages are all too large, so that it can be said which limit it exceeds. */
const MAX_BODY_BYTES = 32 * 1024 * 1024;

/** A shard that holds more takes no messages: its senders look for another, `MAX_SENDS` times. */
const MAX_SHARD_BYTES = 256 * 1024 * 1024;
const MAX_SHARD_MESSAGES = 1_000_000;
const MAX_SENDS = 4;

/** Batches that a shard delivers at once, unless the consumer has a `maxConcurrency`, which is then the number of shards. */
const MAX_DELIVERIES = 8;

/** How long a delivery may take: longer than the 15 minutes that a consumer has. */
const LEASE_MS = 16 * 60_000;

/** For how long an alarm begins deliveries. They have the rest of its 15 minutes to end. */
const ALARM_MS = 5 * 60_000;

/** An alarm waits for what comes so soon, which is cheaper than setting another. */
const LINGER_MS = 2_000;

/** When dead letters are sent again that the other queue did not take. */
const DEAD_RETRY_MS = 10_000;

const RETENTION_MS = 4 * 24 * 3_600_000;

/** How bodies are encoded. Rows have the index. */
const FORMATS = ["v8", "text", "json", "bytes"];

/** A consumer's settings, times in seconds. `maxConcurrency` 0 is no limit. */
const DEFAULTS = {
  maxBatchSize: 10,
  maxBatchTimeout: 5,
  maxRetries: 3,
  retryDelay: 0,
  maxConcurrency: 0,
  deadLetterQueue: "",
};

/** The consumers of queues. What is wrong with them is an error of the start. */
const consumers = new Map(
  Object.entries(env.CONSUMERS ?? {}).map(([queue, given]) => {
    if (typeof env[given.consumer]?.queue !== "function") {
      throw new Error(`queue "${queue}": no service binding "${given.consumer}"`);
    }
    const settings = { ...DEFAULTS, ...given };
    for (const [name, value] of Object.entries(DEFAULTS)) {
      const is = settings[name];
      if (typeof is !== typeof value || is < 0)
        throw new Error(`queue "${queue}": ${name} must not be ${JSON.stringify(is)}`);
    }
    settings.maxBatchSize = Math.max(1, Math.min(settings.maxBatchSize, MAX_BATCH_MESSAGES));
    settings.maxBatchTimeout = Math.min(settings.maxBatchTimeout, MAX_BATCH_TIMEOUT_S);
    return [queue, settings];
  }),
);

let skewMs = 0;
const now = () => Date.now() + skewMs;

const decoder = new TextDecoder();

// Sending.

/** Tells this isolate from others: a shard that answers with it is near. Made when first asked for, as that needs a request. */
let ownInstance;
const instance = () => (ownInstance ??= crypto.randomUUID());

/** How many shards were tried that are elsewhere or full, by queues. */
const misses = new Map();
const MAX_MISSES = 10_000;

/** FNV-1a of a text's UTF-16. */
function hash(text) {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}

/** Has a shard take messages: its answer. */
async function send(queue, messages) {
  const shards = Math.min(consumers.get(queue)?.maxConcurrency || MAX_SHARDS, MAX_SHARDS);
  for (let sends = 1; ; sends++) {
    const missed = misses.get(queue) ?? 0;
    const name = `${queue}#${hash(`local/${queue}/${missed}`) % shards}`;
    const answer = await env.SHARD.get(env.SHARD.idFromName(name)).take(queue, messages, skewMs);
    if (answer.isFull || answer.instance !== instance()) {
      if (misses.size >= MAX_MISSES) misses.clear();
      misses.set(queue, missed + 1);
    }
    if (!answer.isFull || sends === MAX_SENDS) return answer;
  }
}

/** What is wrong with a request. */
class Refusal extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

export default {
  async fetch(request, _, ctx) {
    const { pathname, searchParams } = new URL(request.url);
    try {
      if (env.TEST_CLOCK && pathname === "/clock") return moveClock(searchParams);
      const queue = ctx.props?.queue;
      if (typeof queue !== "string") throw new Refusal(400, 'No queue: props must be {"queue": "<name>"}.');
      const { metrics, isFull } = await send(queue, await messagesOf(pathname, request));
      if (isFull) throw new Refusal(429, "Queue is overloaded.");
      return json(200, pathname === "/metrics" ? metrics : { metadata: { metrics } });
    } catch (error) {
      if (error instanceof Refusal) return json(error.status, error.message);
      throw error;
    }
  },
};

const json = (status, value) => new Response(JSON.stringify(value), { status });

function moveClock(query) {
  const advance = Number(query.get("advance"));
  if (!Number.isFinite(advance)) throw new Refusal(400, "advance must be a number of milliseconds.");
  skewMs += advance;
  return json(200, { now: now() });
}

/** The messages of a request: none where only metrics are asked for. */
async function messagesOf(path, request) {
  if (path === "/metrics") return [];
  if (request.method !== "POST") throw new Refusal(405, "Method Not Allowed");
  const format = request.headers.get("X-Msg-Fmt") ?? "v8";
  const delay = Number(request.headers.get("X-Msg-Delay-Secs") ?? 0);
  if (path === "/message") {
    const body = await bytesOf(request);
    if (body.byteLength > MAX_MESSAGE_BYTES) throw tooMuch(`message length of ${body.byteLength} bytes`);
    return [message(body, format, delay)];
  }
  if (path !== "/batch") throw new Refusal(404, "Not Found");
  let messages;
  try {
    messages = JSON.parse(decoder.decode(await bytesOf(request))).messages.map((given) =>
      message(Uint8Array.fromBase64(given.body), given.contentType ?? "v8", given.delaySecs ?? delay),
    );
  } catch (error) {
    throw error instanceof Refusal ? error : new Refusal(400, `malformed batch: ${error.message}`);
  }
  const sizes = messages.map(({ body }) => body.byteLength);
  const largest = Math.max(0, ...sizes);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (messages.length > MAX_BATCH_MESSAGES) throw tooMuch(`batch message count of ${messages.length}`);
  if (largest > MAX_MESSAGE_BYTES) throw tooMuch(`message in batch of ${largest} bytes`);
  if (total > MAX_BATCH_BYTES) throw tooMuch(`batch size of ${total} bytes`);
  return messages;
}

const tooMuch = (what) => new Refusal(413, `${what} exceeds limit`);

/** A body of bounded size. */
async function bytesOf({ body }) {
  const chunks = [];
  let length = 0;
  for await (const chunk of body ?? []) {
    length += chunk.byteLength;
    if (length > MAX_BODY_BYTES) throw tooMuch("request body");
    chunks.push(chunk);
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

/** A message to take, if it could be delivered: one that cannot would fail its batch again and again. */
function message(body, format, delay) {
  if (!FORMATS.includes(format)) throw new Refusal(400, `unsupported content type ${format}`);
  if (!Number.isFinite(delay)) throw new Refusal(400, "the delay must be a number of seconds");
  if (format === "json") jsonOf(body);
  return { body, format: FORMATS.indexOf(format), delay };
}

/** What is no value in JSON is sent as the word `undefined`. */
function jsonOf(body) {
  const text = decoder.decode(body);
  if (text === "undefined") return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Refusal(400, `malformed JSON: ${error.message}`);
  }
}

// A shard.

/** The published queues.js has the same table. A row that is not leased is visible from `visible_at`; `dead` has failed too often. */
const TABLE = `
  CREATE TABLE IF NOT EXISTS messages (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL, format INTEGER NOT NULL, body BLOB NOT NULL, size INTEGER NOT NULL,
    timestamp REAL NOT NULL, visible_at REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, dead INTEGER NOT NULL DEFAULT 0,
    lease INTEGER, leased_until REAL
  );
  CREATE INDEX IF NOT EXISTS visible ON messages (visible_at, seq) WHERE lease IS NULL AND dead = 0;
  CREATE INDEX IF NOT EXISTS buried ON messages (visible_at) WHERE lease IS NULL AND dead = 1;
  CREATE INDEX IF NOT EXISTS leased ON messages (lease) WHERE lease IS NOT NULL;
  CREATE INDEX IF NOT EXISTS retried ON messages (visible_at) WHERE lease IS NULL AND dead = 0 AND attempts > 0;
  CREATE INDEX IF NOT EXISTS age ON messages (timestamp);
`;

const WAITING = "lease IS NULL AND dead = 0";
const DEAD = "lease IS NULL AND dead = 1";
const READY = `${WAITING} AND visible_at <= ? ORDER BY visible_at, seq LIMIT ?`;

export class QueueShard extends DurableObject {
  #sql;
  #count;
  #bytes;
  #queue;
  #generation = 0;
  /** Ends of the leases of deliveries under way, by generations. One that has run out counts no more. */
  #leases = new Map();
  /** What the alarm waits for: deliveries by their generations, and the sending of dead letters. */
  #flights = new Map();
  /** When the sending of dead letters that is under way has failed; 0 where none is. */
  #buryingUntil = 0;
  /** Goes on with the running alarm; undefined where none runs. */
  #wake;
  /** When the alarm is, in real time; null where none is set. */
  #alarm = null;

  constructor(ctx, env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#sql.exec(TABLE);
    this.#queue = ctx.storage.kv.get("queue");
    this.#fail(now(), "lease IS NOT NULL");
    const sums = this.#sql.exec("SELECT count(*) AS count, coalesce(sum(size), 0) AS bytes FROM messages").one();
    this.#count = sums.count;
    this.#bytes = sums.bytes;
  }

  get #consumer() {
    return consumers.get(this.#queue);
  }

  /** Takes messages, all or none; none where there is no room. */
  take(queue, messages, testSkewMs) {
    if (env.TEST_CLOCK) skewMs = testSkewMs;
    if (this.#queue === undefined) this.ctx.storage.kv.put("queue", (this.#queue = queue));
    const isFull = messages.length > 0 && (this.#count >= MAX_SHARD_MESSAGES || this.#bytes >= MAX_SHARD_BYTES);
    if (!isFull) for (const message of messages) this.#insert(message);
    if (this.#wake === undefined) this.#arm(this.#work(false));
    else this.#wake();
    return { isFull, metrics: this.#metrics(), instance: instance() };
  }

  #insert({ id = crypto.randomUUID().replaceAll("-", ""), timestamp = now(), format, body, delay }) {
    this.#sql.exec(
      "INSERT INTO messages (id, format, body, size, timestamp, visible_at) VALUES (?, ?, ?, ?, ?, ?)",
      id,
      format,
      body,
      body.byteLength,
      timestamp,
      now() + delay * 1000,
    );
    this.#count++;
    this.#bytes += body.byteLength;
  }

  #metrics() {
    const [oldest] = this.#sql.exec("SELECT timestamp FROM messages ORDER BY seq LIMIT 1");
    return {
      backlogCount: this.#count,
      backlogBytes: this.#bytes,
      oldestMessageTimestamp: oldest?.timestamp ?? 0,
    };
  }

  /** Begins deliveries for some time, and waits for them. */
  async alarm() {
    this.#alarm = null;
    const end = Date.now() + ALARM_MS;
    try {
      for (;;) {
        const mayBegin = Date.now() < end;
        const next = this.#work(mayBegin);
        if (this.#flights.size === 0 && !(mayBegin && next - now() <= LINGER_MS)) break;
        await this.#pause(next - now(), mayBegin);
      }
    } finally {
      this.#wake = undefined;
    }
    this.#arm(this.#work(false));
  }

  /** Ends when a message came, what is under way has ended, or time has passed. */
  async #pause(ms, mayBegin) {
    let timer;
    const woken = new Promise((resolve) => {
      this.#wake = resolve;
      // What is due already waits for the next alarm where no more may begin.
      if (ms < Infinity && (mayBegin || ms > 0)) timer = setTimeout(resolve, ms);
    });
    await Promise.race([woken, ...this.#flights.values()]);
    clearTimeout(timer);
  }

  /** Sets the alarm, unless it is set no later: one that comes too early does no harm. */
  #arm(next) {
    const at = next - skewMs;
    if (next === Infinity || (this.#alarm !== null && this.#alarm <= at)) return;
    this.#alarm = at;
    this.ctx.storage.setAlarm(at);
  }

  /** Does what is due, of deliveries only if they may begin; when something will be due next. */
  #work(mayBegin) {
    const time = now();
    this.#delete("timestamp <= ?", time - RETENTION_MS);
    if (this.#consumer !== undefined) {
      this.#fail(time, "lease IS NOT NULL AND leased_until <= ?", time);
      for (const [generation, until] of this.#leases) if (until <= time) this.#landed(generation);
      if (mayBegin) {
        this.#bury(time);
        while (this.#isDue(time)) this.#begin(time);
      }
    }
    return this.#next(time);
  }

  #landed(generation) {
    this.#leases.delete(generation);
    this.#flights.delete(generation);
  }

  get #hasRoom() {
    return this.#leases.size < (this.#consumer.maxConcurrency > 0 ? 1 : MAX_DELIVERIES);
  }

  /** Whether a batch is full or has waited for long enough; what is retried has waited before. */
  #isDue(time) {
    if (!this.#hasRoom) return false;
    const { maxBatchSize, maxBatchTimeout } = this.#consumer;
    const ready = this.#sql.exec(`SELECT visible_at FROM messages WHERE ${READY}`, time, maxBatchSize).toArray();
    if (ready.length === 0) return false;
    const due = Math.min(
      ready[0].visible_at + maxBatchTimeout * 1000,
      this.#earliest("visible_at", `${WAITING} AND attempts > 0`),
    );
    return ready.length === maxBatchSize || due <= time;
  }

  #next(time) {
    const consumer = this.#consumer;
    const times = [this.#earliest("timestamp", "TRUE") + RETENTION_MS];
    if (consumer !== undefined) {
      if (this.#isDue(time)) return time;
      if (this.#hasRoom) {
        times.push(this.#earliest("visible_at", WAITING) + consumer.maxBatchTimeout * 1000);
        times.push(this.#earliest("visible_at", `${WAITING} AND attempts > 0`));
      }
      times.push(this.#earliest("leased_until", "lease IS NOT NULL"));
      if (consumer.deadLetterQueue !== "" && this.#buryingUntil <= time) times.push(this.#earliest("visible_at", DEAD));
    }
    return Math.min(...times);
  }

  #earliest(column, where) {
    return this.#sql.exec(`SELECT min(${column}) AS time FROM messages WHERE ${where}`).one().time ?? Infinity;
  }

  #delete(where, ...params) {
    for (const { size } of this.#sql.exec(`DELETE FROM messages WHERE ${where} RETURNING size`, ...params)) {
      this.#count--;
      this.#bytes -= size;
    }
  }

  /** Ends leases as failed attempts. What has none left is dead, or deleted where nobody wants dead letters. */
  #fail(visibleAt, where, ...params) {
    const consumer = this.#consumer;
    this.#sql.exec(
      `UPDATE messages SET lease = NULL, leased_until = NULL, attempts = attempts + 1, dead = dead OR attempts + 1 > ?,
       visible_at = ? WHERE ${where}`,
      consumer?.maxRetries ?? Number.MAX_SAFE_INTEGER,
      visibleAt,
      ...params,
    );
    if (consumer?.deadLetterQueue === "") this.#delete(DEAD);
  }

  /** Leases rows under a new generation. They come in the order in which they became visible. */
  #lease(time, where, ...params) {
    const generation = ++this.#generation;
    const until = time + LEASE_MS;
    const rows = this.#sql.exec(
      `UPDATE messages SET lease = ?, leased_until = ? WHERE seq IN (SELECT seq FROM messages WHERE ${where})
       RETURNING seq, id, format, body, timestamp, attempts, visible_at`,
      generation,
      until,
      ...params,
    );
    const inOrder = (a, b) => a.visible_at - b.visible_at || a.seq - b.seq;
    return { generation, until, rows: rows.toArray().sort(inOrder) };
  }

  #begin(time) {
    const consumer = this.#consumer;
    const { generation, until, rows } = this.#lease(time, READY, time, consumer.maxBatchSize);
    this.#leases.set(generation, until);
    const delivery = this.#deliver(consumer, rows)
      .then((result) => this.#settle(consumer, generation, rows, result))
      .catch((error) => {
        console.error(`queue "${this.#queue}": delivery failed: ${error}`);
        this.#fail(now(), "lease = ?", generation);
      })
      .finally(() => this.#landed(generation));
    this.#flights.set(generation, delivery);
  }

  /** Calls the consumer: what it wants to become of the messages. */
  async #deliver(consumer, rows) {
    const messages = rows.map(({ id, timestamp, attempts, format, body }) => ({
      id,
      timestamp: new Date(timestamp),
      attempts: attempts + 1,
      ...contentOf(FORMATS[format], body),
    }));
    try {
      return await env[consumer.consumer].queue(this.#queue, messages, { metrics: this.#metrics() });
    } catch (error) {
      console.error(`queue "${this.#queue}": delivery failed: ${error}`);
      return { outcome: "exception", explicitAcks: [], retryBatch: { retry: false } };
    }
  }

  /** A message that is neither acknowledged nor retried by itself goes with the batch. */
  #settle(consumer, generation, rows, { outcome, ackAll, explicitAcks, retryBatch, retryMessages = [] }) {
    const acks = new Set(explicitAcks);
    const retries = new Map(retryMessages.map(({ msgId, delaySeconds }) => [msgId, delaySeconds]));
    const retriesRest = !ackAll && (retryBatch.retry || outcome !== "ok");
    const time = now();
    for (const { seq, id } of rows) {
      if (!acks.has(id) && (retries.has(id) || retriesRest)) {
        const delay = retries.get(id) ?? retryBatch.delaySeconds ?? consumer.retryDelay;
        this.#fail(time + delay * 1000, "seq = ? AND lease = ?", seq, generation);
      } else {
        this.#delete("seq = ? AND lease = ?", seq, generation);
      }
    }
  }

  /** Sends dead letters on, with their ids and times. They are deleted when the other queue has them. */
  #bury(time) {
    const { deadLetterQueue } = this.#consumer;
    if (deadLetterQueue === "" || this.#buryingUntil > time) return;
    const { generation, until, rows } = this.#lease(time, `${DEAD} AND visible_at <= ? LIMIT ?`, time, MAX_BATCH_MESSAGES);
    if (rows.length === 0) return;
    this.#buryingUntil = until;
    const letters = rows.map(({ id, timestamp, format, body }) => ({ id, timestamp, format, body, delay: 0 }));
    const burial = send(deadLetterQueue, letters)
      .then(({ isFull }) => {
        if (isFull) throw new Error("the dead letter queue is full");
        this.#delete("lease = ?", generation);
      })
      .catch((error) => {
        console.error(`queue "${this.#queue}": dead lettering failed: ${error}`);
        this.#sql.exec(
          "UPDATE messages SET lease = NULL, leased_until = NULL, visible_at = ? WHERE lease = ?",
          now() + DEAD_RETRY_MS,
          generation,
        );
      })
      .finally(() => {
        if (this.#buryingUntil === until) this.#buryingUntil = 0;
        this.#flights.delete("burial");
      });
    this.#flights.set("burial", burial);
  }
}

/** A body as consumers are given it. */
function contentOf(format, body) {
  if (format === "text") return { body: decoder.decode(body) };
  if (format === "json") return { body: jsonOf(body) };
  if (format === "bytes") return { body };
  return { serializedBody: new Uint8Array(body) };
}
