// AbortController and AbortSignal.
import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert";

export const reasons = {
  test() {
    const controller = new AbortController();
    strictEqual(controller.signal, controller.signal);
    controller.abort("first");
    controller.abort("second");
    strictEqual(controller.signal.reason, "first");
    throws(() => controller.signal.throwIfAborted(), (reason) => reason === "first");
    const { reason } = AbortSignal.abort();
    deepStrictEqual([reason.name, reason.message, reason.code], ["AbortError", "The operation was aborted", 20]);
    strictEqual(AbortSignal.abort(null).reason, null);
  },
};

export const event = {
  test() {
    const controller = new AbortController();
    const calls = [];
    controller.signal.onabort = (event) => { calls.push(event.isTrusted); };
    controller.signal.addEventListener("abort", (event) => { calls.push(event.target === controller.signal); });
    controller.abort();
    deepStrictEqual(calls, [true, true]);
    controller.signal.onabort = 5;
    strictEqual(controller.signal.onabort, null);
  },
};

export const any = {
  test() {
    const first = new AbortController();
    const second = new AbortController();
    const either = AbortSignal.any([first.signal, second.signal]);
    const nested = AbortSignal.any([either]);
    let heard = 0;
    nested.onabort = () => { heard++; };
    second.abort("why");
    first.abort("late");
    strictEqual(either.reason, "why");
    strictEqual(nested.reason, "why");
    strictEqual(heard, 1);
    strictEqual(AbortSignal.any([]).aborted, false);
    strictEqual(AbortSignal.any([AbortSignal.abort(7)]).reason, 7);
  },
};

export const timeout = {
  async test() {
    const signal = AbortSignal.timeout(2);
    await new Promise((resolve) => { signal.onabort = resolve; });
    strictEqual(signal.reason.name, "TimeoutError");
    ok(signal.reason.retryable);
  },
};

export const waits = {
  async test() {
    const controller = new AbortController();
    const waiting = scheduler.wait(60_000, { signal: controller.signal });
    controller.abort(new RangeError("enough"));
    await rejects(waiting, { name: "RangeError", message: "enough" });
  },
};
