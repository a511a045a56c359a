// An object that was reset answers again: whoever waited for it is told why, and the next call starts it anew.
import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert";
import { DurableObject, RpcTarget } from "cloudflare:workers";
import unsafe from "workerd:unsafe";

const sleep = (millis) => scheduler.wait(millis);

/** How often each object was started, and how often its alarm rang, by class and name. */
const starts = {};
const rings = {};
const count = (counts, object) => {
  const name = `${object.constructor.name} ${object.ctx.id.name}`;
  return (counts[name] = (counts[name] ?? 0) + 1);
};

/** What a call's failure tells. */
const told = async (call) => {
  const { name, message, durableObjectReset } = await Promise.resolve(call).then(() => ({}), (error) => error);
  return { name, message, durableObjectReset };
};

class Part extends RpcTarget {
  ping() {
    return "part";
  }
}

class Back extends RpcTarget {
  constructor(done) {
    super();
    this.done = done;
  }
  call(value) {
    this.done(value);
  }
}

/** What breaks an object while it lets nobody else in; its callers are told this. */
const BREAKS = {
  abort: { name: "Error", message: "abort", durableObjectReset: true },
  throws: { name: "TypeError", message: "throws", durableObjectReset: true },
  nested: { name: "Error", message: "nested", durableObjectReset: true },
  transaction: { name: "Error", message: "transaction", durableObjectReset: true },
  constraint: undefined,
};

class Breaking extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    this.starts = count(starts, this);
  }

  abort(options = {}) {
    return this.ctx.blockConcurrencyWhile(async () => {
      await sleep(100);
      this.ctx.abort("abort", options);
    });
  }

  throws() {
    return this.ctx.blockConcurrencyWhile(async () => {
      await sleep(100);
      throw new TypeError("throws");
    });
  }

  nested() {
    return this.ctx.blockConcurrencyWhile(async () => {
      await sleep(20);
      await this.ctx.blockConcurrencyWhile(async () => {
        await sleep(80);
        this.ctx.abort("nested");
      });
    });
  }

  transaction() {
    return this.ctx.storage.transaction(async (transaction) => {
      await transaction.put("undone", true);
      await sleep(100);
      this.ctx.abort("transaction");
    });
  }

  constraint() {
    const { sql } = this.ctx.storage;
    return this.ctx.blockConcurrencyWhile(async () => {
      await sleep(100);
      sql.exec("CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (a REFERENCES a DEFERRABLE INITIALLY DEFERRED)");
      sql.exec("INSERT INTO b VALUES (1)");
      await sleep(100_000);
    });
  }

  hold() {
    return this.ctx.blockConcurrencyWhile(() => sleep(100_000));
  }

  async ping() {
    const undone = await this.ctx.storage.get("undone");
    return `${this.starts} ${undone}`;
  }

  part() {
    return new Part();
  }
}

export class Parent extends Breaking {
  child() {
    return this.ctx.facets.get("child", () => ({ class: this.ctx.exports.Child }));
  }

  /** What callers of its facet are told that breaks; then what the next one is. */
  async facet(how) {
    await this.child().ping();
    const held = this.child()[how]();
    const waiting = [held, this.child().ping(), this.child().ping()];
    const settled = Promise.allSettled(waiting);
    await sleep(10);
    if (how === "hold") this.ctx.facets.abort("child", new RangeError("by its parent"));
    const messages = (await settled).map(({ reason }) => reason?.message);
    return [...messages, await this.child().ping()];
  }

  async abortWithFacet() {
    this.child().hold().catch(() => {});
    await sleep(10);
    this.child().ping().catch(() => {});
    await sleep(10);
    this.ctx.abort("with its facet");
  }

  /** Goes on after its end, and calls a facet. */
  async goesOn() {
    await this.ctx.blockConcurrencyWhile(() => Promise.reject(new Error("over"))).catch(() => {});
    return this.child().ping();
  }

  /** Waits in a critical section for what leads into it from outside. */
  calledBack(registry) {
    return this.ctx.blockConcurrencyWhile(async () => {
      const { promise, resolve } = Promise.withResolvers();
      await registry.register(new Back(resolve));
      return await promise;
    });
  }

  register(back) {
    const kept = back.dup();
    this.ctx.waitUntil(sleep(100).then(() => kept.call("called back")).finally(() => kept[Symbol.dispose]()));
  }

  fetch() {
    const [client, server] = Object.values(new WebSocketPair());
    this.ctx.acceptWebSocket(server);
    return new Response(null, { status: 101, webSocket: client });
  }

  webSocketMessage(socket, message) {
    if (message === "abort") return this.abort();
    socket.send(`${message} ${this.starts}`);
  }

  webSocketClose(socket) {
    socket.close();
  }

  async arm(millis) {
    await this.ctx.storage.setAlarm(Date.now() + millis);
  }

  alarm() {
    count(rings, this);
  }
}

export class Child extends Breaking {}

/** The first start of each fails, as its name says. */
export class Starting extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    this.starts = count(starts, this);
    if (this.starts > 1) return;
    switch (ctx.id.name) {
      case "throws":
        throw new RangeError("throws");
      case "aborts":
        ctx.abort("aborts");
      case "throws later":
        ctx.blockConcurrencyWhile(async () => {
          await sleep(100);
          throw new RangeError("throws later");
        });
        return;
      case "aborts later":
        ctx.blockConcurrencyWhile(async () => {
          await sleep(100);
          ctx.abort("aborts later");
        });
    }
  }

  ping() {
    return `${this.starts}`;
  }

  fetch() {
    return new Response(this.ping());
  }
}

export const waitingCallsAreToldAndTheNextStartsItAnew = {
  async test(_, { parents }) {
    for (const [how, why] of Object.entries(BREAKS)) {
      const object = () => parents.getByName(how);
      strictEqual(await object().ping(), "1 undefined");
      const part = await object().part();
      const first = object()[how]();
      const waiting = [object().ping(), object().ping(), object().ping()];
      const others = [object().fetch("http://object"), part.ping()];
      const all = await Promise.all([first, ...waiting].map(told));
      if (why !== undefined) deepStrictEqual(all, [why, why, why, why]);
      else ok(all.every(({ message }) => message?.includes("FOREIGN KEY constraint failed")), all[0].message);
      for (const call of others) await rejects(call);
      strictEqual(await object().ping(), "2 undefined", how);
      strictEqual(starts[`Parent ${how}`], 2);
    }
  },
};

export const waitingCallsShareTheStartThatFails = {
  async test(_, { starting }) {
    for (const [name, error] of [["throws", "RangeError"], ["aborts", "Error"], ["throws later", "RangeError"], ["aborts later", "Error"]]) {
      const object = () => starting.getByName(name);
      const calls = [1, 2, 3].map(() => object().ping());
      const request = object().fetch("http://object");
      const why = { name: error, message: name, durableObjectReset: true };
      deepStrictEqual(await Promise.all(calls.map(told)), [why, why, why]);
      await rejects(request);
      strictEqual(await object().ping(), "2", name);
      strictEqual(starts[`Starting ${name}`], 2);
    }
  },
};

export const facets = {
  async test(_, { parents }) {
    for (const [how, message] of [["abort", "abort"], ["transaction", "transaction"], ["hold", "by its parent"]]) {
      const parent = parents.getByName(`facet ${how}`);
      deepStrictEqual(await parent.facet(how), [message, message, message, "2 undefined"]);
      strictEqual(await parent.ping(), "1 undefined");
    }
    const object = () => parents.getByName("with facet");
    await rejects(object().abortWithFacet(), { message: "with its facet" });
    strictEqual(await object().ping(), "2 undefined");
    await rejects(object().goesOn(), { message: "over" });
    strictEqual(await object().ping(), "3 undefined");
  },
};

export const aSectionMayWaitForACallFromOutside = {
  async test(_, { parents }) {
    const object = parents.getByName("called back");
    strictEqual(await object.calledBack(parents.getByName("registry")), "called back");
    strictEqual(await object.ping(), "1 undefined");
  },
};

export const webSockets = {
  async test(_, { parents }) {
    const connect = async () => {
      const { webSocket } = await parents.getByName("socket").fetch("http://object", { headers: { upgrade: "websocket" } });
      const heard = [];
      webSocket.addEventListener("message", ({ data }) => void heard.push(data));
      const closed = new Promise((resolve) => webSocket.addEventListener("close", resolve));
      webSocket.accept();
      return { webSocket, heard, closed };
    };
    const before = await connect();
    for (const message of ["a", "abort", "b"]) before.webSocket.send(message);
    const call = parents.getByName("socket").ping();
    strictEqual((await before.closed).code, 1006);
    deepStrictEqual(before.heard, ["a 1"]);
    await Promise.allSettled([call]);
    const after = await connect();
    after.webSocket.send("c");
    while (after.heard.length === 0) await sleep(5);
    deepStrictEqual(after.heard, ["c 2"]);
    after.webSocket.close();
  },
};

/** One that has not begun is none that is not to be retried. */
export const alarms = {
  async test(_, { parents }) {
    const all = [undefined, { retryAlarm: false }].map(async (options, index) => {
      const name = `alarm ${index}`;
      await parents.getByName(name).arm(20);
      await rejects(parents.getByName(name).abort(options), { message: "abort" });
      while (rings[`Parent ${name}`] === undefined) await sleep(20);
    });
    await Promise.all(all);
  },
};

export const fromOutside = {
  async test(_, { parents }) {
    const object = () => parents.getByName("outside");
    await object().ping();
    const calls = [object().hold(), object().ping(), object().ping()];
    const settled = Promise.allSettled(calls);
    await sleep(10);
    await unsafe.abortAllDurableObjects();
    for (const { reason } of await settled) ok(/^Application called abortAllDurableObjects/.test(reason?.message), reason);
    strictEqual(await object().ping(), "2 undefined");
  },
};
