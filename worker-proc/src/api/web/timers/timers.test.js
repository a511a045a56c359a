// Timers, microtasks and waits.
import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert";

export const order = {
  async test() {
    const calls = [];
    setTimeout(() => calls.push("late"), 10);
    setTimeout((...args) => calls.push(...args), 1, "with", "arguments");
    const cleared = setTimeout(() => calls.push("never"), 2);
    clearTimeout(cleared);
    queueMicrotask(() => calls.push("micro"));
    await scheduler.wait(20);
    deepStrictEqual(calls, ["micro", "with", "arguments", "late"]);
  },
};

export const intervals = {
  async test() {
    let count = 0;
    await new Promise((resolve) => {
      const id = setInterval(() => {
        if (++count === 3) {
          clearInterval(id);
          resolve();
        }
      }, 1);
    });
    await scheduler.wait(5);
    strictEqual(count, 3);
  },
};

export const receiver = {
  async test() {
    strictEqual(await new Promise((resolve) => setTimeout(function () { resolve(this); }, 0)), globalThis);
  },
};

export const badArguments = {
  async test() {
    throws(() => setTimeout("code"), {
      message: "Failed to execute 'setTimeout' on 'ServiceWorkerGlobalScope': parameter 1 is not of type 'function'.",
    });
    throws(() => queueMicrotask(), TypeError);
    throws(() => setTimeout(() => {}, Symbol()), TypeError);
    clearTimeout(undefined);
    clearTimeout(99999);
    await rejects(scheduler.wait(1, { signal: 1 }), TypeError);
  },
};

export const microtaskErrors = {
  async test() {
    const error = new Error("in a microtask");
    const heard = new Promise((resolve) => addEventListener("error", (event) => {
      event.preventDefault();
      resolve(event.error);
    }, { once: true }));
    queueMicrotask(() => { throw error; });
    strictEqual(await heard, error);
  },
};

export const tooMany = {
  test() {
    const ids = [];
    throws(() => {
      for (let i = 0; i <= 10_000; i++) ids.push(setTimeout(() => {}, 60_000));
    }, /^QuotaExceededError: You have exceeded the number of active timeouts you may set/);
    ok(ids.length <= 10_000);
    for (const id of ids) clearTimeout(id);
  },
};
