// What a `tail` handler is told.
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert";

const told = [];

export default {
  tail(events) {
    ok(Array.isArray(events));
    told.push(...events);
  },
};

/** The traces that come of a call, as many as asked for. */
async function tracesOf(count, call) {
  told.length = 0;
  await call();
  for (let i = 0; i < 200 && told.length < count; i++) await scheduler.wait(5);
  strictEqual(told.length, count);
  return told.splice(0);
}

/** The one trace of a request of that name. */
async function request(env, name, init = undefined) {
  const traces = await tracesOf(1, async () => {
    try {
      const response = await env.subject.fetch(`http://subject/${name}`, init);
      await response.text();
    } catch {
      // The trace tells.
    }
  });
  return traces[0];
}

const messages = (trace) => trace.logs.map((log) => log.message);
const exceptions = (trace) => trace.exceptions.map(({ name, message }) => `${name}: ${message}`);
const object = (env, name) => env.objects.get(env.objects.idFromName(name));

const KEYS = [
  "cpuTime", "diagnosticsChannelEvents", "dispatchNamespace", "durableObjectId", "entrypoint", "event", "eventTimestamp",
  "exceptions", "executionModel", "logs", "outcome", "preview", "scriptName", "scriptTags", "scriptVersion", "tailAttributes",
  "truncated", "wallTime",
];

export const items = {
  async test(_, env) {
    const before = Date.now();
    const item = await request(env, "logs?token=0123456789abcdef0123456789abcdef&card=4111111111111111&x=1", {
      headers: { authorization: "secret", "X-Shown": "1", "x-key": "2" },
      cf: { given: true },
    });
    strictEqual(item.constructor.name, "TraceItem");
    strictEqual(`${item}`, "[object TraceItem]");
    deepStrictEqual(Object.keys(item).sort(), KEYS);
    for (const key of KEYS) {
      const { writable, enumerable, configurable } = Object.getOwnPropertyDescriptor(item, key);
      deepStrictEqual([writable, enumerable, configurable], [false, true, true]);
    }
    strictEqual(item.event, item.event);
    strictEqual(item.logs, item.logs);
    throws(() => { item.logs = 1; }, { name: "TypeError" });
    throws(() => new item.constructor(), { name: "TypeError", message: "Illegal constructor" });
    throws(() => structuredClone(item), {
      name: "DataCloneError",
      message: 'Could not serialize object of type "TraceItem". This type does not support serialization.',
    });
    const { scriptName, entrypoint, executionModel, outcome, truncated, cpuTime, wallTime } = item;
    deepStrictEqual(
      [scriptName, entrypoint, executionModel, outcome, truncated, cpuTime, wallTime],
      [null, undefined, "stateless", "ok", false, 0, 0],
    );
    ok(item.eventTimestamp >= before && item.eventTimestamp <= Date.now());

    const { request: seen, response } = item.event;
    strictEqual(item.event.constructor.name, "FetchEventInfo");
    strictEqual(seen.constructor.name, "Request");
    deepStrictEqual(Object.keys(seen).sort(), ["cf", "headers", "method", "url"]);
    strictEqual(seen.url, "http://subject/logs?token=REDACTED&card=REDACTED&x=1");
    strictEqual(seen.method, "GET");
    deepStrictEqual(seen.headers, { authorization: "REDACTED", "x-key": "REDACTED", "x-shown": "1" });
    strictEqual(seen.cf.given, true);
    const open = seen.getUnredacted();
    strictEqual(open.url, "http://subject/logs?token=0123456789abcdef0123456789abcdef&card=4111111111111111&x=1");
    deepStrictEqual(open.headers, { authorization: "secret", "x-key": "2", "x-shown": "1" });
    strictEqual(open.cf, seen.cf);
    throws(() => seen.getUnredacted.call({}), { name: "TypeError" });
    strictEqual(response.status, 201);
  },
};

export const logs = {
  async test(_, env) {
    const { logs: all } = await request(env, "logs");
    deepStrictEqual(all.map(({ level, message }) => [level, message]), [
      ["debug", ["debug", 1]],
      ["info", [{ a: [1, null] }, null]],
      ["log", []],
      ["log", ["log", "() => 1", {}, "1970-01-01T00:00:00.000Z", "5", "[object Map]"]],
      ["warn", ["warn", "json", {}]],
      ["error", ["error", "TypeError: wrong", "more"]],
    ]);
    const [, , , , warning, error] = all;
    strictEqual(error.constructor.name, "TraceLog");
    deepStrictEqual(Object.keys(error).sort(), ["errorInfo", "level", "message", "timestamp"]);
    ok(error.timestamp > 0);
    strictEqual(warning.errorInfo, undefined);
    deepStrictEqual([error.errorInfo[0], error.errorInfo[2]], [null, null]);
    const { name, message, stack } = error.errorInfo[1];
    deepStrictEqual([name, message], ["TypeError", "wrong"]);
    ok(stack.startsWith("    at "));
    deepStrictEqual(messages(await request(env, "cycle")), [[{}, 1]]);
  },
};

export const failures = {
  async test(_, env) {
    const thrown = await request(env, "throw");
    strictEqual(thrown.outcome, "exception");
    strictEqual(thrown.event.response, undefined);
    const [exception] = thrown.exceptions;
    strictEqual(exception.constructor.name, "TraceException");
    deepStrictEqual(Object.keys(exception).sort(), ["message", "name", "stack", "timestamp"]);
    deepStrictEqual([exception.name, exception.message], ["TypeError", "thrown"]);
    ok(exception.stack.startsWith("    at "));

    for (const [name, outcome, expected] of [
      ["throwText", "exception", ["Error: text"]],
      ["nothing", "exception", ["TypeError: Incorrect type for Promise: the Promise did not resolve to 'Response'."]],
      ["abort", "exception", ["Error: aborted"]],
      ["brokenStream", "exception", ["Error: stream"]],
      ["background", "ok", ["Error: background"]],
      ["timer", "ok", ["Error: timer"]],
      ["unhandled", "ok", []],
    ]) {
      const trace = await request(env, name);
      deepStrictEqual([name, trace.outcome, exceptions(trace)], [name, outcome, expected]);
    }
    const reported = await request(env, "report");
    strictEqual(reported.outcome, "ok");
    ok(reported.exceptions[0].message.startsWith("Error: reported\n    at "));
    deepStrictEqual([reported.exceptions[0].stack, reported.exceptions[1].message], [undefined, "text"]);
    const hung = await request(env, "hang");
    strictEqual(hung.outcome, "exception");
    ok(hung.exceptions[0].message.startsWith("The Workers runtime canceled this request because it detected that your Worker's code had hung"));
  },
};

export const cancelled = {
  async test(_, env) {
    const traces = await tracesOf(1, async () => {
      const controller = new AbortController();
      const response = env.subject.fetch("http://subject/wait", { signal: controller.signal });
      await scheduler.wait(5);
      controller.abort();
      await response.catch(() => {});
    });
    strictEqual(traces[0].outcome, "ok");
    strictEqual(traces[0].event.response, undefined);
  },
};

export const bodies = {
  async test(_, env) {
    const streamed = await request(env, "stream");
    deepStrictEqual(messages(streamed), [["written"]]);
    strictEqual(streamed.event.response.status, 200);
  },
};

export const limits = {
  async test(_, env) {
    const much = await request(env, "much");
    strictEqual(much.truncated, true);
    strictEqual(much.logs.length, 3);
    strictEqual(much.logs[2].level, "warn");
    ok(much.logs[2].message[0].startsWith("Log size limit exceeded: More than 256KB of data"));
    deepStrictEqual(exceptions(much), ["Error: Trace resource limit exceeded; subsequent exceptions not recorded."]);
    const huge = await request(env, "huge");
    strictEqual(huge.logs.length, 1);
    const large = await request(env, "echo", { headers: { large: "h".repeat(300_000) } });
    deepStrictEqual(messages(large), [["Trace resource limit exceeded; could not capture event info."]]);
    deepStrictEqual([large.truncated, large.event.request.url, large.event.request.headers], [true, "", {}]);
    strictEqual(large.event.response.status, 200);
  },
};

export const diagnostics = {
  async test(_, env) {
    const { diagnosticsChannelEvents: events } = await request(env, "diagnose");
    strictEqual(events[0].constructor.name, "TraceDiagnosticChannelEvent");
    deepStrictEqual(Object.keys(events[0]).sort(), ["channel", "message", "timestamp"]);
    deepStrictEqual(events.map(({ channel, message }) => [channel, message]), [
      ["some:channel", { when: new Date(1), list: [1n] }],
      ["other", "[[ Diagnostic event was not serializable ]]"],
    ]);
  },
};

export const rpc = {
  async test(_, env) {
    const [added] = await tracesOf(1, () => env.methods.add(1, 2));
    strictEqual(added.event.constructor.name, "JsRpcEventInfo");
    deepStrictEqual([added.event.rpcMethod, added.entrypoint, added.outcome], ["add", "Methods", "ok"]);
    deepStrictEqual(messages(added), [["adding"]]);
    // What it throws is its caller's to handle.
    const [failed] = await tracesOf(1, () => env.methods.fail().catch(() => {}));
    deepStrictEqual([failed.outcome, failed.exceptions], ["ok", []]);
  },
};

export const objects = {
  async test(_, env) {
    const stub = object(env, "first");
    const [made] = await tracesOf(1, async () => (await stub.fetch("http://object/")).text());
    deepStrictEqual(
      [made.executionModel, made.durableObjectId, made.entrypoint, made.event.request.url],
      ["durableObject", `${stub.id}`, "Obj", "http://object/"],
    );
    deepStrictEqual(messages(made), [["constructed"]]);
    const [thrown] = await tracesOf(1, () => stub.fetch("http://object/throw").catch(() => {}));
    deepStrictEqual([thrown.outcome, exceptions(thrown), messages(thrown)], ["exception", ["Error: in the object"], []]);
    const [later] = await tracesOf(1, async () => (await stub.fetch("http://object/later")).text());
    deepStrictEqual(messages(later), [["later"]]);
  },
};

export const alarms = {
  async test(_, env) {
    const stub = object(env, "alarm");
    const [set, rung] = await tracesOf(2, () => stub.ring(false));
    strictEqual(set.event.rpcMethod, "ring");
    strictEqual(rung.event.constructor.name, "AlarmEventInfo");
    ok(rung.event.scheduledTime instanceof Date);
    deepStrictEqual([rung.outcome, messages(rung)], ["ok", [["ringing"]]]);
    const [, failed] = await tracesOf(2, () => stub.ring(true));
    deepStrictEqual([failed.outcome, exceptions(failed)], ["exception", ["Error: alarm"]]);
  },
};

export const sockets = {
  async test(_, env) {
    told.length = 0;
    const { webSocket } = await object(env, "socket").fetch("http://object/socket", { headers: { upgrade: "websocket" } });
    webSocket.accept();
    const answered = new Promise((resolve) => webSocket.addEventListener("message", resolve));
    webSocket.send("hello");
    await answered;
    webSocket.close(1000, "done");
    const find = (type) => told.find(({ event }) => event.getWebSocketEvent?.webSocketEventType === type);
    for (let i = 0; i < 200 && find("close") === undefined; i++) await scheduler.wait(5);
    const message = find("message");
    strictEqual(message.event.constructor.name, "HibernatableWebSocketEventInfo");
    deepStrictEqual(messages(message), [["got", "hello"]]);
    const { code, wasClean } = find("close").event.getWebSocketEvent;
    deepStrictEqual([code, wasClean], [1000, true]);
    deepStrictEqual(messages(find("close")), [["closed", 1000]]);
  },
};

/** The trace of an event that the test sends. */
const sent = async (call) => (await tracesOf(1, call))[0];
const message = { id: "1", timestamp: new Date(5), body: "body", attempts: 1 };

export const answered = {
  async test(_, { subject }) {
    const batch = await sent(() => subject.queue("name", [message, { ...message, id: "2" }]));
    strictEqual(batch.event.constructor.name, "QueueEventInfo");
    deepStrictEqual({ ...batch.event }, { batchSize: 2, queue: "name" });
    deepStrictEqual([batch.outcome, messages(batch)], ["ok", [[2]]]);
    const bad = await sent(() => subject.queue("bad", [message]));
    deepStrictEqual([bad.outcome, bad.event.queue, exceptions(bad)], ["exception", "bad", ["Error: batch"]]);
    const scheduled = await sent(() => subject.scheduled({ scheduledTime: new Date(1700000000123), cron: "* * * * *" }));
    strictEqual(scheduled.event.constructor.name, "ScheduledEventInfo");
    deepStrictEqual({ ...scheduled.event }, { scheduledTime: 1700000000123, cron: "* * * * *" });
    deepStrictEqual([scheduled.outcome, messages(scheduled)], ["ok", [["* * * * *"]]]);
  },
};

export const otherTails = {
  async test(_, env) {
    const [trace] = await tracesOf(1, async () => strictEqual(await (await env.unhurt.fetch("http://x/")).text(), "unhurt"));
    deepStrictEqual(messages(trace), [["still here"]]);
  },
};

export const ownTail = {
  async test(_, env) {
    const traces = await tracesOf(2, async () => (await env.own.fetch("http://x/")).text());
    const tail = traces.find(({ event }) => event.consumedEvents !== undefined);
    strictEqual(tail.event.constructor.name, "TailEventInfo");
    deepStrictEqual(tail.event.consumedEvents.map(({ scriptName }) => scriptName), [null]);
    deepStrictEqual([tail.outcome, messages(tail)], ["ok", [["told of", 1]]]);
    // Not told of that in turn.
    await scheduler.wait(20);
    deepStrictEqual(told, []);
  },
};
