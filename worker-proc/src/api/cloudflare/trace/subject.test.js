// What tail workers are told of: a worker whose requests, calls and objects do one thing each.
import { DurableObject, WorkerEntrypoint, tracing } from "cloudflare:workers";
import { channel } from "node:diagnostics_channel";

export class Methods extends WorkerEntrypoint {
  value = 1;
  add(a, b) {
    console.log("adding");
    return a + b;
  }
  fail() {
    throw new RangeError("no");
  }
}

export class Obj extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    console.log("constructed");
  }
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/socket") {
      const pair = new WebSocketPair();
      this.ctx.acceptWebSocket(pair[0]);
      return new Response(null, { status: 101, webSocket: pair[1] });
    }
    if (pathname === "/throw") throw new Error("in the object");
    if (pathname === "/later") {
      this.ctx.waitUntil(scheduler.wait(20).then(() => console.log("later")));
    }
    if (pathname === "/storage") {
      await this.ctx.storage.put("key", "value");
      await this.ctx.storage.get("key");
      this.ctx.storage.kv.put("name", 1);
      this.ctx.storage.kv.list({ prefix: "n", limit: 2 });
      this.ctx.storage.kv.delete("name");
      this.ctx.storage.sql.exec("CREATE TABLE t (a)");
      this.ctx.storage.sql.exec("INSERT INTO t VALUES (?), (?)", 1, 2);
      this.ctx.storage.sql.exec("SELECT a FROM t").toArray();
    }
    return new Response("object");
  }
  async ring(fails) {
    this.fails = fails;
    await this.ctx.storage.setAlarm(Date.now() + 1);
  }
  alarm() {
    console.log("ringing");
    if (this.fails) {
      this.fails = false;
      throw new Error("alarm");
    }
  }
  webSocketMessage(ws, message) {
    console.log("got", message);
    ws.send("answer");
  }
  webSocketClose(ws, code) {
    console.log("closed", code);
  }
}

const requests = {
  async logs() {
    console.debug("debug", 1);
    console.info({ a: [1, null] }, undefined);
    console.log();
    console.log("log", () => 1, Symbol("s"), new Date(0), 5n, new Map());
    console.warn("warn", { toJSON: () => "json" }, Object.create(null));
    console.error("error", new TypeError("wrong"), "more");
    // These are not told.
    console.table([1]);
    console.dir({});
    console.trace("trace");
    console.assert(false);
    console.count();
    return new Response("logged", { status: 201 });
  },
  cycle() {
    const cycle = {};
    cycle.cycle = cycle;
    console.log(cycle, 1);
    return new Response("x");
  },
  async throw() {
    throw new TypeError("thrown");
  },
  async throwText() {
    throw "text";
  },
  async background(request, ctx) {
    ctx.waitUntil(Promise.reject(new Error("background")));
    return new Response("x");
  },
  async report() {
    reportError(new Error("reported"));
    reportError("text");
    return new Response("x");
  },
  async timer() {
    setTimeout(() => {
      throw new Error("timer");
    }, 1);
    await scheduler.wait(20);
    return new Response("x");
  },
  async unhandled() {
    Promise.reject(new Error("nobody's"));
    await scheduler.wait(1);
    return new Response("x");
  },
  async cache() {
    const url = "http://cached/";
    await caches.default.put(url, new Response("kept", { headers: { "Cache-Control": "max-age=60", ETag: '"1"' } }));
    await caches.default.match(new Request(url, { headers: { "If-None-Match": '"1"' } }));
    await caches.default.delete(url, { ignoreMethod: true });
    return new Response("x");
  },
  nothing: async () => 5,
  hang: () => new Promise(() => {}),
  abort(request, ctx) {
    ctx.abort(new Error("aborted"));
  },
  async diagnose() {
    channel("some:channel").publish({ when: new Date(1), list: [1n] });
    channel("other").publish(() => 1);
    return new Response("x");
  },
  async much() {
    for (let i = 0; i < 4; i++) console.log("x".repeat(100_000));
    reportError("y".repeat(200_000));
    return new Response("x");
  },
  huge() {
    console.log("z".repeat(400_000));
    return new Response("x");
  },
  async stream(request, ctx) {
    const { readable, writable } = new TransformStream();
    const write = async () => {
      const writer = writable.getWriter();
      await writer.write(new Uint8Array(3));
      await scheduler.wait(10);
      console.log("written");
      await writer.close();
    };
    ctx.waitUntil(write());
    return new Response(readable);
  },
  brokenStream() {
    let pulls = 0;
    return new Response(
      new ReadableStream({
        async pull(controller) {
          if (pulls++ === 0) controller.enqueue(new Uint8Array(1));
          else throw new Error("stream");
        },
      }),
    );
  },
  async wait(request, ctx) {
    ctx.waitUntil(scheduler.wait(30));
    await scheduler.wait(20);
    return new Response("x");
  },
  async call(request, ctx, env) {
    await env.methods.add(1, 2);
    return env.self.fetch("http://subject/echo", { method: "POST", body: "four" });
  },
  async object(request, ctx, env) {
    return env.objects.get(env.objects.idFromName("storage")).fetch("http://object/storage");
  },
  async spans(request, ctx, env) {
    await tracing.enterSpan("outer", async (outer) => {
      outer.setAttribute("text", "a").setAttributes({ number: 1, yes: true, none: undefined });
      await scheduler.wait(1);
      console.log("in outer");
      ctx.tracing.enterSpan("inner", (inner, argument) => {
        console.log("in inner", argument, tracing.getActiveSpan() === inner);
        channel("spans").publish(1);
      }, 7);
      await env.self.fetch("http://subject/echo");
    });
    const detached = tracing.startSpan("detached");
    console.log("beside");
    tracing.withActiveSpan(detached, () => console.log("in detached"));
    detached.updateName("renamed").setStatus({ code: "error", message: "bad" }).recordException(new Error("told"));
    detached.end();
    console.log(detached.isTraced);
    tracing.startSpan("left open");
    return new Response("x");
  },
  echo: async (request) => new Response(await request.text()),
};

export default {
  fetch(request, env, ctx) {
    return requests[new URL(request.url).pathname.slice(1)](request, ctx, env);
  },
  queue(batch) {
    console.log(batch.messages.length);
    if (batch.queue === "bad") throw new Error("batch");
  },
  scheduled(controller) {
    console.log(controller.cron);
  },
};
