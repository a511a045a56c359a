// ctx.abort, what ctx and cloudflare:workers have, and the order of timers and other workers' events.
import * as workers from "cloudflare:workers";
import { connect } from "cloudflare:sockets";
import { deepStrictEqual, match, notStrictEqual, rejects, strictEqual, throws } from "node:assert";

let seen = [];

export class Server extends workers.WorkerEntrypoint {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/waits") {
      request.signal.onabort = () => this.ctx.waitUntil(this.env.SERVER.note("gone"));
      await scheduler.wait(60_000);
    }
    try {
      this.ctx.abort(new RangeError("enough"));
    } finally {
      seen.push("never");
    }
  }

  async quits() {
    await null;
    this.ctx.abort();
    seen.push("never");
  }

  async connect(socket) {
    const { localAddress } = await socket.opened;
    const writer = socket.writable.getWriter();
    await writer.write(new TextEncoder().encode(localAddress));
    await writer.close();
  }

  async note(what) {
    seen.push(what);
  }
}

export const aborts = {
  async test(_, { SERVER }) {
    seen = [];
    await rejects(SERVER.fetch("http://x/"), { name: "RangeError", message: "enough" });
    await rejects(SERVER.quits(), { name: "Error", message: "Worker execution was aborted due to call to ctx.abort()." });
    deepStrictEqual(seen, []);
  },
};

export const order = {
  async test(_, { SERVER }) {
    seen = [];
    await rejects(SERVER.fetch("http://x/waits", { signal: AbortSignal.timeout(20) }), { name: "TimeoutError" });
    await scheduler.wait(0);
    deepStrictEqual(seen, ["gone"]);
  },
};

export const members = {
  test(_, env, ctx) {
    strictEqual("access" in ctx, true);
    strictEqual(ctx.access, undefined);
    deepStrictEqual(workers.cache, {});
    deepStrictEqual(["cache" in ctx, ctx.cache, "version" in ctx, ctx.version], [true, undefined, true, undefined]);
    const wrapped = Object.create(ctx, { waitUntil: { value: (promise) => ctx.waitUntil(promise) } });
    for (const name of ["tracing", "access", "cache", "version", "exports", "props"]) {
      strictEqual(wrapped[name], ctx[name]);
    }
    wrapped.waitUntil(Promise.resolve());
    wrapped.props = "of the wrapper";
    strictEqual(wrapped.props, "of the wrapper");
    notStrictEqual(ctx.props, "of the wrapper");
    for (const name of ["DurableObject", "WorkerEntrypoint", "WorkflowEntrypoint"]) strictEqual(workers[name].length, 0);
    strictEqual(workers.DurableObject.prototype[Symbol.toStringTag], "DurableObjectBase");
    strictEqual(workers.withEnv({ NAME: "other" }, () => workers.env.NAME), "other");
    for (const value of [null, undefined, 5]) strictEqual(workers.withEnv(value, () => workers.env.NAME), "own");
    throws(() => workers.withEnv({}), {
      name: "TypeError",
      message: "Failed to execute 'withEnv' on 'EnvModule': parameter 2 is not of type 'function'.",
    });
    throws(() => workers.waitUntil(), {
      name: "TypeError",
      message: "Failed to execute 'waitUntil' on 'EntrypointsModule': parameter 1 is not of type 'Promise'.",
    });
  },
};

export const virtualHosts = {
  async test(_, { SERVER, OTHER }, ctx) {
    const host = ctx.mapVirtualHost(SERVER, 80);
    match(host, /^[0-9a-f]{32}\.workers\.alt:80$/);
    strictEqual(ctx.mapVirtualHost(SERVER, "81"), host);
    notStrictEqual(ctx.mapVirtualHost(OTHER, 80), host);
    const socket = connect(host);
    strictEqual(await new Response(socket.readable).text(), host);
    const refused = (args, message) => throws(() => ctx.mapVirtualHost(...args), { name: "TypeError", message });
    refused([], "Failed to execute 'mapVirtualHost' on 'ExecutionContext': parameter 1 is not of type 'Fetcher'.");
    refused([{}, 80], "Failed to execute 'mapVirtualHost' on 'ExecutionContext': parameter 1 is not of type 'Fetcher'.");
    refused([OTHER], "Failed to execute 'mapVirtualHost' on 'ExecutionContext': parameter 2 is not of type 'unsigned short integer'.");
    refused([OTHER, 70_000], "Value out of range. Must be less than or equal to 65535.");
  },
};
