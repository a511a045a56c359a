// Calls between workers: what can be reached, what passes by value and by reference, and how long it lives.
import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert";
import {
  DurableObject, RpcPromise, RpcProperty, RpcStub, RpcTarget, ServiceStub, WorkerEntrypoint,
} from "cloudflare:workers";

class Account extends RpcTarget {
  own = "hidden";
  #balance;
  closed = Promise.withResolvers();

  constructor(balance) {
    super();
    this.#balance = balance;
  }

  deposit(amount) {
    return (this.#balance += amount);
  }

  get balance() {
    return this.#balance;
  }

  // Only an entrypoint keeps this name.
  fetch() {
    return "a target's own";
  }

  [Symbol.dispose]() {
    this.closed.resolve("closed");
  }
}

class Stranger {
  method() {}
}

export class Bank extends WorkerEntrypoint {
  own = () => "hidden";

  echo(...values) {
    return values.length === 1 ? values[0] : values;
  }
  count(...values) {
    return values.length;
  }
  open(balance) {
    return new Account(balance);
  }
  openIn(balance) {
    return { account: new Account(balance), opened: true };
  }
  adder() {
    return Object.assign((a, b) => a + b, { unit: "euro" });
  }
  async apply(callback, value) {
    return callback(value);
  }
  depositTo(account, amount) {
    return account.deposit(amount);
  }
  read(object, name) {
    return object[name];
  }
  get rate() {
    return 0.5;
  }
  get later() {
    return scheduler.wait(1).then(() => "later");
  }
  get rates() {
    return { day: { base: 1, of: (x) => x * 2 }, stranger: new Stranger(), bare: { __proto__: null, a: 1 } };
  }
  get broken() {
    throw new Error("getter threw");
  }
  fail() {
    throw Object.assign(new RangeError("out of range"), { detail: { limit: 3 } });
  }
  failWith(kind) {
    throw kind === "string" ? "text" : kind === "object" ? { a: 1 } : new DOMException("gone", "AbortError");
  }
  stranger() {
    return new Stranger();
  }
  hang() {
    return new Promise(() => {});
  }
  keep(account) {
    const kept = account.dup();
    return {
      account: account.dup(),
      original: (amount) => account.deposit(amount),
      kept: (amount) => kept.deposit(amount),
      [Symbol.dispose]: () => kept[Symbol.dispose](),
    };
  }
  forget(account) {
    account.dup();
    return { plain: true };
  }
  abort() {
    const { ctx } = this;
    return { now: () => ctx.abort(new TypeError("enough")), ping: () => "pong" };
  }
  props() {
    return this.ctx.props;
  }
  loopback(greeting) {
    return { stub: this.ctx.exports.Bank({ props: { greeting } }) };
  }
  async write(stream, ...texts) {
    const writer = stream.getWriter();
    for (const text of texts) await writer.write(new TextEncoder().encode(text));
    await writer.close();
  }
  async flood(stream) {
    const writer = stream.getWriter();
    for (;;) await writer.write(new Uint8Array(1024));
  }
  text(stream) {
    return new Response(stream).text();
  }
  stream() {
    const { readable, writable } = new IdentityTransformStream();
    this.ctx.waitUntil(this.write(writable, "one ", "two"));
    return readable;
  }
  request() {
    return new Request("http://host/path", { method: "PUT", body: "sent", headers: { a: "b" }, redirect: "manual" });
  }
  async requestText(request) {
    return `${request.method} ${request.url} ${await request.text()}`;
  }
  response() {
    return new Response("answered", { status: 404, headers: { "x-y": "z" }, cf: { a: 1 } });
  }
  aborted(signal) {
    if (signal.aborted) return signal.reason.message;
    return new Promise((resolve) => signal.addEventListener("abort", () => resolve(signal.reason.message)));
  }
  big() {
    return new Uint8Array(40 << 20);
  }
}

export class Branch extends WorkerEntrypoint {
  open(balance) {
    return this.env.BANK.open(balance);
  }
  openIn(balance) {
    return this.env.BANK.openIn(balance);
  }
}

const refused = (name) => ({
  name: "TypeError", message: `The RPC receiver does not implement the method "${name}".`, remote: true,
});
const reserved = (name) => ({
  name: "TypeError", message: `'${name}' is a reserved method and cannot be called over RPC.`,
});
const disposed = { name: "Error", message: "RPC stub used after being disposed." };

export const shapes = {
  async test(_, { BANK }) {
    ok(BANK instanceof ServiceStub);
    strictEqual(typeof BANK, "object");
    strictEqual(BANK.then, undefined);
    strictEqual(BANK[Symbol("s")], undefined);
    strictEqual(JSON.stringify(BANK), "{}");
    ok("anything" in BANK && !("then" in BANK));
    const property = BANK.echo;
    strictEqual(typeof property, "function");
    ok(property instanceof RpcProperty && !(property instanceof Function));
    ok(property.name instanceof RpcProperty && property.bind instanceof RpcProperty);
    const promise = property(1);
    ok(promise instanceof RpcPromise && !(promise instanceof Promise));
    strictEqual(await promise, 1);
    const stub = await BANK.open(1);
    ok(stub instanceof RpcStub);
    strictEqual(stub.then, undefined);
    strictEqual(`${Object.prototype.toString.call(stub)} ${stub.constructor.name}`, "[object JsRpcStub] RpcStub");
    for (const Class of [RpcProperty, RpcPromise, ServiceStub]) throws(() => new Class(), { message: "Illegal constructor" });
    throws(() => new RpcStub(5), {
      message: "Failed to construct 'JsRpcStub': constructor parameter 1 is not of type 'Object'.",
    });
    throws(() => new RpcStub(new Map()), {
      message: "RpcStubs can only wrap plain objects, functions, and RpcTarget derivatives.",
    });
    throws(() => BANK.echo(1).then(), {
      message: "Failed to execute 'then' on 'JsRpcPromise': parameter 1 is not of type 'Function'.",
    });
    let deep = stub;
    throws(() => {
      for (let i = 0; i < 100; i++) deep = deep.x;
    }, { name: "TypeError", message: "RPC pipelined property path is too deep (max 64)." });
  },
};

export const reach = {
  async test(_, { BANK }) {
    strictEqual(await BANK.count(), 0);
    strictEqual(await BANK.count(undefined, null, 3), 3);
    strictEqual(await BANK.rate, 0.5);
    strictEqual(await BANK.later, "later");
    strictEqual(await BANK.rates.day.base, 1);
    strictEqual(await BANK.rates.day.of(4), 8);
    const byName = (name) => BANK.getRpcMethodForTestOnly(name);
    for (const name of ["own", "env", "ctx", "toString", "hasOwnProperty", "missing", "prototype"]) {
      await rejects(() => byName(name)(), refused(name));
    }
    for (const name of ["constructor", "fetch", "dup", "alarm", "connect", "webSocketMessage"]) {
      await rejects(() => byName(name)(), reserved(name));
    }
    await rejects(() => BANK.rates.stranger.method(), refused("stranger"));
    await rejects(() => BANK.rates.bare.a, refused("bare"));
    await rejects(() => BANK.rates.env.X.y(), refused("env"));
    await rejects(() => BANK.echo(5).foo(), refused("foo"));
    await rejects(() => byName("rate")(), { name: "TypeError", message: '"rate" is not a function.' });
    await rejects(() => BANK.rates.day.base(), { name: "TypeError", message: '"rates.day.base" is not a function.' });
    await rejects(() => BANK.broken, { message: "getter threw" });
    await rejects(() => BANK.hang(), { message: /had hung and would never generate a response/ });
  },
};

export const plain = {
  async test(_, { PLAIN }) {
    deepStrictEqual(Array.from(await PLAIN.one(4)), [4, "object", "object", 3]);
    strictEqual(await PLAIN.value, 5);
    await rejects(() => PLAIN.one(1, 2), /Attempted to call RPC function "one" with the wrong number of arguments\./);
    await rejects(() => PLAIN.two(1), /Cannot call handler function "two" over RPC because it has the wrong number/);
  },
};
export const handlers = {
  one: (value, env, ctx, ...rest) => [value, typeof env, typeof ctx, 3 + rest.length],
  two: (a, b, env, ctx) => [a, b, env, ctx],
  value: 5,
};

export const errors = {
  async test(_, { BANK, OLD }) {
    const error = await BANK.fail().catch((thrown) => thrown);
    ok(error instanceof RangeError);
    deepStrictEqual([error.message, error.detail, error.remote], ["out of range", { limit: 3 }, true]);
    ok(!error.stack.includes("Bank.fail") && error.stack.includes("errors.test") || error.stack.includes("Object.test"));
    const old = await OLD.fail().catch((thrown) => thrown);
    deepStrictEqual([old.constructor, old.message, old.detail, old.remote], [RangeError, "out of range", undefined, true]);
    await rejects(() => BANK.failWith("string"), { name: "Error", message: "text", remote: true });
    await rejects(() => OLD.failWith("object"), { name: "Error", message: "#<Object>" });
    deepStrictEqual({ ...(await BANK.failWith("object").catch((thrown) => thrown)) }, { a: 1, remote: true });
    await rejects(() => BANK.failWith("dom"), { name: "AbortError", message: "gone", remote: true });
    await rejects(() => BANK.apply(() => { throw new TypeError("mine"); }), { name: "TypeError", message: "mine" });
    strictEqual(await BANK.fail().then(undefined ?? (() => 1), () => 2), 2);
    let seen = false;
    await BANK.rate.finally(() => (seen = true));
    ok(seen);
  },
};

export const values = {
  async test(_, { BANK }) {
    const map = await BANK.echo(new Map([["a", [1, { b: 2n }]]]));
    deepStrictEqual(map.get("a"), [1, { b: 2n }]);
    const shared = {};
    const [left, right] = await BANK.echo({ pair: [shared, shared] }).pair;
    strictEqual(left, right);
    ok((await BANK.echo(new Headers({ a: "b" }))).get("a") === "b");
    strictEqual(await (await BANK.echo(new Blob(["some"]))).text(), "some");
    const error = await BANK.echo(Object.assign(new Error("kept"), { extra: 1 }));
    deepStrictEqual([error.message, error.extra], ["kept", 1]);
    const cloneError = (type) => ({
      name: "DataCloneError", message: `Could not serialize object of type "${type}". This type does not support serialization.`,
    });
    await rejects(() => BANK.echo(new Stranger()), cloneError("Stranger"));
    await rejects(() => BANK.stranger(), cloneError("Stranger"));
    await rejects(() => BANK.echo({ __proto__: null }), cloneError("Object"));
    await rejects(() => BANK.echo(new URL("http://x")), cloneError("URL"));
    await rejects(() => BANK.echo([BANK.echo]), cloneError("RpcProperty"));
    await rejects(() => BANK.echo([BANK.echo(1)]), cloneError("RpcPromise"));
    await rejects(() => BANK.echo(Symbol("s")), { name: "DataCloneError" });
    await rejects(() => BANK.big(), { message: /limited to 32MiB, but the size of this value was: 4194\d{4} bytes\.$/ });
    throws(() => structuredClone(new Account()), {
      name: "DataCloneError", message: "Remote RPC references can only be serialized for RPC.",
    });
  },
};

export const references = {
  async test(_, { BANK }) {
    const add = await BANK.adder();
    deepStrictEqual([await add(1, 2), await add.unit], [3, "euro"]);
    strictEqual(await BANK.adder()(3, 4), 7);
    strictEqual(await BANK.apply((x) => x + 1, 1), 2);
    strictEqual(await BANK.apply((x) => BANK.apply((y) => y * 2, x), 4), 8);
    const account = new Account(10);
    strictEqual(await BANK.depositTo(account, 5), 15);
    strictEqual(await account.closed.promise, "closed");
    await rejects(() => BANK.read(new Account(1), "own"), refused("own"));
    strictEqual(await BANK.read(new Account(7), "balance"), 7);
    // A proxy may stand in for a target or a plain object, and goes by reference.
    const log = [];
    const proxy = new Proxy(new Account(1), {
      get: (target, key) => (key === "deposit" ? (amount) => log.push(amount) : Reflect.get(target, key, target)),
    });
    strictEqual(await BANK.depositTo(proxy, 9), 1);
    deepStrictEqual(log, [9]);
    await rejects(() => BANK.echo(new Proxy(new Stranger(), {})), { name: "DataCloneError", message: /not a valid RPC receiver type/ });
    // A stub of one's own.
    using local = new RpcStub({ sum: (a, b) => a + b, nested: { value: 1 } });
    strictEqual(await local.sum(1, 2), 3);
    strictEqual(await local.nested.value, 1);
    using target = new RpcStub(new Account(1));
    strictEqual(await target.fetch(), "a target's own");
    // Services go by reference, too.
    const service = await BANK.echo(BANK);
    ok(service instanceof ServiceStub);
    strictEqual(await service.rate, 0.5);
  },
};

export const pipelining = {
  async test(_, { BANK, BRANCH }) {
    strictEqual(await BANK.open(1).deposit(2), 3);
    strictEqual(await BANK.openIn(1).opened, true);
    strictEqual(await BANK.openIn(1).account.deposit(4), 5);
    for (const bank of [BANK, BRANCH]) {
      const account = bank.open(10);
      deepStrictEqual(await Promise.all([account.deposit(1), account.deposit(2), account.balance]), [11, 13, 13]);
      strictEqual(await bank.openIn(5).account.deposit(1), 6);
    }
    const stub = await BANK.open(0);
    const calls = [1, 1, 1, 1].map((amount) => stub.deposit(amount));
    deepStrictEqual(await Promise.all(calls), [1, 2, 3, 4]);
    // On a promise whose value is already here, a call is still a call.
    const settled = BANK.openIn(1);
    await settled;
    strictEqual(await settled.account.deposit(1), 2);
    const number = BANK.echo(5);
    await number;
    await rejects(() => number.foo(), { message: "Can't pipeline on RPC that did not return an object." });
  },
};

export const disposal = {
  async test(_, { BANK }) {
    const stub = await BANK.open(1);
    const second = stub.dup();
    stub[Symbol.dispose]();
    stub[Symbol.dispose]();
    await rejects(() => stub.deposit(1), disposed);
    strictEqual(await second.deposit(1), 2);
    const result = await BANK.openIn(1);
    result[Symbol.dispose]();
    await rejects(() => result.account.deposit(1), disposed);
    const promise = BANK.open(1);
    promise[Symbol.dispose]();
    await rejects(() => promise.deposit(1), { message: "RPC promise used after being disposed." });

    // Parameters end with the call, duplicates with whoever holds them.
    const account = new Account(0);
    {
      using kept = await BANK.keep(account);
      await rejects(() => kept.original(1), disposed);
      strictEqual(await kept.kept(1), 1);
      strictEqual(await kept.account.deposit(1), 2);
    }
    strictEqual(await account.closed.promise, "closed");
    // A plain result keeps nothing alive on the other side.
    const forgotten = new Account(0);
    deepStrictEqual({ ...(await BANK.forget(forgotten)) }, { plain: true });
    strictEqual(await forgotten.closed.promise, "closed");
    // Passing a stub shares it or gives it away, by a flag.
    const shared = new Account(0);
    using owner = new RpcStub(shared);
    strictEqual(await BANK.depositTo(owner, 1), 1);
    strictEqual(await BANK.depositTo(owner, 1), 2);
  },
};

export const ending = {
  async test(_, { BANK }) {
    const session = await BANK.abort();
    strictEqual(await session.ping(), "pong");
    await rejects(() => session.now(), { name: "TypeError", message: "enough", remote: true });
    await rejects(() => session.ping(), { message: "The execution context which hosts this callback is no longer running." });
  },
};

export const streams = {
  async test(_, { BANK }) {
    const { readable, writable } = new IdentityTransformStream();
    const written = BANK.write(writable, "a", "b");
    strictEqual(await new Response(readable).text(), "ab");
    await written;
    let text = "";
    const sink = new WritableStream({ write: (chunk) => void (text += new TextDecoder().decode(chunk)) });
    await BANK.write(sink, "c", "d");
    await scheduler.wait(1);
    strictEqual(text, "cd");
    const refusing = new WritableStream({
      write() {
        throw new Error("full");
      },
    });
    await rejects(() => BANK.flood(refusing), { message: "full" });
    const source = () =>
      new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode("from JavaScript"));
          controller.close();
        },
      });
    strictEqual(await BANK.text(source()), "from JavaScript");
    strictEqual(await new Response(await BANK.echo(source())).text(), "from JavaScript");
    strictEqual(await new Response(await BANK.stream()).text(), "one two");
    const broken = new ReadableStream({ start: (controller) => controller.error(new Error("x")) });
    await rejects(() => BANK.text(broken), { message: "ReadableStream received over RPC disconnected prematurely." });
    const locked = source();
    locked.getReader();
    await rejects(() => BANK.text(locked), { name: "TypeError", message: "The ReadableStream has been locked to a reader." });
    const taken = new IdentityTransformStream().writable;
    taken.getWriter();
    await rejects(() => BANK.write(taken), { name: "TypeError", message: /locked to a writer\.$/ });
    const reasons = Promise.withResolvers();
    const dropped = new WritableStream({ abort: reasons.resolve });
    await BANK.echo(dropped).then(async (stream) => stream.abort(new Error("mine")));
    strictEqual(
      (await reasons.promise).message,
      "WritableStream received over RPC was disconnected because the remote execution context has ended.",
    );
  },
};

export const http = {
  async test(_, { BANK }) {
    const request = await BANK.request();
    ok(request instanceof Request);
    deepStrictEqual([request.method, request.url, request.redirect, request.headers.get("a")], ["PUT", "http://host/path", "manual", "b"]);
    strictEqual(await request.text(), "sent");
    strictEqual(await BANK.requestText(new Request("http://x/", { method: "POST", body: "up" })), "POST http://x/ up");
    const response = await BANK.response();
    deepStrictEqual([response.status, response.statusText, response.headers.get("x-y"), response.cf], [404, "", "z", { a: 1 }]);
    strictEqual(await response.text(), "answered");
    const used = new Response("x");
    await used.text();
    await rejects(() => BANK.echo(used), { name: "TypeError", message: "The ReadableStream has been locked to a reader." });
  },
};

export const signals = {
  async test(_, { BANK }) {
    strictEqual(await BANK.aborted(AbortSignal.abort(new Error("before"))), "before");
    const controller = new AbortController();
    const reason = BANK.aborted(controller.signal);
    await scheduler.wait(5);
    controller.abort(new Error("after"));
    strictEqual(await reason, "after");
  },
};

export const loopback = {
  async test(_, { BANK }, ctx) {
    deepStrictEqual({ ...(await BANK.props()) }, { from: "config" });
    strictEqual(await ctx.exports.Bank.rate, 0.5);
    deepStrictEqual({ ...(await ctx.exports.Bank({ props: { a: 1 } }).props()) }, { a: 1 });
    deepStrictEqual({ ...(await BANK.loopback("hi").stub.props()) }, { greeting: "hi" });
  },
};

// Durable Objects.

class Handle extends RpcTarget {
  constructor(ctx) {
    super();
    this.ctx = ctx;
  }
  ping() {
    return "pong";
  }
  hang() {
    return new Promise(() => {});
  }
  abort() {
    this.ctx.abort("reset by test");
  }
  fail() {
    throw new Error("from inside");
  }
}

export class Counter extends DurableObject {
  count = 0;
  increment() {
    return ++this.count;
  }
  async slowly() {
    await scheduler.wait(5);
    return ++this.count;
  }
  handle() {
    return new Handle(this.ctx);
  }
  section(callback) {
    return this.ctx.blockConcurrencyWhile(() => callback(2));
  }
  get id() {
    return this.ctx.id.toString();
  }
}

export class OldCounter {
  increment() {}
}

export const objects = {
  async test(_, { COUNTER, OLD_COUNTER }) {
    const id = COUNTER.idFromName("objects");
    const stub = COUNTER.get(id);
    deepStrictEqual(await Promise.all([stub.increment(), stub.increment(), stub.increment()]), [1, 2, 3]);
    const slow = stub.slowly();
    strictEqual(await stub.increment(), 4);
    strictEqual(await slow, 5);
    strictEqual(await stub.section((x) => x + 1), 3);
    strictEqual(await stub.handle().ping(), "pong");
    const thrown = await stub.handle().fail().catch((error) => error);
    deepStrictEqual([thrown.message, thrown.remote, thrown.durableObjectId], ["from inside", true, id.toString()]);
    const missing = await stub.nothing().catch((error) => error);
    deepStrictEqual([missing.remote, missing.durableObjectId], [true, undefined]);
    await rejects(() => OLD_COUNTER.get(OLD_COUNTER.idFromName("x")).increment(), {
      name: "TypeError", message: /does not support RPC, because its class was not declared with `extends DurableObject`/,
    });
  },
};

export const brokenObjects = {
  async test(_, { COUNTER }) {
    const stub = COUNTER.get(COUNTER.idFromName("broken"));
    const handle = await stub.handle();
    const calls = [handle.hang(), handle.abort(), handle.ping()];
    for (const call of calls) await rejects(() => call, { message: "reset by test", durableObjectReset: true });
    await rejects(() => handle.ping(), { message: "The execution context which hosts this callback is no longer running." });
    await rejects(() => stub.increment(), { message: "reset by test" });
    strictEqual(await COUNTER.get(COUNTER.idFromName("broken")).increment(), 1);
  },
};
