// request.signal of a request whose client goes away. The same code runs with each setting of the flags.
import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";
import { deepStrictEqual, rejects, strictEqual } from "node:assert";

/** What the server has seen. */
let seen = [];

export class Server extends WorkerEntrypoint {
  async fetch(request) {
    const { signal } = request;
    const { pathname } = new URL(request.url);
    signal.onabort = () => seen.push(`${pathname}: ${signal.reason}`);
    if (pathname === "/log") {
      const log = seen;
      seen = [];
      return Response.json(log);
    }
    if (pathname === "/same") {
      return Response.json([request.signal === signal, request.clone().signal === signal, new Request(request).signal === signal,
        new Request(request, { signal: null }).signal === signal, new Request("http://x/", request).signal === signal]);
    }
    if (pathname === "/throws") throw new Error("thrown");
    if (pathname === "/streams") {
      const { readable, writable } = new IdentityTransformStream();
      const writer = writable.getWriter();
      this.ctx.waitUntil(writer.write(new Uint8Array(3)).then(() => scheduler.wait(60_000)).catch(() => {}));
      return new Response(readable);
    }
    if (pathname === "/hangs") await scheduler.wait(60_000);
    return new Response("whole");
  }
}

/** An object, of which several requests are under way at a time. */
export class Watcher extends DurableObject {
  seen = [];
  async fetch(request) {
    const { signal } = request;
    const { pathname } = new URL(request.url);
    if (pathname === "/log") return Response.json(this.seen);
    const watch = () => (signal.onabort = () => this.seen.push(`${pathname}: ${signal.reason}`));
    if (pathname === "/late") {
      await scheduler.wait(40);
      this.seen.push(`late: ${signal.aborted}`);
    } else {
      watch();
    }
    if (pathname === "/hangs") await scheduler.wait(60_000);
    if (pathname === "/streams") {
      const { readable, writable } = new IdentityTransformStream();
      const writer = writable.getWriter();
      this.ctx.waitUntil(writer.write(new Uint8Array(3)).then(() => writer.write(new Uint8Array(3))).catch(() => {}));
      return new Response(readable);
    }
    await scheduler.wait(60);
    return new Response("whole");
  }
}

const log = async (server) => (await server.fetch("http://x/log")).json();

export const identity = {
  async test(_, { OFF, ON }) {
    deepStrictEqual(await (await OFF.fetch("http://x/same")).json(), [true, false, false, false, false]);
    deepStrictEqual(await (await ON.fetch("http://x/same")).json(), [true, true, true, false, true]);
  },
};

export const answers = {
  async test(_, { ON }) {
    await log(ON);
    strictEqual(await (await ON.fetch("http://x/whole")).text(), "whole");
    await rejects(ON.fetch("http://x/throws"), { message: "thrown" });
    deepStrictEqual(await log(ON), []);
  },
};

export const aborts = {
  async test(_, { OFF, ON, PASSES }) {
    for (const [server, expected] of [[OFF, []], [ON, ["/hangs: AbortError: The client has disconnected"]],
      [PASSES, ["/hangs: AbortError: The client has disconnected"]]]) {
      await log(server);
      const signal = AbortSignal.timeout(20);
      await rejects(server.fetch("http://x/hangs", { signal }), { name: "TimeoutError" });
      await scheduler.wait(5);
      deepStrictEqual(await log(server), expected);
    }
  },
};

export const abandonedBody = {
  async test(_, { ON }) {
    await log(ON);
    const { body } = await ON.fetch("http://x/streams");
    const reader = body.getReader();
    strictEqual((await reader.read()).value.byteLength, 3);
    await reader.cancel();
    await scheduler.wait(5);
    deepStrictEqual(await log(ON), ["/streams: AbortError: The client has disconnected"]);
  },
};

export const objects = {
  async test(_, { WATCHER }) {
    const object = WATCHER.get(WATCHER.newUniqueId());
    const whole = object.fetch("http://x/whole");
    const ends = ["/hangs", "/late"].map((path) =>
      rejects(object.fetch(`http://x${path}`, { signal: AbortSignal.timeout(20) }), { name: "TimeoutError" }));
    await Promise.all(ends);
    strictEqual(await (await whole).text(), "whole");
    deepStrictEqual(await log(object), ["/hangs: AbortError: The client has disconnected", "late: true"]);
    const reader = (await object.fetch("http://x/streams")).body.getReader();
    await reader.read();
    await reader.cancel();
    await scheduler.wait(5);
    strictEqual((await log(object))[2], "/streams: AbortError: The client has disconnected");
  },
};
