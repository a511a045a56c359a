// Scenarios between an object's caller in one process and the object in another; see links.rs. Each answers "ok", or says
// what went wrong.

import { DurableObject, RpcTarget, WorkerEntrypoint } from "cloudflare:workers";

/** Tells this process from the others. */
let process;
const here = () => (process ??= crypto.randomUUID());

function equal(actual, expected) {
  const [a, b] = [actual, expected].map((value) => JSON.stringify(value));
  if (a !== b) throw new Error(`${a} where ${b} was expected`);
}

async function fails(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("it did not fail");
}

/** Lets what is on its way arrive. */
async function until(condition) {
  while (!(await condition())) await scheduler.wait(5);
}

class Counter extends RpcTarget {
  #count = 0;
  #object;
  constructor(object) {
    super();
    this.#object = object;
  }
  get count() {
    return this.#count;
  }
  add(by) {
    return (this.#count += by);
  }
  self() {
    return this;
  }
  [Symbol.dispose]() {
    this.#object.disposed++;
  }
}

export class Thing extends DurableObject {
  disposed = 0;
  seen = [];
  aborted = [];
  hanging = 0;

  where() {
    return here();
  }
  get property() {
    return { nested: 7 };
  }
  echo(...args) {
    return args;
  }
  add(a, b) {
    return a + b;
  }
  note(n) {
    this.seen.push(n);
  }
  notes() {
    return this.seen;
  }
  fail(kind) {
    if (kind === "type") throw new TypeError("a bad type");
    throw Object.assign(new Error("a failure"), { extra: { deep: [1] } });
  }
  counter() {
    return new Counter(this);
  }
  disposals() {
    return this.disposed;
  }
  async callBack(callback) {
    return [await callback(20), here()];
  }
  async keep(callback) {
    this.kept?.[Symbol.dispose]?.();
    this.kept = callback.dup();
  }
  async callKept(...args) {
    return await this.kept(...args);
  }
  release() {
    this.kept[Symbol.dispose]();
  }
  async getName(stub) {
    return [await stub.label(), here()];
  }
  label() {
    return this.ctx.id.name;
  }
  async handOn(target, stub) {
    return await target.callBack(stub);
  }
  stream(bytes) {
    const chunk = new Uint8Array(16384).fill(5);
    return new ReadableStream({
      type: "bytes",
      pull(controller) {
        bytes -= chunk.length;
        controller.enqueue(chunk.slice());
        if (bytes <= 0) controller.close();
      },
    });
  }
  async sum(stream) {
    let sum = 0;
    for await (const chunk of stream) sum += chunk.length;
    return sum;
  }
  async write(stream, times) {
    const writer = stream.getWriter();
    for (let i = 0; i < times; i++) await writer.write(new Uint8Array(10000).fill(i));
    await writer.close();
  }
  async waitFor(signal) {
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    return String(signal.reason);
  }
  async fetchFrom(service) {
    const response = await service.fetch("http://x/");
    return [await response.text(), here()];
  }
  async readRequest(request) {
    return [request.method, request.url, request.headers.get("a"), await request.text()];
  }
  response() {
    return new Response("body", { status: 201, headers: { b: "c" } });
  }
  hung() {
    return this.hanging;
  }
  abortions() {
    return this.aborted;
  }
  break() {
    this.ctx.abort("broken on purpose");
  }

  webSocketMessage(socket, message) {
    socket.send(message);
  }
  webSocketClose(socket, code, reason) {
    socket.close(code, reason);
  }

  async fetch(request) {
    const url = new URL(request.url);
    switch (url.pathname) {
      case "/where":
        return new Response(here());
      case "/echo":
        return new Response(request.body, { headers: { cf: JSON.stringify(request.cf ?? null) } });
      case "/hang": {
        this.hanging++;
        request.signal.addEventListener("abort", () => this.aborted.push("hang"));
        await new Promise(() => {});
        return;
      }
      case "/endless": {
        const { readable, writable } = new TransformStream();
        const writer = writable.getWriter();
        const pump = async () => {
          try {
            for (;;) await writer.write(new Uint8Array(10000));
          } catch {
            this.aborted.push("endless");
          }
        };
        this.ctx.waitUntil(pump());
        return new Response(readable);
      }
      case "/throw":
        throw new RangeError("out of range");
      case "/hibernating": {
        const [client, server] = Object.values(new WebSocketPair());
        this.ctx.acceptWebSocket(server);
        return new Response(null, { status: 101, webSocket: client });
      }
      case "/socket": {
        const [client, server] = Object.values(new WebSocketPair());
        server.accept();
        server.addEventListener("message", ({ data }) => {
          if (data === "where") server.send(here());
          else if (data === "close") server.close(4000, "as asked");
          else server.send(data);
        });
        server.addEventListener("close", ({ code, reason }) => {
          this.aborted.push(`${code} ${reason}`);
          try {
            server.close(code, reason);
          } catch {}
        });
        return new Response(null, { status: 101, webSocket: client });
      }
    }
    return new Response("not found", { status: 404 });
  }
}

export class Named extends WorkerEntrypoint {
  fetch() {
    return new Response(`${this.ctx.props?.tag} in ${here()}`);
  }
  where() {
    return here();
  }
}

/** Objects of as many other processes as asked for, by trying names. */
async function elsewhere(env, count = 1) {
  const found = new Map();
  for (let i = 0; found.size < count; i++) {
    if (i > 500) throw new Error(`only ${found.size} other processes`);
    const stub = env.THING.getByName(`thing ${i}`);
    const where = await stub.where();
    if (where !== here()) found.set(where, stub);
  }
  return [...found.values()];
}

const scenarios = {
  async calls(env) {
    const [thing] = await elsewhere(env);
    equal(await thing.add(1, 2), 3);
    equal(await thing.property, { nested: 7 });
    equal(await thing.property.nested, 7);
    const sent = [1n << 70n, new Date(5), /a/g, new Map([["k", new Set([1])]]), undefined, NaN];
    const back = await thing.echo(...sent);
    equal(back.map(String), sent.map(String));
    equal((await fails(thing.missing())).message, 'The RPC receiver does not implement the method "missing".');
    const big = crypto.getRandomValues(new Uint8Array(65536));
    const long = new Uint8Array(20 << 20);
    for (let at = 0; at < long.length; at += big.length) long.set(big, at);
    const [again] = await thing.echo(long);
    equal(again.length, long.length);
    equal(again.slice(-65536), big);
  },

  async errors(env) {
    const [thing] = await elsewhere(env);
    const type = await fails(thing.fail("type"));
    equal([type.constructor === TypeError, type.message, type.remote], [true, "a bad type", true]);
    const other = await fails(thing.fail());
    equal([other.message, other.remote], ["a failure", true]);
    const thrown = await fails(thing.fetch("http://x/throw"));
    equal([thrown.name, thrown.message], ["RangeError", "out of range"]);
    const broken = await fails(thing.break());
    equal(broken.message, "broken on purpose");
    // The stub that saw it break stays broken; a new one finds the object again.
    const [anew] = await elsewhere(env);
    equal(await anew.add(1, 1), 2);
  },

  async order(env) {
    const [thing] = await elsewhere(env);
    const before = (await thing.notes()).length;
    const calls = [];
    for (let i = 0; i < 100; i++) calls.push(thing.note(i));
    await Promise.all(calls);
    equal((await thing.notes()).slice(before), [...Array(100).keys()]);
  },

  async pipelines(env) {
    const [thing] = await elsewhere(env);
    equal(await thing.counter().add(5), 5);
    equal(await thing.counter().self().self().count, 0);
    const before = await thing.disposals();
    {
      using counter = await thing.counter();
      equal([await counter.add(1), await counter.add(2), await counter.count], [1, 3, 3]);
      using twin = counter.dup();
      equal(await twin.add(1), 4);
    }
    await until(async () => (await thing.disposals()) === before + 1);
    equal((await fails(thing.fail().x.y())).message, "a failure");
  },

  async callbacks(env) {
    const [thing] = await elsewhere(env);
    const [result, where] = await thing.callBack((n) => `${n} ${here()}`);
    equal(result, `20 ${here()}`);
    equal(where, await thing.where());
    class Local extends RpcTarget {
      label() {
        return "local";
      }
    }
    equal((await thing.getName(new Local()))[0], "local");
    await thing.keep((a, b) => a * b);
    equal(await thing.callKept(6, 7), 42);
    await thing.release();
    // What came from there is there the thing itself.
    using counter = await thing.counter();
    equal((await thing.getName(thing))[0], await thing.label());
    const [back] = await thing.echo(counter);
    equal(await back.add(9), 9);
  },

  async third(env) {
    const [thing, other] = await elsewhere(env, 2);
    using counter = await thing.counter();
    const call = (n) => counter.add(n);
    equal(await other.callBack(call), [20, await other.where()]);
    // A stub of the one, given to the other, which the caller's process hands on.
    equal(await thing.handOn(other, (n) => n + 1), [21, await other.where()]);
  },

  async streams(env) {
    const [thing] = await elsewhere(env);
    let got = 0;
    for await (const chunk of await thing.stream(1 << 20)) {
      equal(chunk.every((byte) => byte === 5), true);
      got += chunk.length;
    }
    equal(got, 1 << 20);
    const early = (await thing.stream(1 << 30)).getReader();
    await early.read();
    await early.cancel("enough");
    equal(await thing.sum(new Response("x".repeat(300000)).body), 300000);
    const { readable, writable } = new TransformStream();
    const done = thing.write(writable, 30);
    equal((await new Response(readable).arrayBuffer()).byteLength, 300000);
    await done;
  },

  async signals(env) {
    const [thing] = await elsewhere(env);
    const controller = new AbortController();
    const waiting = thing.waitFor(controller.signal);
    await thing.where();
    controller.abort(new Error("stop it"));
    equal(await waiting, "Error: stop it");
  },

  async services(env) {
    const [thing] = await elsewhere(env);
    const [text, where] = await thing.fetchFrom(env.NAMED);
    // The object's process has that entrypoint itself.
    equal(text, `config in ${where}`);
    equal(where, await thing.where());
    const [first, second] = [await thing.label(), env.THING.getByName("some other")];
    equal((await thing.getName(second))[0], "some other");
    equal((await thing.getName(thing))[0], first);
  },

  async messages(env) {
    const [thing] = await elsewhere(env);
    const request = new Request("http://x/y", { method: "PUT", headers: { a: "b" }, body: "sent" });
    equal(await thing.readRequest(request), ["PUT", "http://x/y", "b", "sent"]);
    const response = await thing.response();
    equal([response.status, response.headers.get("b"), await response.text()], [201, "c", "body"]);
  },

  async fetches(env) {
    const [thing] = await elsewhere(env);
    const echo = await thing.fetch("http://x/echo", { method: "POST", body: "short", cf: { a: [1] } });
    equal([echo.headers.get("cf"), await echo.text()], ['{"a":[1]}', "short"]);
    const { readable, writable } = new FixedLengthStream(3 << 20);
    const write = async () => {
      const writer = writable.getWriter();
      for (let i = 0; i < 48; i++) await writer.write(new Uint8Array(65536).fill(i));
      await writer.close();
    };
    const written = write();
    const long = await thing.fetch("http://x/echo", { method: "POST", body: readable });
    equal((await long.arrayBuffer()).byteLength, 3 << 20);
    await written;
  },

  async cancels(env) {
    const [thing] = await elsewhere(env);
    const before = (await thing.abortions()).length;
    const endless = await thing.fetch("http://x/endless");
    const reader = endless.body.getReader();
    await reader.read();
    await reader.cancel();
    await until(async () => (await thing.abortions()).slice(before).includes("endless"));
    const controller = new AbortController();
    const hanging = thing.fetch("http://x/hang", { signal: controller.signal });
    await thing.where();
    controller.abort();
    equal((await fails(hanging)).name, "AbortError");
    await until(async () => (await thing.abortions()).slice(before).includes("hang"));
  },

  async overload(env) {
    const [thing] = await elsewhere(env);
    const there = await thing.where();
    let other;
    for (let i = 0; other === undefined; i++) {
      const stub = env.THING.getByName(`other ${i}`);
      if ((await stub.where()) === there) other = stub;
    }
    const controller = new AbortController();
    const { signal } = controller;
    const calls = [];
    for (let i = 0; i < 4096; i++) calls.push(thing.fetch("http://x/hang", { signal }));
    const ended = Promise.allSettled(calls);
    equal((await fails(thing.fetch("http://x/hang"))).overloaded, true);
    equal((await fails(thing.where())).overloaded, true);
    // Another object of that process is none the worse.
    equal(await other.where(), there);
    equal(await (await other.fetch("http://x/where")).text(), there);
    controller.abort();
    await ended;
    await until(async () => (await thing.where().catch(() => undefined)) !== undefined);
  },

  async sockets(env) {
    const [thing] = await elsewhere(env);
    const before = (await thing.abortions()).length;
    const response = await thing.fetch("http://x/socket", { headers: { Upgrade: "websocket" } });
    equal(response.status, 101);
    const socket = response.webSocket;
    socket.accept();
    const received = [];
    let closed;
    socket.addEventListener("message", ({ data }) => received.push(data));
    socket.addEventListener("close", ({ code, reason }) => (closed = `${code} ${reason}`));
    socket.send("where");
    socket.send(new Uint8Array([1, 2, 3]));
    socket.send("x".repeat(1 << 20));
    await until(() => received.length === 3);
    equal(received[0], await thing.where());
    equal([...new Uint8Array(received[1])], [1, 2, 3]);
    equal(received[2].length, 1 << 20);
    socket.send("close");
    await until(() => closed !== undefined);
    equal(closed, "4000 as asked");
    const again = await thing.fetch("http://x/socket", { headers: { Upgrade: "websocket" } });
    again.webSocket.accept();
    again.webSocket.close(4321, "ours");
    await until(async () => (await thing.abortions()).slice(before).includes("4321 ours"));
  },
};

export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    if (["/socket", "/hibernating"].includes(url.pathname)) {
      // The object's answer, unread.
      const [thing] = await elsewhere(env);
      return thing.fetch(request);
    }
    const thing = env.THING.getByName(url.searchParams.get("name") ?? "");
    switch (url.pathname) {
      case "/elsewhere":
        return new Response(await (await elsewhere(env))[0].label());
      case "/hung":
        return new Response(await thing.hung());
      case "/hang":
        try {
          return await thing.fetch("http://x/hang");
        } catch ({ message, retryable }) {
          return new Response(`${message} ${retryable}`);
        }
    }
    try {
      await scenarios[url.pathname.slice(1)](env);
      return new Response("ok");
    } catch (error) {
      return new Response(error.stack ?? String(error), { status: 500 });
    }
  },
};
