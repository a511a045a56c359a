// What a `tailStream` handler is told, and when.
import { deepStrictEqual, ok, strictEqual } from "node:assert";

/** Invocations by the order of their onsets. */
const told = [];
let answer = (invocation) => (event) => invocation.push(event);

export default {
  tailStream(onset, env, ctx) {
    strictEqual(typeof ctx.waitUntil, "function");
    const invocation = [onset];
    told.push(invocation);
    return answer(invocation);
  },
};

const typesOf = (invocation) => invocation.map(({ event }) => event.type);
const isOver = (invocation) => invocation.at(-1).event.type === "outcome";

/** The invocations that come of a call, once all of them are over. */
async function invocationsOf(count, call) {
  told.length = 0;
  await call();
  for (let i = 0; i < 200 && !(told.length >= count && told.every(isOver)); i++) await scheduler.wait(5);
  strictEqual(told.length, count);
  return told.splice(0);
}

/** The invocations of a request of that name; its own comes first. */
const request = async (env, name, count = 1) => {
  const url = `http://subject/${name}`;
  const all = await invocationsOf(count, async () => {
    try {
      await (await env.subject.fetch(url)).text();
    } catch {
      // The stream tells.
    }
  });
  const own = ([onset]) => onset.event.info.url === url;
  return all.sort((a, b) => own(b) - own(a));
};

const isId = (text, digits) => new RegExp(`^[0-9a-f]{${digits}}$`).test(text);

export const envelope = {
  async test(_, env) {
    const [invocation] = await request(env, "logs");
    const [onset] = invocation;
    const { traceId } = onset.spanContext;
    ok(isId(traceId, 32));
    ok(isId(onset.invocationId, 32));
    // Nothing that is traced has caused it.
    strictEqual(onset.spanContext.spanId, undefined);
    const root = onset.event.spanId;
    ok(isId(root, 16));
    deepStrictEqual(onset.event, {
      type: "onset",
      executionModel: "stateless",
      spanId: root,
      scriptTags: [],
      info: { type: "fetch", method: "GET", url: "http://subject/logs", headers: [] },
    });
    invocation.forEach((event, index) => {
      strictEqual(event.sequence, index);
      strictEqual(event.invocationId, onset.invocationId);
      strictEqual(event.spanContext.traceId, traceId);
      ok(event.timestamp instanceof Date);
      if (index > 0) strictEqual(event.spanContext.spanId, root);
    });
    deepStrictEqual(invocation.slice(1, -2).map(({ event }) => [event.type, event.level, event.message]), [
      ["log", "debug", ["debug", 1]],
      ["log", "info", [{ a: [1, null] }, null]],
      ["log", "log", []],
      ["log", "log", ["log", "() => 1", {}, "1970-01-01T00:00:00.000Z", "5", "[object Map]"]],
      ["log", "warn", ["warn", "json", {}]],
      ["log", "error", ["error", "TypeError: wrong", "more"]],
    ]);
    const { errorInfo } = invocation[6].event;
    deepStrictEqual([errorInfo[0], errorInfo[1].name, errorInfo[1].message, errorInfo[2]], [null, "TypeError", "wrong", null]);
    deepStrictEqual(invocation.slice(-2).map(({ event }) => event), [
      { type: "return", info: { type: "fetch", statusCode: 201 } },
      { type: "outcome", outcome: "ok", cpuTime: 0, wallTime: 0 },
    ]);
  },
};

export const handlers = {
  async test(_, env) {
    const before = answer;
    const calls = [];
    // An object has a method for each type.
    answer = (invocation) => ({
      log({ event }) {
        strictEqual(typeof this.outcome, "function");
        calls.push(event.message[0]);
      },
      return: "not a function",
      async outcome(event) {
        await scheduler.wait(1);
        calls.push("outcome");
        invocation.push(event);
      },
    });
    await request(env, "throw");
    await request(env, "stream");
    deepStrictEqual(calls, ["outcome", "written", "outcome"]);
    // A promise of a handler.
    answer = async (invocation) => {
      await scheduler.wait(1);
      return (event) => invocation.push(event);
    };
    const [invocation] = await request(env, "stream");
    deepStrictEqual(typesOf(invocation), ["onset", "log", "return", "outcome"]);
    // Without one there is no more to hear.
    answer = () => undefined;
    told.length = 0;
    await (await env.subject.fetch("http://subject/logs")).text();
    await scheduler.wait(20);
    deepStrictEqual(told.splice(0).map(typesOf), [["onset"]]);
    answer = before;
  },
};

export const failures = {
  async test(_, env) {
    const [thrown] = await request(env, "throw");
    deepStrictEqual(typesOf(thrown), ["onset", "exception", "outcome"]);
    const { name, message, stack } = thrown[1].event;
    deepStrictEqual([name, message, thrown[2].event.outcome], ["TypeError", "thrown", "exception"]);
    ok(stack.startsWith("    at "));
    for (const [path, expected] of [
      ["background", ["onset", "exception", "return", "outcome"]],
      ["brokenStream", ["onset", "exception", "outcome"]],
      ["abort", ["onset", "exception", "outcome"]],
      ["hang", ["onset", "exception", "outcome"]],
    ]) {
      const [invocation] = await request(env, path);
      deepStrictEqual([path, typesOf(invocation)], [path, expected]);
    }
  },
};

export const large = {
  async test(_, env) {
    const [invocation] = await request(env, "huge");
    const { message, truncated } = invocation[1].event;
    deepStrictEqual([typeof message, message.length, truncated], ["string", 256 * 1024, true]);
    // Each event counts for itself.
    const [much] = await request(env, "much");
    deepStrictEqual(typesOf(much), ["onset", "log", "log", "log", "log", "exception", "return", "outcome"]);
  },
};

export const diagnostics = {
  async test(_, env) {
    const [invocation] = await request(env, "diagnose");
    deepStrictEqual(invocation.slice(1, 3).map(({ event }) => event), [
      { type: "diagnosticChannel", channel: "some:channel", message: { when: new Date(1), list: [1n] } },
      { type: "diagnosticChannel", channel: "other", message: "[[ Diagnostic event was not serializable ]]" },
    ]);
  },
};

/** The spans of an invocation by name, with their attributes. */
function spansOf(invocation) {
  const spans = new Map();
  for (const { event, spanContext } of invocation) {
    if (event.type === "spanOpen") {
      spans.set(event.spanId, { id: event.spanId, name: event.name, parent: spanContext.spanId, attributes: {}, closed: false });
    } else if (spans.has(spanContext.spanId)) {
      const span = spans.get(spanContext.spanId);
      if (event.type === "attributes") for (const { name, value } of event.info) span.attributes[name] = value;
      if (event.type === "spanClose") {
        strictEqual(event.outcome, "ok");
        span.closed = true;
      }
    }
  }
  for (const span of spans.values()) ok(span.closed, span.name);
  return Object.fromEntries([...spans.values()].map((span) => [span.name, span]));
}

export const subrequests = {
  async test(_, env) {
    const all = await request(env, "call", 3);
    const [[onset]] = all;
    const root = onset.event.spanId;
    const spans = spansOf(all[0]);
    deepStrictEqual(Object.keys(spans), ["jsRpcSession", "jsRpcCall", "fetch"]);
    const { jsRpcSession: session, jsRpcCall: call, fetch } = spans;
    deepStrictEqual([session.parent, call.parent, fetch.parent], [root, session.id, root]);
    deepStrictEqual(call.attributes, { "jsrpc.target_kind": "fetcher", "jsrpc.operation": "call", "jsrpc.method": "add" });
    deepStrictEqual(fetch.attributes, {
      "network.protocol.name": "http",
      "network.protocol.version": "HTTP/1.1",
      "http.request.method": "POST",
      "url.full": "http://subject/echo",
      "http.request.header.content-type": "text/plain;charset=UTF-8",
      "http.request.body.size": 4n,
      "http.response.status_code": 200n,
      "http.response.body.size": 4n,
    });

    // The trace goes on in what was called.
    const called = all.find(([{ event }]) => event.info.type === "jsrpc");
    deepStrictEqual(called[0].spanContext, { traceId: onset.spanContext.traceId, spanId: call.id });
    strictEqual(called[0].event.entrypoint, "Methods");
    deepStrictEqual(called[0].event.info, { type: "jsrpc" });
    const served = spansOf(called).jsRpcCall;
    strictEqual(served.parent, called[0].event.spanId);
    deepStrictEqual(served.attributes, {
      "jsrpc.method": "add",
      "jsrpc.target_kind": "entrypoint",
      "jsrpc.operation": "call",
      "jsrpc.caller_span_id": call.id,
    });
    const named = called.find(({ event, spanContext }) => event.type === "attributes" && spanContext.spanId === called[0].event.spanId);
    deepStrictEqual(named.event.info, [{ name: "jsrpc.method", value: "add" }]);
    const log = called.find(({ event }) => event.type === "log");
    strictEqual(log.spanContext.spanId, served.id);
    deepStrictEqual(typesOf(called).slice(-2), ["return", "outcome"]);

    const fetched = all.find(([{ event }]) => event.info.url === "http://subject/echo");
    deepStrictEqual(fetched[0].spanContext, { traceId: onset.spanContext.traceId, spanId: fetch.id });
  },
};

export const rpcFailure = {
  async test(_, env) {
    const [invocation] = await invocationsOf(1, () => env.methods.fail().catch(() => {}));
    strictEqual(typesOf(invocation).includes("return"), false);
    strictEqual(typesOf(invocation).includes("exception"), false);
    strictEqual(invocation.at(-1).event.outcome, "ok");
  },
};

const SQL = { "db.system.name": "cloudflare-durable-object-sql" };

export const cache = {
  async test(_, env) {
    const [invocation] = await request(env, "cache");
    const spans = spansOf(invocation);
    deepStrictEqual(Object.keys(spans), ["cache_put", "cache_match", "cache_delete"]);
    for (const { parent } of Object.values(spans)) strictEqual(parent, invocation[0].event.spanId);
    const asked = { "cache.request.url": "http://cached/", "cache.request.method": "GET" };
    const { "cache.request.payload.size": size, ...put } = spans.cache_put.attributes;
    strictEqual(typeof size, "bigint");
    deepStrictEqual(put, {
      ...asked,
      "cache.request.payload.status_code": 200n,
      "cache.request.payload.header.cache_control": "max-age=60",
      "cache.request.payload.header.etag": '"1"',
      "cache.response.success": true,
    });
    deepStrictEqual(spans.cache_match.attributes, {
      ...asked,
      "cache.request.header.if_none_match": '"1"',
      "cache.response.status_code": 404n,
      "cache.response.body.size": 1n,
      "cache.response.cache_status": "MISS",
      "cache.response.success": false,
    });
    deepStrictEqual(spans.cache_delete.attributes, {
      "cache.request.ignore_method": true,
      ...asked,
      "cache.response.status_code": 404n,
      "cache.response.success": false,
    });
  },
};

export const storage = {
  async test(_, env) {
    const all = await request(env, "object", 2);
    const caller = spansOf(all[0]);
    const id = `${env.objects.idFromName("storage")}`;
    strictEqual(caller.fetch.parent, caller.durable_object_subrequest.id);
    deepStrictEqual(caller.durable_object_subrequest.attributes, { objectId: id });

    const invocation = all[1];
    const [{ event: onset }] = invocation;
    deepStrictEqual([onset.executionModel, onset.durableObjectId, onset.entrypoint], ["durableObject", id, "Obj"]);
    deepStrictEqual(invocation[1].event.message, ["constructed"]);
    const opened = invocation.filter(({ event }) => event.type === "spanOpen").map(({ event }) => event.name);
    deepStrictEqual(opened.map((name) => name.replace("durable_object_storage_", "")), [
      "put", "get", "kv_put", "kv_list", "kv_delete", "exec", "exec", "exec",
    ]);
    const spans = spansOf(invocation);
    for (const { parent } of Object.values(spans)) strictEqual(parent, onset.spanId);
    deepStrictEqual(spans.durable_object_storage_put.attributes, {});
    deepStrictEqual(spans.durable_object_storage_kv_put.attributes, {
      ...SQL,
      "db.operation.name": "put",
      "cloudflare.durable_object.kv.query.keys": "name",
      "cloudflare.durable_object.kv.query.keys.count": 1n,
    });
    deepStrictEqual(spans.durable_object_storage_kv_list.attributes, {
      ...SQL,
      "db.operation.name": "list",
      "cloudflare.durable_object.kv.query.prefix": "n",
      "cloudflare.durable_object.kv.query.limit": 2n,
    });
    deepStrictEqual(spans.durable_object_storage_kv_delete.attributes, {
      ...SQL,
      "db.operation.name": "delete",
      "cloudflare.durable_object.kv.query.keys": "name",
      "cloudflare.durable_object.kv.query.keys.count": 1n,
      "cloudflare.durable_object.kv.response.deleted_count": 1n,
    });
    deepStrictEqual(spans.durable_object_storage_exec.attributes, {
      ...SQL,
      "db.operation.name": "exec",
      "db.query.text": "SELECT a FROM t",
      "cloudflare.durable_object.query.bindings": 0n,
      "cloudflare.durable_object.response.rows_read": 2n,
      "cloudflare.durable_object.response.rows_written": 0n,
    });
  },
};

export const alarms = {
  async test(_, env) {
    const stub = env.objects.get(env.objects.idFromName("alarm"));
    const [, rung] = await invocationsOf(2, () => stub.ring(false));
    const { info } = rung[0].event;
    deepStrictEqual(Object.keys(info), ["type", "scheduledTime"]);
    strictEqual(info.type, "alarm");
    ok(info.scheduledTime instanceof Date);
    deepStrictEqual(typesOf(rung), ["onset", "log", "return", "outcome"]);
    const [, failed] = await invocationsOf(2, () => stub.ring(true));
    deepStrictEqual(typesOf(failed), ["onset", "log", "exception", "return", "outcome"]);
    strictEqual(failed.at(-1).event.outcome, "exception");
  },
};

export const sockets = {
  async test(_, env) {
    told.length = 0;
    const stub = env.objects.get(env.objects.idFromName("socket"));
    const { webSocket } = await stub.fetch("http://object/socket", { headers: { upgrade: "websocket" } });
    webSocket.accept();
    const answered = new Promise((resolve) => webSocket.addEventListener("message", resolve));
    webSocket.send("hello");
    await answered;
    webSocket.close(1000, "done");
    const find = (type) =>
      told.find((invocation) => invocation[0].event.info.info?.type === type && isOver(invocation));
    for (let i = 0; i < 200 && find("close") === undefined; i++) await scheduler.wait(5);
    const accepted = told.find(([{ event }]) => event.info.type === "fetch");
    const parent = { traceId: accepted[0].spanContext.traceId, spanId: accepted[0].event.spanId };
    deepStrictEqual(find("message")[0].event.info, { type: "hibernatableWebSocket", info: { type: "message" } });
    deepStrictEqual(find("message")[0].spanContext, parent);
    deepStrictEqual(typesOf(find("message")), ["onset", "log", "return", "outcome"]);
    deepStrictEqual(find("close")[0].event.info, {
      type: "hibernatableWebSocket",
      info: { type: "close", code: 1000, wasClean: true },
    });
  },
};

export const spans = {
  async test(_, env) {
    const all = await request(env, "spans", 2);
    const [invocation] = all;
    const root = invocation[0].event.spanId;
    const made = spansOf(invocation);
    deepStrictEqual(Object.keys(made), ["outer", "inner", "fetch", "detached", "left open"]);
    const { outer, inner, fetch, detached } = made;
    deepStrictEqual([outer.parent, inner.parent, fetch.parent, detached.parent], [root, outer.id, outer.id, root]);
    deepStrictEqual(outer.attributes, { text: "a", number: 1, yes: true });
    strictEqual(all[1][0].spanContext.spanId, fetch.id);
    const where = (message) => invocation.find(({ event }) => event.message?.[0] === message).spanContext.spanId;
    deepStrictEqual(
      [where("in outer"), where("in inner"), where("beside"), where("in detached"), where(false)],
      [outer.id, inner.id, root, detached.id, root],
    );
    deepStrictEqual(invocation.find(({ event }) => event.message?.[0] === "in inner").event.message, ["in inner", 7, true]);
    const diagnostic = invocation.find(({ event }) => event.type === "diagnosticChannel");
    strictEqual(diagnostic.spanContext.spanId, inner.id);
    const updates = invocation.filter(({ event }) => event.type === "spanUpdate");
    deepStrictEqual(updates.map(({ event }) => event.info), [
      { type: "name", name: "renamed" },
      { type: "status", status: { code: "error", message: "bad" } },
    ]);
    const exception = invocation.find(({ event }) => event.type === "exception");
    deepStrictEqual([exception.spanContext.spanId, exception.event.name, exception.event.message], [detached.id, "Error", "told"]);
    ok(exception.event.stack.startsWith("Error: told\n    at "));
  },
};

export const answered = {
  async test(_, { subject }) {
    const message = { id: "1", timestamp: new Date(5), body: "body", attempts: 1 };
    const [[queue]] = await invocationsOf(1, () => subject.queue("name", [message, message, message]));
    deepStrictEqual(queue.event.info, { type: "queue", queueName: "name", batchSize: 3 });
    const [[scheduled]] = await invocationsOf(1, () => subject.scheduled({ scheduledTime: new Date(1700000000123), cron: "@" }));
    deepStrictEqual(scheduled.event.info, { type: "scheduled", scheduledTime: new Date(1700000000123), cron: "@" });
  },
};
