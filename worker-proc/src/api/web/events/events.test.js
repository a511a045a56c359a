// Event, EventTarget and the events that carry something.
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert";
import { AsyncLocalStorage } from "node:async_hooks";

export const dispatchOrder = {
  test() {
    const target = new EventTarget();
    const calls = [];
    target.onping = () => calls.push("attribute");
    target.addEventListener("ping", (event) => {
      calls.push("first");
      strictEqual(event.target, target);
      strictEqual(event.eventPhase, Event.AT_TARGET);
      deepStrictEqual(event.composedPath(), [target]);
    });
    target.addEventListener("ping", { handleEvent: () => { calls.push("object"); } });
    target.addEventListener("ping", () => { calls.push("once"); }, { once: true });
    target.dispatchEvent(new Event("ping"));
    target.dispatchEvent(new Event("ping"));
    deepStrictEqual(calls, ["attribute", "first", "object", "once", "attribute", "first", "object"]);
  },
};

export const preventing = {
  test() {
    const target = new EventTarget();
    target.addEventListener("a", (event) => event.preventDefault());
    target.addEventListener("b", () => true);
    const event = new Event("a", { cancelable: true });
    strictEqual(target.dispatchEvent(event), false);
    ok(event.defaultPrevented);
    strictEqual(event.returnValue, false);
    strictEqual(target.dispatchEvent(new Event("b")), false);
    ok(target.dispatchEvent(new Event("c")));
  },
};

export const stopping = {
  test() {
    const target = new EventTarget();
    const calls = [];
    target.addEventListener("a", (event) => { calls.push(1); event.stopPropagation(); });
    target.addEventListener("a", (event) => { calls.push(2); event.stopImmediatePropagation(); });
    target.addEventListener("a", () => { calls.push(3); });
    target.dispatchEvent(new Event("a"));
    deepStrictEqual(calls, [1, 2]);
  },
};

export const listenersThatThrowOrReenter = {
  test() {
    const target = new EventTarget();
    target.addEventListener("bad", () => { throw new RangeError("mine"); });
    throws(() => target.dispatchEvent(new Event("bad")), { name: "RangeError", message: "mine" });
    target.addEventListener("again", (event) => {
      throws(() => target.dispatchEvent(event), { name: "InvalidStateError", message: "The event is already being dispatched." });
    });
    target.dispatchEvent(new Event("again"));
    target.addEventListener("drop", () => target.removeEventListener("drop", late));
    const late = () => { throw new Error("was removed"); };
    target.addEventListener("drop", late);
    target.dispatchEvent(new Event("drop"));
  },
};

export const signals = {
  test() {
    const target = new EventTarget();
    const controller = new AbortController();
    let calls = 0;
    target.addEventListener("a", () => { calls++; }, { signal: controller.signal });
    target.dispatchEvent(new Event("a"));
    controller.abort();
    target.dispatchEvent(new Event("a"));
    strictEqual(calls, 1);
    throws(() => target.addEventListener("a", () => {}, { capture: true }), {
      message: "addEventListener(): options.capture must be false.",
    });
  },
};

export const kinds = {
  test() {
    strictEqual(new CustomEvent("a", { detail: 5 }).detail, 5);
    const close = new CloseEvent("close", { code: 1000, reason: "r", wasClean: true });
    deepStrictEqual([close.code, close.reason, close.wasClean], [1000, "r", true]);
    const message = new MessageEvent("message", { data: { a: 1 }, origin: "o" });
    deepStrictEqual([message.data, message.origin, message.ports, message.source], [{ a: 1 }, "o", [], null]);
    const error = new ErrorEvent("error", { message: "m", lineno: 3, error: 7 });
    deepStrictEqual([error.message, error.lineno, error.colno, error.error], ["m", 3, 0, 7]);
    throws(() => new PromiseRejectionEvent("x"), { message: "Illegal constructor" });
  },
};

export const globalTarget = {
  test() {
    let receiver;
    const add = addEventListener;
    add("mine", function () { receiver = this; });
    ok(dispatchEvent(new Event("mine")));
    strictEqual(receiver, globalThis);
    strictEqual(self, globalThis);
  },
};

export const rejections = {
  async test() {
    const handled = new Promise((resolve) => {
      addEventListener("rejectionhandled", resolve, { once: true });
    });
    addEventListener("unhandledrejection", (event) => {
      strictEqual(event.reason, "boom");
      event.promise.catch(() => {});
    }, { once: true });
    Promise.reject("boom");
    await handled;
  },
};

/** Listeners run in the async context in which the promise was rejected, also for what was handled late. */
export const contextsOfRejections = {
  async test() {
    const store = new AsyncLocalStorage();
    const seen = [];
    const listener = ({ type, promise }) => seen.push([type, promise, store.getStore()]);
    const types = ["unhandledrejection", "rejectionhandled"];
    for (const type of types) store.run("listener", () => addEventListener(type, listener));
    const { promise: laterRejected, reject } = Promise.withResolvers();
    const promises = {
      __proto__: null,
      atOnce: store.run("atOnce", () => Promise.reject(1)),
      inFunction: store.run("inFunction", async () => {
        await null;
        throw 2;
      }),
      derived: store.run("derived", () => laterRejected.then(() => {})),
      inTimer: null,
    };
    const fired = store.run("inTimer", () => new Promise((resolve) => setTimeout(() => {
      promises.inTimer = Promise.reject(3);
      resolve();
    }, 1)));
    const elsewhere = new Promise((_, refuse) => store.run("elsewhere", () => refuse(4)));
    promises.elsewhere = elsewhere;
    const nowhere = Promise.reject(5);
    reject(6);
    await fired;
    const settle = () => new Promise((resolve) => setTimeout(resolve, 1));
    await settle();
    store.run("late", () => promises.atOnce.catch(() => {}));
    await settle();
    for (const type of types) removeEventListener(type, listener);
    const found = (type, promise) => seen.filter((entry) => entry[0] === type && entry[1] === promise).map((entry) => entry[2]);
    for (const name in promises) deepStrictEqual(found("unhandledrejection", promises[name]), [name]);
    deepStrictEqual(found("unhandledrejection", nowhere), [undefined]);
    strictEqual(seen.filter(([type]) => type === "rejectionhandled").length, 1);
    strictEqual(seen.find(([type]) => type === "rejectionhandled")[2], "atOnce");
  },
};

export const listenersThatAreNothing = {
  test() {
    const target = new EventTarget();
    for (const options of [undefined, false, true, { capture: true }]) {
      strictEqual(target.addEventListener("x", null, options), undefined);
      strictEqual(target.addEventListener("x", undefined, options), undefined);
    }
    throws(() => target.addEventListener("x", () => {}, true), { message: "addEventListener(): useCapture must be false." });
    throws(() => target.addEventListener("x", () => {}, { capture: 1 }), {
      message: "addEventListener(): options.capture must be false.",
    });
    strictEqual(target.removeEventListener("x", undefined), undefined);
    throws(() => target.removeEventListener("x", null, true), { message: "removeEventListener(): useCapture must be false." });
    throws(() => target.addEventListener("x", null, { signal: 7 }), TypeError);
    throws(() => target.removeEventListener("x"), TypeError);
  },
};
