// The wire protocol of `/workerd/queues.js` and its deliveries, also those of the published binary.
import { deepStrictEqual, match, ok, strictEqual } from "node:assert";

// Batches by their queues, as handlers saw them, and who waits for one.
const seen = new Map();
const waiting = new Map();
// What handlers do by their queues.
const handlers = new Map();

export default {
  async queue(batch) {
    const { queue, messages } = batch;
    const batches = seen.get(queue) ?? [];
    seen.set(queue, batches);
    batches.push(messages.map(({ id, timestamp, attempts, body }) => ({ id, timestamp, attempts, body })));
    waiting.get(queue)?.();
    await handlers.get(queue)?.(batch);
  },
};

// The batch of that number, when it has come.
async function batch(queue, number) {
  while ((seen.get(queue)?.length ?? 0) <= number) {
    await new Promise((resolve) => {
      waiting.set(queue, resolve);
      setTimeout(resolve, 20);
    });
  }
  return seen.get(queue)[number];
}

const post = (queue, path, body, headers = {}) => queue.fetch(`https://fake-host${path}`, { method: "POST", body, headers });

async function send(queue, body, headers = {}) {
  const response = await post(queue, "/message", body, { "x-msg-fmt": "text", ...headers });
  strictEqual(response.status, 200);
  return (await response.json()).metadata.metrics;
}

const metrics = async (queue) => (await queue.fetch("https://fake-host/metrics")).json();
// Moves the clock of all queues; the time.
const clock = async (queue, ms = 0) =>
  (await (await queue.fetch(`https://fake-host/clock?advance=${ms}`, { method: "POST" })).json()).now;
const advance = async (queue, ms) => {
  await clock(queue, ms);
  return metrics(queue);
};

// Until everything is settled.
async function empty(queue) {
  while ((await metrics(queue)).backlogCount > 0) await scheduler.wait(10);
}

export const formats = {
  async test(_, { FORMATS }) {
    const sent = await clock(FORMATS);
    await send(FORMATS, "ü");
    await send(FORMATS, '{"a":[1]}', { "x-msg-fmt": "json" });
    await send(FORMATS, new Uint8Array([0, 255]), { "x-msg-fmt": "bytes" });
    // V8's own serialisation of 5.
    const last = await send(FORMATS, new Uint8Array([0xff, 0x0f, 0x49, 0x0a]), { "x-msg-fmt": "v8" });
    deepStrictEqual([last.backlogCount, last.backlogBytes], [4, 2 + 9 + 2 + 4]);
    ok(Math.abs(last.oldestMessageTimestamp - sent) < 5000);
    const messages = await batch("formats", 0);
    deepStrictEqual(
      messages.map(({ body }) => (body instanceof ArrayBuffer ? new Uint8Array(body) : body)),
      ["ü", { a: [1] }, new Uint8Array([0, 255]), 5],
    );
    for (const { id, timestamp, attempts } of messages) {
      match(id, /^[0-9a-f]{32}$/);
      ok(timestamp instanceof Date && Math.abs(timestamp - sent) < 5000);
      strictEqual(attempts, 1);
    }
    await empty(FORMATS);
    deepStrictEqual(await metrics(FORMATS), { backlogCount: 0, backlogBytes: 0, oldestMessageTimestamp: 0 });
  },
};

export const batches = {
  async test(_, { BATCHES }) {
    const messages = ["1", "2", "3", "4"].map((text) => ({ body: btoa(text), contentType: "text" }));
    const response = await post(BATCHES, "/batch", JSON.stringify({ messages }), { "content-type": "application/json" });
    deepStrictEqual([response.status, (await response.json()).metadata.metrics.backlogCount], [200, 4]);
    const bodies = async (number) => (await batch("batches", number)).map(({ body }) => body);
    deepStrictEqual(await bodies(0), ["1", "2", "3"]);
    // The rest waits for its time.
    await scheduler.wait(50);
    strictEqual(seen.get("batches").length, 1);
    await advance(BATCHES, 60_000);
    deepStrictEqual(await bodies(1), ["4"]);
    await empty(BATCHES);
  },
};

export const retries = {
  async test(_, { RETRIES }) {
    handlers.set("retries", ({ messages: [message] }) => {
      if (message.body === "retried") message.retry();
      if (message.body === "thrown") throw new Error("as the test wants");
      if (message.body === "acknowledged") {
        message.ack();
        throw new Error("as the test wants");
      }
    });
    const before = await clock(RETRIES);
    for (const body of ["acknowledged", "retried"]) await send(RETRIES, body);
    for (let number = 0; number < 4; number++) await batch("retries", number);
    const attempts = seen.get("retries").map(([{ body, attempts }]) => `${body} ${attempts}`);
    deepStrictEqual(attempts.toSorted(), ["acknowledged 1", "retried 1", "retried 2", "retried 3"]);
    const [letter, ...others] = await batch("dead", 0);
    deepStrictEqual([letter.body, letter.attempts, others], ["retried", 1, []]);
    const [{ id, timestamp }] = seen.get("retries").find(([{ body }]) => body === "retried");
    deepStrictEqual([letter.id, letter.timestamp], [id, timestamp]);
    ok(letter.timestamp >= before - 5);
    await empty(RETRIES);
    await send(RETRIES, "thrown");
    for (let number = 4; number < 7; number++) strictEqual((await batch("retries", number))[0].body, "thrown");
    strictEqual((await batch("dead", 1))[0].body, "thrown");
    await empty(RETRIES);
  },
};

export const delays = {
  async test(_, { DELAYS }) {
    handlers.set("delays", ({ messages: [message] }) => {
      if (message.attempts === 1) message.retry();
      if (message.attempts === 2) message.retry({ delaySeconds: 100 });
    });
    await send(DELAYS, "late", { "x-msg-delay-secs": "1000" });
    const delivered = () => seen.get("delays")?.length ?? 0;
    const advanced = async (seconds) => {
      strictEqual((await advance(DELAYS, seconds * 1000)).backlogCount, 1);
      await scheduler.wait(30);
      return delivered();
    };
    strictEqual(await advanced(990), 0);
    await advance(DELAYS, 11_000);
    await batch("delays", 0);
    strictEqual(await advanced(25), 1);
    await advance(DELAYS, 6_000);
    await batch("delays", 1);
    strictEqual(await advanced(95), 2);
    await advance(DELAYS, 6_000);
    strictEqual((await batch("delays", 2))[0].attempts, 3);
    await empty(DELAYS);
  },
};

export const lost = {
  async test(_, { LOST }) {
    handlers.set("lost", (batch) => batch.retryAll());
    await send(LOST, "once");
    await batch("lost", 0);
    // Nobody wants dead letters.
    await empty(LOST);
    strictEqual(seen.get("lost").length, 1);
  },
};

export const retention = {
  async test(_, { KEPT }) {
    await send(KEPT, "kept");
    strictEqual((await advance(KEPT, 4 * 24 * 3_600_000 - 60_000)).backlogCount, 1);
    await send(KEPT, "newer");
    strictEqual((await advance(KEPT, 60_000)).backlogCount, 1);
  },
};

export const limits = {
  async test(_, { IDLE }) {
    const refused = async (path, body, text) => {
      const response = await post(IDLE, path, body, { "x-msg-fmt": "bytes" });
      deepStrictEqual([response.status, await response.json()], [413, text]);
    };
    strictEqual((await post(IDLE, "/message", "a".repeat(128_000), { "x-msg-fmt": "text" })).status, 200);
    await refused("/message", "a".repeat(128_001), "message length of 128001 bytes exceeds limit");
    const messages = (count, bytes) =>
      JSON.stringify({ messages: Array(count).fill({ body: btoa("a".repeat(bytes)), contentType: "bytes" }) });
    await refused("/batch", messages(101, 1), "batch message count of 101 exceeds limit");
    await refused("/batch", messages(1, 128_001), "message in batch of 128001 bytes exceeds limit");
    await refused("/batch", messages(3, 100_000), "batch size of 300000 bytes exceeds limit");
    strictEqual((await post(IDLE, "/batch", messages(2, 128_000))).status, 200);
    strictEqual((await post(IDLE, "/batch", '{"messages":[]}')).status, 200);
  },
};

export const wrongRequests = {
  async test(_, { IDLE }) {
    const status = async (path, body, headers) => {
      const response = await post(IDLE, path, body, headers);
      await response.text();
      return response.status;
    };
    for (const path of ["/", "/nothing", "/dead"]) strictEqual(await status(path, "x"), 404);
    const before = await metrics(IDLE);
    // The published binary answers these with an exception.
    for (const [path, body, headers] of [
      ["/batch", "{"],
      ["/batch", "{}"],
      ["/batch", '{"messages":[{"body":"%"}]}'],
      ["/message", "x", { "x-msg-delay-secs": "x" }],
    ]) {
      strictEqual(await status(path, body, headers).catch(() => 400), 400, body);
    }
    strictEqual((await metrics(IDLE)).backlogCount, before.backlogCount);
  },
};
