// `stub.queue()` and `stub.scheduled()`: what the handler is given, and what the caller learns.
import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";
import { deepStrictEqual, rejects, strictEqual, throws } from "node:assert";

/** Compares without members that are undefined. */
const equal = (actual, expected) => deepStrictEqual(JSON.parse(JSON.stringify(actual)), expected);

const blank = { outcome: "ok", ackAll: false, retryBatch: { retry: false }, explicitAcks: [], retryMessages: [] };
const failed = { ...blank, outcome: "exception" };
const message = (body, id = "id") => ({ id, timestamp: new Date(5), body, attempts: 2 });

/** Handlers by the body of the first message. */
const handlers = {
  shape(batch) {
    strictEqual(batch.constructor.name, "QueueController");
    strictEqual(batch.queue, "name");
    const { metrics } = batch.metadata;
    deepStrictEqual(metrics, { backlogCount: 1, backlogBytes: 2, oldestMessageTimestamp: new Date(3) });
    const [one] = batch.messages;
    strictEqual(one.constructor.name, "QueueMessage");
    strictEqual(one.id, "id");
    strictEqual(+one.timestamp, 5);
    strictEqual(one.attempts, 2);
    deepStrictEqual(Object.keys(one), ["attempts", "body", "timestamp", "id"]);
    deepStrictEqual(batch.messages[1].body, new Map([[1, { a: [new Date(0)] }]]));
    strictEqual(batch.messages[2].body.get("a"), "b");
    strictEqual(batch.messages[3].body, null);
  },
  throw() {
    throw new TypeError("by a handler");
  },
  abort(batch, env, ctx) {
    ctx.abort(new Error("aborted"));
  },
  mix(batch) {
    const [a, b, c] = batch.messages;
    a.ack();
    b.retry();
    c.retry({ delaySeconds: 0 });
    b.retry({ delaySeconds: 3.7 });
    a.retry();
    b.ack();
  },
  retryAll(batch) {
    batch.retryAll({ delaySeconds: 7 });
    batch.ackAll();
    batch.messages[0].ack();
    batch.messages[0].retry();
  },
  ackAll(batch) {
    batch.ackAll();
    batch.retryAll();
    batch.messages[0].retry();
  },
  options(batch) {
    const [one] = batch.messages;
    throws(() => one.retry(3), { message: "Failed to execute 'retry' on 'QueueMessage': parameter 1 is not of type 'QueueRetryOptions'." });
    throws(() => one.retry({ delaySeconds: 2 ** 31 }), TypeError);
    throws(() => batch.retryAll(3), TypeError);
    throws(() => batch.ackAll.call({}), { name: "TypeError" });
    one.retry(null);
  },
  wait(batch, env, ctx) {
    ctx.waitUntil(scheduler.wait(1).then(() => batch.ackAll()));
  },
};

export const Handlers = {
  async queue(batch, env, ctx) {
    await handlers[batch.messages[0].body](batch, env, ctx);
  },
  async scheduled(controller) {
    strictEqual(controller.constructor.name, "ScheduledController");
    if (controller.cron === "throw") throw new Error("by a handler");
    if (controller.cron === "time") strictEqual(controller.scheduledTime, 1234);
    if (controller.cron === "never") controller.noRetry();
  },
};

export const Nothing = {};

export class Entrypoint extends WorkerEntrypoint {
  queue(batch) {
    strictEqual(this.ctx.props.name, "props");
    batch.ackAll();
  }
}

export class Consumer extends DurableObject {
  async queue(batch) {
    this.kept = batch;
    if (batch.messages[0].body === "throw") throw new Error("by an object");
    await this.ctx.storage.put("body", batch.messages[0].body);
    batch.messages[0].ack();
  }
  late() {
    this.kept.retryAll();
    return this.ctx.storage.get("body");
  }
}

export const batches = {
  async test(controller, env, { exports }) {
    const send = (...messages) => exports.Handlers.queue("name", messages);
    const metrics = { backlogCount: 1, backlogBytes: 2, oldestMessageTimestamp: new Date(3) };
    const bodies = ["shape", new Map([[1, { a: [new Date(0)] }]]), new Headers({ a: "b" }), null];
    equal(await exports.Handlers.queue("name", bodies.map((body) => message(body)), { metrics }), blank);
    equal(await send(message("throw")), failed);
    strictEqual((await send(message("abort"))).outcome, "exception");
    equal(await send(message("mix", "a"), message("", "b"), message("", "c")), {
      ...blank, explicitAcks: ["a"], retryMessages: [{ msgId: "b", delaySeconds: 3 }, { msgId: "c", delaySeconds: 0 }],
    });
    equal(await send(message("retryAll")), {
      ...blank, retryBatch: { retry: true, delaySeconds: 7 }, retryMessages: [{ msgId: "id" }],
    });
    equal(await send(message("ackAll")), { ...blank, ackAll: true });
    equal(await send(message("options")), { ...blank, retryMessages: [{ msgId: "id" }] });
    equal(await send(message("wait")), blank);
    equal(await exports.Nothing.queue("name", [message("")]), failed);
    const entrypoint = exports.Entrypoint({ props: { name: "props" } });
    equal(await entrypoint.queue("name", [message("")]), { ...blank, ackAll: true });
  },
};

export const serializedBodies = {
  async test(controller, env, { exports }) {
    const bytes = new Uint8Array([255, 15, 34, 6, ...new TextEncoder().encode("ackAll")]);
    const { body, ...rest } = message("");
    const sent = await exports.Handlers.queue("name", [{ ...rest, serializedBody: bytes }]);
    strictEqual(sent.ackAll, true);
    // Errors of which one part is a number: of today's format, and of an earlier one of DOMExceptions.
    for (const malformed of [
      [255, 15, 0x5c, 10, 1, 0x49, 0, 0x6f, 0x7b, 0],
      [255, 15, 0x5c, 10, 1, 0x22, 1, 65, 0x49, 0],
      [255, 15, 0x5c, 7, 1, 65, 0x49, 0],
      [255, 15, 0x5c, 7, 1, 65, 0x6f, 0x22, 7, ...new TextEncoder().encode("message"), 0x49, 0, 0x7b, 1],
    ]) {
      const { outcome } = await exports.Handlers.queue("name", [{ ...rest, serializedBody: Uint8Array.from(malformed) }]);
      strictEqual(outcome, "exception");
    }
    const broken = await exports.Handlers.queue("name", [{ ...rest, serializedBody: new Uint8Array([1, 2, 3]) }]);
    equal(broken, failed);
  },
};

export const objects = {
  async test(controller, env) {
    const stub = env.OBJECTS.getByName("one");
    equal(await stub.queue("name", [message("kept")]), { ...blank, explicitAcks: ["id"] });
    strictEqual(await stub.late(), "kept");
    equal(await stub.queue("name", [message("throw")]), failed);
  },
};

export const backgroundWork = {
  async test(controller, env) {
    equal(await env.WAITS.queue("name", [message("")]), { ...blank, explicitAcks: ["id"] });
    equal(await env.WAITS.queue("name", [message("fail")]), failed);
    equal(await env.WAITS.scheduled(), { outcome: "ok", noRetry: true });
    equal(await env.WAITS.scheduled({ cron: "fail" }), { outcome: "exception", noRetry: false });
    equal(await env.SCRIPT.queue("name", [message("")]), { ...blank, explicitAcks: ["id"] });
    equal(await env.SCRIPT.queue("name", [message("throw")]), failed);
    equal(await env.SCRIPT.scheduled(), { outcome: "ok", noRetry: true });
  },
};

export const scheduled = {
  async test(controller, env, { exports }) {
    const { Handlers } = exports;
    equal(await Handlers.scheduled(), { outcome: "ok", noRetry: false });
    equal(await Handlers.scheduled({ cron: "time", scheduledTime: new Date(1234) }), { outcome: "ok", noRetry: false });
    equal(await Handlers.scheduled({ cron: "never" }), { outcome: "ok", noRetry: true });
    equal(await Handlers.scheduled({ cron: "throw" }), { outcome: "exception", noRetry: false });
    equal(await exports.Nothing.scheduled(), { outcome: "exception", noRetry: true });
  },
};

export const badCalls = {
  async test(controller, env, { exports }) {
    const { Handlers } = exports;
    const typeError = (message) => ({ name: "TypeError", message });
    const call = (...args) => Handlers.queue(...args);
    await rejects(call(), typeError("Failed to execute 'queue' on 'Fetcher': parameter 1 is not of type 'string'."));
    await rejects(call("name"), typeError("Failed to execute 'queue' on 'Fetcher': parameter 2 is not of type 'Array'."));
    await rejects(call("name", [3]),
      typeError("Incorrect type for array element 0: the provided value is not of type 'ServiceBindingQueueMessage'."));
    await rejects(call("name", [{ id: "a", attempts: 1, body: 1 }]),
      typeError("Incorrect type for the 'timestamp' field on 'ServiceBindingQueueMessage': the provided value is not of type 'date'."));
    await rejects(call("name", [{ ...message(1), attempts: 70000 }]), typeError("Value out of range. Must be less than or equal to 65535."));
    await rejects(call("name", [message(undefined)]), typeError("Expected one of body or serializedBody for each message"));
    await rejects(call("name", [message(() => 1)]), { name: "DataCloneError" });
    await rejects(call("name", [message(1)], { metrics: 3 }), { name: "TypeError" });
    await rejects(Handlers.scheduled(3), { name: "TypeError" });
    await rejects(async () => await env.NETWORK.scheduled(), { message: "External HTTP servers don't support this event type." });
  },
};
