// Messages to a queue that the program itself keeps come to their consumer as they were.
import { deepStrictEqual } from "node:assert";

const received = [];

export default {
  queue({ messages }) {
    for (const { body } of messages) received.push(body);
  },
};

export const bundled = {
  async test(_, { QUEUE }) {
    await QUEUE.send({ a: ["\u00fc"] });
    await QUEUE.sendBatch([
      { body: new Map([[1, new Date(5)]]), contentType: "v8" },
      { body: new Uint8Array([1, 2]), contentType: "bytes" },
    ]);
    for (let i = 0; i < 500 && received.length < 3; i++) await scheduler.wait(10);
    deepStrictEqual(received, [{ a: ["\u00fc"] }, new Map([[1, new Date(5)]]), new Uint8Array([1, 2]).buffer]);
  },
};
