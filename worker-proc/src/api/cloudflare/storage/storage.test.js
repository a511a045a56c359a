import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert";
import { DurableObject } from "cloudflare:workers";

const sleep = (millis) => new Promise((resolve) => setTimeout(resolve, millis));
let fired;
let leaked;

export class Store extends DurableObject {
  async fetch(request) {
    await this[new URL(request.url).pathname.slice(1)](this.ctx.storage);
    return new Response("ok");
  }

  async alarm(info) {
    fired = { retryCount: info.retryCount, isRetry: info.isRetry, alarm: await this.ctx.storage.getAlarm() };
  }

  async values(storage) {
    strictEqual(await storage.get("missing"), undefined);
    const values = {
      text: "t", number: 1.5, big: 10n, nothing: null, yes: true, date: new Date(5), map: new Map([["a", { b: [1, , 3] }]]),
      bytes: new Uint8Array([1, 2, 3]), regexp: /x/g, error: new RangeError("r"),
    };
    await storage.put(values);
    for (const key of Object.keys(values)) deepStrictEqual(await storage.get(key), values[key]);
    const many = await storage.get(["text", "missing", "number", "text"]);
    deepStrictEqual([...many], [["number", 1.5], ["text", "t"]]);
    strictEqual(await storage.delete("text"), true);
    strictEqual(await storage.delete("text"), false);
    strictEqual(await storage.delete(["number", "big", "missing"]), 2);
    await storage.put({ left: undefined, right: 1 });
    strictEqual((await storage.list({ prefix: "left" })).size, 0);
    await storage.deleteAll();
    strictEqual((await storage.list()).size, 0);
  }

  async lists(storage) {
    for (const key of ["b", "a", "c", "ab", "\u{1f600}", "\uff00"]) await storage.put(key, key);
    const keys = async (options) => [...(await storage.list(options)).keys()];
    deepStrictEqual(await keys(), ["a", "ab", "b", "c", "\uff00", "\u{1f600}"]);
    deepStrictEqual(await keys({ start: "ab", end: "c" }), ["ab", "b"]);
    deepStrictEqual(await keys({ startAfter: "ab", limit: 2 }), ["b", "c"]);
    deepStrictEqual(await keys({ prefix: "a" }), ["a", "ab"]);
    deepStrictEqual(await keys({ end: "c", reverse: true, limit: 2 }), ["b", "ab"]);
    await rejects(storage.list({ start: "a", startAfter: "b" }), {
      name: "TypeError", message: "list() cannot be called with both start and startAfter values.",
    });
    await rejects(storage.list({ limit: 0 }), { name: "TypeError", message: "List limit must be positive." });
  }

  async mistakes(storage) {
    await rejects(async () => storage.put("k", undefined), { name: "TypeError", message: "put() called with undefined value." });
    await rejects(async () => storage.put("k", () => 1), { name: "DataCloneError" });
    await rejects(async () => storage.get(), {
      name: "TypeError", message: "Failed to execute 'get' on 'DurableObjectStorage': parameter 1 is not of type 'string or Array'.",
    });
    for (const time of [0, -1]) {
      await rejects(async () => storage.setAlarm(time), {
        name: "TypeError", message: "setAlarm() cannot be called with an alarm time <= 0",
      });
    }
    strictEqual(await storage.get("k"), undefined);
  }

  async transactions(storage) {
    const value = await storage.transaction(async (txn) => {
      await txn.put("a", 1);
      await sleep(2);
      await txn.put("b", 2);
      return "done";
    });
    strictEqual(value, "done");
    await rejects(storage.transaction(async (txn) => {
      await txn.put("a", "undone");
      throw new RangeError("no");
    }), { name: "RangeError", message: "no" });
    await storage.transaction(async (txn) => {
      await txn.delete("b");
      txn.rollback();
    });
    deepStrictEqual([...(await storage.list())], [["a", 1], ["b", 2]]);
    await storage.sync();
  }

  async overTransactions(storage) {
    await storage.put("a", 1);
    let kept;
    await storage.transaction(async (txn) => {
      kept = txn;
      await txn.put("a", 2);
    });
    const over = (operation) => ({
      name: "Error",
      message: `Cannot call ${operation}() on transaction that has already committed: did you move \`txn\` outside of the closure?`,
    });
    await rejects(async () => kept.put("a", 3), over("put"));
    await rejects(async () => kept.get("a"), over("get"));
    throws(() => kept.rollback(), over("rollback"));
    await storage.transaction(async (txn) => {
      await txn.put("a", 4);
      txn.rollback();
      txn.rollback();
      await rejects(async () => txn.get("a"), { name: "Error", message: "Cannot get() on rolled back transaction" });
      strictEqual(await storage.get("a"), 2);
    });
    strictEqual(await storage.get("a"), 2);
  }

  async leak(storage) {
    leaked = storage;
    await storage.put("whose", "the leaker's");
  }

  async thief(storage) {
    await storage.put("whose", "the thief's");
    const refused = (error) => {
      ok(error.message.startsWith("Cannot perform I/O on behalf of a different Durable Object."), error.message);
      return true;
    };
    await rejects(async () => leaked.put("whose", "nobody's"), refused);
    await rejects(async () => leaked.get("whose"), refused);
    await rejects(async () => leaked.list(), refused);
    strictEqual(await storage.get("whose"), "the thief's");
  }

  async setAlarm(storage) {
    strictEqual(await storage.getAlarm(), null);
    const time = Date.now() + 20;
    await storage.setAlarm(time);
    strictEqual(await storage.getAlarm(), time);
    await storage.deleteAlarm();
    strictEqual(await storage.getAlarm(), null);
    await storage.setAlarm(new Date(Date.now() + 20));
  }
}

export class Plain extends DurableObject {
  async fetch() {
    await rejects(async () => this.ctx.storage.setAlarm(Date.now() + 1000), {
      name: "TypeError", message: "Your Durable Object class must have an alarm() handler in order to call setAlarm()",
    });
    return new Response("ok");
  }
}

const call = async (store, name) => strictEqual(await (await store.getByName(name).fetch(`http://object/${name}`)).text(), "ok");

export const values = { test: (_, { store }) => call(store, "values") };
export const lists = { test: (_, { store }) => call(store, "lists") };
export const mistakes = { test: (_, { store }) => call(store, "mistakes") };
export const transactions = { test: (_, { store }) => call(store, "transactions") };
export const overTransactions = { test: (_, { store }) => call(store, "overTransactions") };
export const otherObjects = {
  async test(_, { store }) {
    await call(store, "leak");
    await call(store, "thief");
  },
};
export const withoutHandler = {
  async test(_, { plain }) {
    strictEqual(await (await plain.getByName("p").fetch("http://object/")).text(), "ok");
  },
};
export const alarms = {
  async test(_, { store }) {
    await call(store, "setAlarm");
    for (let i = 0; i < 100 && fired === undefined; i++) await sleep(20);
    deepStrictEqual(fired, { retryCount: 0, isRetry: false, alarm: null });
  },
};
