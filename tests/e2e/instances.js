// A client of another instance of workerd, and what it is a client of. `/<name>` makes one check; the header `x-port` says where,
// or it is the external service.
import { deepStrictEqual, rejects, strictEqual } from "node:assert";
import { DurableObject, RpcTarget, WorkerEntrypoint } from "cloudflare:workers";

const bytes = (text) => new TextEncoder().encode(text);

const checks = {
  async requests(server) {
    const get = await server.fetch("http://host/a?b");
    deepStrictEqual([get.status, await get.text()], [200, 'GET http://host/a?b  {"given":[1]}']);
    const post = await server.fetch("http://host/", { method: "POST", body: "sent" });
    strictEqual(await post.text(), 'POST http://host/ sent {"given":[1]}');
    const head = await server.fetch("http://host/", { method: "HEAD" });
    deepStrictEqual([head.status, head.headers.get("x-header"), head.body], [200, "value", null]);
    const odd = await server.fetch("http://host/odd");
    deepStrictEqual([odd.status, odd.statusText, odd.headers.getSetCookie()], [418, "Teapot!", ["a=1", "b=2"]]);
    const cf = await server.fetch("http://host/cf", { cf: { told: true } });
    deepStrictEqual(await cf.json(), { told: true });
    const all = Array.from({ length: 50 }, async (_, i) => (await server.fetch(`http://host/${i}`)).status);
    deepStrictEqual(new Set(await Promise.all(all)), new Set([200]));
  },

  async bodies(server) {
    const { readable, writable } = new TransformStream();
    const write = async () => {
      const writer = writable.getWriter();
      for (let i = 0; i < 20; i++) await writer.write(new Uint8Array(100_000));
      await writer.close();
    };
    const [length] = await Promise.all([server.fetch("http://host/length", { method: "POST", body: readable }), write()]);
    strictEqual(await length.text(), "2000000");
    const cut = await server.fetch("http://host/cut");
    await rejects(cut.text());
  },

  async echoes(server) {
    const echo = await server.fetch("http://host/echo", { method: "POST", body: new Uint8Array(3_000_000) });
    strictEqual((await echo.arrayBuffer()).byteLength, 3_000_000);
  },

  async failures(server, port) {
    await rejects(server.fetch("http://host/throw"), { name: "TypeError", message: "thrown", remote: true });
    await rejects(server.throw(), { name: "RangeError", message: "thrown" });
    await rejects(server.none(), { name: "TypeError", message: 'The RPC receiver does not implement the method "none".' });
    await rejects(port.getEntrypoint("nobody").fetch("http://host/"), { message: 'Worker "nobody" not found' });
    const zed = port.getEntrypoint("main", "Zed").fetch("http://host/");
    await rejects(zed, { message: 'Worker does not export an entrypoint named "Zed"' });
    const object = port.getActor("main", "Zed", "00").fetch("http://host/");
    await rejects(object, { message: 'Worker does not export a Durable Object class named "Zed"' });
    await rejects(port.getActor("main", "Counter", "00").fetch("http://host/"));
    const controller = new AbortController();
    const slow = server.fetch("http://host/slow", { signal: controller.signal });
    setTimeout(() => controller.abort(), 20);
    await rejects(slow, { name: "AbortError" });
  },

  async webSockets(server) {
    const { webSocket } = await server.fetch("http://host/socket", { headers: { upgrade: "websocket" } });
    webSocket.accept();
    webSocket.binaryType = "arraybuffer";
    const got = [];
    const closed = new Promise((resolve) => {
      webSocket.addEventListener("message", ({ data }) => {
        got.push(typeof data === "string" ? data.length : -data.byteLength);
        if (got.length === 3) webSocket.close(4001, "enough");
      });
      webSocket.addEventListener("close", ({ code, reason, wasClean }) => resolve([code, reason, wasClean]));
    });
    webSocket.send("one");
    webSocket.send(bytes("four"));
    webSocket.send("x".repeat(200_000));
    deepStrictEqual(await closed, [4001, "enough", true]);
    deepStrictEqual(got, [3, -4, 200_000]);
  },

  async connections(server) {
    const socket = server.connect("host:123");
    const writer = socket.writable.getWriter();
    await writer.write(bytes("sent"));
    await writer.close();
    strictEqual(await new Response(socket.readable).text(), "host:123 sent");
  },

  async calls(server) {
    const value = { a: [1, null, undefined, 2n], date: new Date(5), map: new Map([[1, new Set([2])]]), bytes: bytes("b"), re: /x/g };
    deepStrictEqual(await server.same(value), value);
    strictEqual(await server.call((x) => x + 1), 42);
    strictEqual(await server.greet(new Greeter()), "hello you");
    deepStrictEqual(await server.property, { of: "it" });
    strictEqual(await server.counter(5).increment(), 6);
    strictEqual(await server.nested().a.b.c(), "deep");
    using counter = await server.counter(1);
    const second = counter.dup();
    deepStrictEqual([await counter.increment(), await second.increment(), await counter.value], [2, 3, 3]);
  },

  async disposal(server) {
    const before = await server.disposed();
    const counter = await server.counter(1);
    counter[Symbol.dispose]();
    const given = await server.disposable();
    given[Symbol.dispose]();
    for (let tries = 0; (await server.disposed()) !== before + 2; tries++) {
      if (tries > 200) throw new Error("not disposed of");
      await scheduler.wait(10);
    }
  },

  async values(server) {
    strictEqual(await server.read(new Response("read").body), "read");
    strictEqual(await new Response(await server.stream()).text(), "streamed");
    const { readable, writable } = new IdentityTransformStream();
    const written = server.write(writable);
    strictEqual(await new Response(readable).text(), "written");
    await written;
    const headers = await server.same(new Headers([["a", "b"], ["content-type", "c/d"]]));
    deepStrictEqual([...headers], [["a", "b"], ["content-type", "c/d"]]);
    const request = new Request("http://host/r", { method: "PUT", body: "body", headers: { h: "1" } });
    strictEqual(await server.describe(request), "PUT http://host/r 1 body");
    const response = await server.respond();
    deepStrictEqual([response.status, response.headers.get("x-header"), await response.text()], [201, "value", "body"]);
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error("because")), 20);
    strictEqual(await server.aborted(controller.signal), "because");
    const error = await server.same(Object.assign(new RangeError("wrong"), { code: 7 }));
    deepStrictEqual([error instanceof RangeError, error.message, error.code], [true, "wrong", 7]);
    const blob = await server.same(new Blob(["abc"], { type: "t/x" }));
    deepStrictEqual([blob.type, await blob.text()], ["t/x", "abc"]);
  },

  async objects(server, port, { COUNTERS }) {
    const ids = ["a", "b", "c", "d"].map((name) => COUNTERS.idFromName(name).toString());
    for (const id of ids) {
      const object = port.getActor("main", "Counter", id);
      strictEqual(await (await object.fetch("http://host/")).text(), id);
      const first = await object.next();
      deepStrictEqual(await Promise.all([object.next(), object.next(), object.next()]), [first + 1, first + 2, first + 3]);
    }
  },
};

export default {
  async fetch(request, { PORT, COUNTERS, ELSEWHERE }) {
    const address = request.headers.get("x-port");
    const port = address === null ? undefined : PORT.connect(address);
    const server = port === undefined ? ELSEWHERE : port.getEntrypoint("main", "Server", { given: [1] });
    try {
      await checks[new URL(request.url).pathname.slice(1)](server, port, { COUNTERS });
      return new Response("ok");
    } catch (error) {
      return new Response(error.stack);
    }
  },
};

class Greeter extends RpcTarget {
  hello(name) {
    return `hello ${name}`;
  }
}

let disposed = 0;

class Count extends RpcTarget {
  #count;

  constructor(count) {
    super();
    this.#count = count;
  }

  get value() {
    return this.#count;
  }

  increment() {
    return ++this.#count;
  }

  [Symbol.dispose]() {
    disposed++;
  }
}

const pages = {
  "/odd": () => new Response("odd", { status: 418, statusText: "Teapot!", headers: [["set-cookie", "a=1"], ["set-cookie", "b=2"]] }),
  "/cf": ({ cf }) => Response.json(cf),
  "/echo": ({ body }) => new Response(body),
  "/slow": () => scheduler.wait(5000).then(() => new Response("slow")),
  "/throw": () => {
    throw new TypeError("thrown");
  },
  async "/length"({ body }) {
    let length = 0;
    for await (const chunk of body) length += chunk.byteLength;
    return new Response(`${length}`);
  },
  "/cut": () =>
    new Response(
      new ReadableStream({
        async pull(controller) {
          controller.enqueue(bytes("begun"));
          await scheduler.wait(10);
          controller.error(new Error("cut"));
        },
      }),
    ),
  "/socket"() {
    const [client, server] = Object.values(new WebSocketPair());
    server.accept();
    server.binaryType = "arraybuffer";
    server.addEventListener("message", ({ data }) => server.send(data));
    server.addEventListener("close", ({ code, reason }) => server.close(code, reason));
    return new Response(null, { status: 101, webSocket: client });
  },
};

export class Server extends WorkerEntrypoint {
  async fetch(request) {
    const page = pages[new URL(request.url).pathname];
    if (page !== undefined) return page(request);
    const body = request.method === "HEAD" ? "" : await request.text();
    const text = `${request.method} ${request.url} ${body} ${JSON.stringify(this.ctx.props)}`;
    return new Response(text, { headers: { "x-header": "value" } });
  }

  async connect({ opened, readable, writable }) {
    const { localAddress } = await opened;
    const text = await new Response(readable).text();
    const writer = writable.getWriter();
    await writer.write(bytes(`${localAddress ?? "host:123"} ${text}`));
    await writer.close();
  }

  get property() {
    return { of: "it" };
  }

  same(value) {
    return value;
  }
  throw() {
    throw new RangeError("thrown");
  }
  call(callback) {
    return callback(41);
  }
  greet(greeter) {
    return greeter.hello("you");
  }
  counter(count) {
    return new Count(count);
  }
  nested() {
    return { a: { b: { c: () => "deep" } } };
  }
  disposable() {
    return { value: 1, [Symbol.dispose]: () => disposed++ };
  }
  disposed() {
    return disposed;
  }
  read(stream) {
    return new Response(stream).text();
  }
  stream() {
    return new Response("streamed").body;
  }
  async write(stream) {
    const writer = stream.getWriter();
    await writer.write(bytes("written"));
    await writer.close();
  }
  async describe(request) {
    return `${request.method} ${request.url} ${request.headers.get("h")} ${await request.text()}`;
  }
  respond() {
    return new Response("body", { status: 201, headers: { "x-header": "value" } });
  }
  aborted(signal) {
    return new Promise((resolve) => signal.addEventListener("abort", () => resolve(signal.reason.message)));
  }
}

export class Counter extends DurableObject {
  #count = 0;

  fetch() {
    return new Response(`${this.ctx.id}`);
  }

  next() {
    return ++this.#count;
  }
}
