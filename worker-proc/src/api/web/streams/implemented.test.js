// Streams under the flag `typescript_implemented_streams`: the standard"s, whatever the compatibility date says.
import { deepStrictEqual, rejects, strictEqual } from "node:assert";

export const constructors = {
  async test() {
    const chunks = [];
    const source = new ReadableStream({
      start(controller) {
        controller.enqueue("a");
        controller.enqueue("b");
        controller.close();
      },
    });
    const upper = new TransformStream({
      transform(chunk, controller) {
        controller.enqueue(chunk.toUpperCase());
      },
    });
    const sink = new WritableStream({
      write(chunk) {
        chunks.push(chunk);
      },
    });
    await source.pipeThrough(upper).pipeTo(sink);
    deepStrictEqual(chunks, ["A", "B"]);
    strictEqual((await ReadableStream.from([1]).getReader().read()).value, 1);
  },
};

export const anyChunkGoesThroughATransformWithoutCallbacks = {
  async test() {
    const { readable, writable } = new TransformStream();
    const written = writable.getWriter().write("text");
    strictEqual((await readable.getReader().read()).value, "text");
    await written;
  },
};

export const classes = {
  test() {
    for (const name of [
      "ReadableByteStreamController", "ReadableStreamBYOBRequest", "ReadableStreamDefaultController",
      "TransformStreamDefaultController", "WritableStreamDefaultController",
    ]) {
      strictEqual(typeof globalThis[name], "function", name);
    }
    strictEqual(`${new ReadableStream()}`, "[object ReadableStream]");
    strictEqual(`${new WritableStream()}`, "[object WritableStream]");
    strictEqual(`${new TransformStream()}`, "[object TransformStream]");
  },
};

export const badCallsReject = {
  async test() {
    const stream = new ReadableStream();
    stream.getReader();
    await rejects(stream.cancel(), TypeError);
    await rejects(stream.pipeTo(new WritableStream()), TypeError);
    await rejects(new ReadableStream().pipeTo(1), TypeError);
  },
};
