// Queues to send to: what the binding's service is sent, and what workers get of its answers.
import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";
import { deepStrictEqual, rejects, strictEqual, throws } from "node:assert";

const METRICS = { backlogCount: 3, backlogBytes: 4, oldestMessageTimestamp: 1700000000000 };
const SENT = { metadata: { metrics: METRICS } };

/** Requests, and what to answer them with. */
const seen = [];
let answer;

export class Receiver extends WorkerEntrypoint {
  async fetch(request) {
    const { method, url, headers } = request;
    seen.push({ method, url, headers: Object.fromEntries(headers), bytes: new Uint8Array(await request.arrayBuffer()) });
    return answer();
  }
}

const answers = (...args) => (answer = () => new Response(...args));
const answersJson = (value) => answers(JSON.stringify(value));
const textOf = (bytes) => new TextDecoder().decode(bytes);
const typeError = (message) => ({ name: "TypeError", message });

async function asked(call) {
  seen.length = 0;
  const result = await call();
  strictEqual(seen.length, 1);
  return { ...seen[0], result };
}

export const messages = {
  async test(_, { QUEUE }) {
    answersJson(SENT);
    const { method, url, headers, bytes, result } = await asked(() => QUEUE.send({ a: "\u00fc" }, { delaySeconds: "5" }));
    deepStrictEqual([method, url, textOf(bytes)], ["POST", "https://fake-host/message", '{"a":"\u00fc"}']);
    deepStrictEqual(headers, {
      "content-length": "10", "content-type": "application/octet-stream", "x-msg-delay-secs": "5", "x-msg-fmt": "json",
    });
    deepStrictEqual(result.metadata.metrics, { ...METRICS, oldestMessageTimestamp: new Date(METRICS.oldestMessageTimestamp) });
    const sent = async (body, contentType) => {
      const { headers, bytes } = await asked(() => QUEUE.send(body, { contentType }));
      return [headers["x-msg-fmt"], bytes];
    };
    deepStrictEqual(await sent("t", "TEXT"), ["text", new Uint8Array([116])]);
    deepStrictEqual(await sent(new Uint16Array([1, 2]).subarray(1), "bytes"), ["bytes", new Uint8Array([2, 0])]);
    deepStrictEqual(await sent(() => 1, "json"), ["json", new TextEncoder().encode("undefined")]);
    deepStrictEqual(await sent({ a: 5 }, "v8"), ["v8", new Uint8Array([255, 15, 0x6f, 0x22, 1, 0x61, 0x49, 10, 0x7b, 1])]);
    const empty = await asked(() => QUEUE.send("", { contentType: "text" }));
    deepStrictEqual([empty.headers["content-length"], empty.bytes.length], [undefined, 0]);
    const bytesToTake = new Uint8Array([1]);
    await QUEUE.send(bytesToTake, { contentType: "bytes" });
    strictEqual(bytesToTake.byteLength, 0);
    const bytesToKeep = new Uint8Array([1]);
    await QUEUE.send(bytesToKeep);
    strictEqual(bytesToKeep.byteLength, 1);
  },
};

export const batches = {
  async test(_, { QUEUE }) {
    answersJson(SENT);
    const kept = new Uint8Array([1, 2]);
    function* batch() {
      yield { body: "t", contentType: "text" };
      yield { body: kept, contentType: "bytes", delaySeconds: 3 };
      yield { body: "\u00fc" };
    }
    const { url, headers, bytes, result } = await asked(() => QUEUE.sendBatch(batch(), { delaySeconds: 2 }));
    strictEqual(url, "https://fake-host/batch");
    const text = textOf(bytes);
    strictEqual(text, '{"messages":[{"body":"dA==","contentType":"text"},' +
      '{"body":"AQI=","contentType":"bytes","delaySecs": 3},{"body":"IsO8Ig==","contentType":"json"}]}');
    deepStrictEqual(headers, {
      "cf-queue-batch-bytes": "7", "cf-queue-batch-count": "3", "cf-queue-largest-msg": "4",
      "content-length": `${text.length}`, "content-type": "application/json", "x-msg-delay-secs": "2",
    });
    strictEqual(result.metadata.metrics.backlogCount, 3);
    strictEqual(kept.byteLength, 2);
  },
};

export const metrics = {
  async test(_, { QUEUE }) {
    answersJson({ ...METRICS, oldestMessageTimestamp: 0 });
    const { method, url, headers, result } = await asked(() => QUEUE.metrics());
    deepStrictEqual([method, url, headers], ["GET", "https://fake-host/metrics", {}]);
    deepStrictEqual(result, { backlogCount: 3, backlogBytes: 4, oldestMessageTimestamp: undefined });
    answersJson({ backlogCount: "5" });
    deepStrictEqual(await QUEUE.metrics(), { backlogCount: 5, backlogBytes: NaN, oldestMessageTimestamp: undefined });
  },
};

export const failures = {
  async test(_, { QUEUE }) {
    const calls = [() => QUEUE.send(1), () => QUEUE.sendBatch([{ body: 1 }]), () => QUEUE.metrics()];
    const headers = { "CF-Queues-Error-Code": "10503", "CF-Queues-Error-Cause": "too much" };
    for (const call of calls) {
      answers("x", { status: 503, headers });
      await rejects(call(), { name: "Error", message: "too much (10503)" });
      answers("x", { status: 201 });
      await rejects(call(), { name: "Error", message: "Unknown Internal Error (15000)" });
      for (const bad of ["", "bad"]) {
        answers(bad);
        await rejects(call(), SyntaxError);
      }
      answers("null");
      await rejects(call(), TypeError);
      answers("5");
      await rejects(call(), { name: "Error", message: /^Failed to parse queue (send|metrics) response5$/ });
    }
    answersJson({});
    await rejects(QUEUE.send(1), TypeError);
    answersJson({ metadata: 5 });
    await rejects(QUEUE.send(1),
      typeError("Incorrect type for the 'metadata' field on 'SendResponse': the provided value is not of type 'SendMetadata'."));
    answersJson({ metadata: { metrics: 5 } });
    await rejects(QUEUE.sendBatch([{ body: 1 }]),
      typeError("Incorrect type for the 'metrics' field on 'SendBatchMetadata': the provided value is not of type 'SendBatchMetrics'."));
    answersJson({ metadata: { metrics: { oldestMessageTimestamp: "x" } } });
    await rejects(QUEUE.send(1),
      typeError("Incorrect type for the 'oldestMessageTimestamp' field on 'SendMetrics': the provided value is not of type 'date'."));
  },
};

export const badCalls = {
  async test(_, { QUEUE }) {
    seen.length = 0;
    await rejects(QUEUE.send(), typeError("Failed to execute 'send' on 'WorkerQueue': parameter 1 is not of type 'Value'."));
    await rejects(QUEUE.send(undefined), typeError("Message body cannot be undefined"));
    await rejects(QUEUE.send(1, 5), typeError("Failed to execute 'send' on 'WorkerQueue': parameter 2 is not of type 'SendOptions'."));
    await rejects(QUEUE.send(1, { delaySeconds: 2 ** 31 }), TypeError);
    await rejects(QUEUE.send(1, { contentType: "xml" }), typeError("Unsupported queue message content type: xml"));
    await rejects(QUEUE.send(1, { contentType: "text" }),
      typeError('Content Type "text" requires a value of type string, but received: number'));
    await rejects(QUEUE.send(new ArrayBuffer(1), { contentType: "bytes" }),
      typeError('Content Type "bytes" requires a value of type ArrayBufferView, but received: object'));
    await rejects(QUEUE.send(() => 1, { contentType: "v8" }), { name: "DataCloneError" });
    await rejects(QUEUE.send(5n), TypeError);
    const noSequence = typeError("Failed to execute 'sendBatch' on 'WorkerQueue': parameter 1 is not of type 'Sequence'.");
    for (const batch of [undefined, null, 5, "ab", {}]) await rejects(QUEUE.sendBatch(batch), noSequence);
    await rejects(QUEUE.sendBatch([]), typeError("sendBatch() requires at least one message"));
    await rejects(QUEUE.sendBatch([{}]), typeError("Message body cannot be undefined"));
    await rejects(QUEUE.sendBatch([5]), typeError("Incorrect type: the provided value is not of type 'MessageSendRequest'."));
    await rejects(QUEUE.sendBatch([null]), TypeError);
    await rejects(QUEUE.sendBatch([{ body: "t", contentType: "TEXT" }]), typeError("Unsupported queue message content type: TEXT"));
    throws(() => QUEUE.send.call({}, 1), TypeError);
    strictEqual(seen.length, 0);
    strictEqual(QUEUE.constructor.name, "WorkerQueue");
    throws(() => new QUEUE.constructor(), typeError("Illegal constructor"));
    throws(() => structuredClone(QUEUE), {
      name: "DataCloneError",
      message: 'Could not serialize object of type "WorkerQueue". This type does not support serialization.',
    });
  },
};

export const olderDates = {
  async test(_, { OLD }) {
    const outcomes = async () => (await OLD.fetch("http://old/")).json();
    answersJson(SENT);
    seen.length = 0;
    deepStrictEqual(await outcomes(), ["sent", "sent"]);
    deepStrictEqual(seen[0].bytes, new Uint8Array([255, 15, 0x6f, 0x22, 1, 0x61, 0x49, 2, 0x7b, 1]));
    strictEqual(seen[0].headers["x-msg-fmt"], undefined);
    strictEqual(textOf(seen[1].bytes), '{"messages":[{"body":"/w8iAWI="}]}');
    answers("x", { status: 503, statusText: "My Text", headers: { "CF-Queues-Error-Code": "10503" } });
    deepStrictEqual(await outcomes(), ["Queue send failed: My Text", "Queue sendBatch failed: My Text"]);
  },
};

/** Tells what is on its way before a write of the object is on disk. */
export class Gated extends DurableObject {
  async run() {
    const { QUEUE } = this.env;
    answersJson({ ...SENT, ...METRICS });
    seen.length = 0;
    this.ctx.storage.put("a", "x".repeat(1000));
    const send = QUEUE.send("v");
    await QUEUE.metrics();
    const first = seen[0].method;
    await send;
    return [first, seen.length];
  }
}

export const gates = {
  async test(_, { OBJECTS }) {
    deepStrictEqual(await OBJECTS.getByName("one").run(), ["GET", 2]);
  },
};
