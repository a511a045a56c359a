// MessageChannel: order, cloning, starting and closing.
import { deepStrictEqual, strictEqual, throws } from "node:assert";

export const delivery = {
  async test() {
    const { port1, port2 } = new MessageChannel();
    const message = { a: [1] };
    const event = await new Promise((resolve) => {
      port2.onmessage = resolve;
      port1.postMessage(message);
      message.a.push(2);
    });
    deepStrictEqual(event.data, { a: [1] });
    strictEqual(event.source, port2);
    strictEqual(event.isTrusted, true);
    throws(() => port1.postMessage(() => {}), { name: "DataCloneError" });
    throws(() => port1.postMessage(1, [new ArrayBuffer(1)]), { message: "Transfer list is not supported" });
  },
};

export const waiting = {
  async test() {
    const { port1, port2 } = new MessageChannel();
    port1.postMessage(1);
    port1.postMessage(2);
    await scheduler.wait(1);
    const seen = [];
    port2.addEventListener("message", (event) => { seen.push(event.data); });
    deepStrictEqual(seen, []);
    await scheduler.wait(1);
    deepStrictEqual(seen, [1, 2]);
  },
};

export const closing = {
  async test() {
    const { port1, port2 } = new MessageChannel();
    const closed = [];
    port1.addEventListener("close", () => { closed.push(1); });
    port2.addEventListener("close", () => { closed.push(2); });
    port1.close();
    port1.close();
    deepStrictEqual(closed, [2, 1]);
    port2.postMessage("nobody hears it");
    throws(() => new MessagePort(), { message: "Illegal constructor" });
  },
};

export const handlersThatThrow = {
  async test() {
    const { port1, port2 } = new MessageChannel();
    const error = new Error("mine");
    const heard = await new Promise((resolve) => {
      port2.onmessage = (event) => {
        if (event.data === 1) throw error;
        resolve(event.data);
      };
      port1.postMessage(1);
    });
    strictEqual(heard, error);
  },
};
