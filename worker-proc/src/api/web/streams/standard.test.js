// The standard's streams: controllers, readers, pipes, tee, iteration, strategies, and workerd's own answers to bad calls.
import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert";

const from = (chunks, options) => new ReadableStream({
  start(controller) {
    for (const chunk of chunks) controller.enqueue(chunk);
    controller.close();
  },
  ...options,
});

async function all(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

const bytes = (...values) => new Uint8Array(values);
const typeError = (message) => ({ name: "TypeError", message });

export const defaultReads = {
  async test() {
    const stream = from(["a", "b"]);
    const reader = stream.getReader();
    deepStrictEqual(await reader.read(), { value: "a", done: false });
    deepStrictEqual(await reader.read(), { value: "b", done: false });
    deepStrictEqual(await reader.read(), { value: undefined, done: true });
    await reader.closed;
    reader.releaseLock();
    strictEqual(stream.locked, false);
    await rejects(reader.read(), typeError("This ReadableStream reader has been released."));
  },
};

export const pullsFollowDemand = {
  async test() {
    let pulls = 0;
    const stream = new ReadableStream({ pull: (controller) => controller.enqueue(++pulls) }, { highWaterMark: 3 });
    await scheduler.wait(1);
    strictEqual(pulls, 3);
    const reader = stream.getReader();
    for (let value = 1; value <= 5; value++) strictEqual((await reader.read()).value, value);
    ok(pulls >= 5);
  },
};

export const errorsReachReaders = {
  async test() {
    let controller;
    const stream = new ReadableStream({ start: (c) => { controller = c; } });
    const reader = stream.getReader();
    const read = reader.read();
    controller.error(new RangeError("broken"));
    await rejects(read, { name: "RangeError", message: "broken" });
    await rejects(reader.closed, { message: "broken" });
    strictEqual(controller.desiredSize, null);
    throws(() => controller.enqueue(1), typeError("Unable to enqueue"));
    throws(() => controller.close(), typeError("This ReadableStream is closed."));
  },
};

export const startFailsTheStream = {
  async test() {
    const fail = { start() { throw new Error("no start"); } };
    await rejects(new ReadableStream(fail).getReader().read(), { message: "no start" });
    await rejects(new WritableStream(fail).getWriter().closed, { message: "no start" });
    await rejects(new TransformStream(fail).readable.getReader().read(), { message: "no start" });
  },
};

export const releaseFailsReadsAndWrites = {
  async test() {
    const reader = new ReadableStream().getReader();
    const read = reader.read();
    reader.releaseLock();
    await rejects(read, typeError("This ReadableStream reader has been released."));
    const written = [];
    const stream = new WritableStream({ write(chunk) { written.push(chunk); return scheduler.wait(1); } });
    let writer = stream.getWriter();
    const first = writer.write("first");
    const second = writer.write("second");
    writer.releaseLock();
    await rejects(second, typeError("This WritableStream writer has been released."));
    await first;
    writer = stream.getWriter();
    writer.write("third");
    await writer.close();
    deepStrictEqual(written, ["first", "third"]);
  },
};

export const byob = {
  async test() {
    const stream = new ReadableStream({
      type: "bytes",
      pull(controller) {
        const request = controller.byobRequest;
        request.view.set([1, 2, 3]);
        request.respond(3);
      },
    });
    const reader = stream.getReader({ mode: "byob" });
    const view = new Uint8Array(8);
    const result = await reader.read(view);
    deepStrictEqual(result.value, bytes(1, 2, 3));
    strictEqual(view.byteLength, 0);
    const atLeast = await reader.readAtLeast(5, new Uint8Array(8));
    strictEqual(atLeast.value.byteLength, 6);
    await rejects(reader.read(new Uint8Array(0)), { name: "TypeError" });
    await rejects(
      reader.read(new Uint8Array(2), { min: 3 }),
      typeError("Minimum bytes to read (3) exceeds size of buffer (2)."),
    );
  },
};

export const byobKeepsTheKindOfView = {
  async test() {
    const stream = new ReadableStream({ type: "bytes", pull: (controller) => controller.byobRequest.respond(8) });
    const reader = stream.getReader({ mode: "byob" });
    for (const View of [Int8Array, Uint16Array, Float16Array, Float64Array, BigInt64Array]) {
      const { value } = await reader.read(new View(8));
      ok(value instanceof View);
      strictEqual(value.byteLength, 8);
    }
    ok((await reader.read(new DataView(new ArrayBuffer(8)))).value instanceof DataView);
  },
};

export const byobRequestChecks = {
  async test() {
    const seen = [];
    const attempt = (steps) => {
      try {
        steps();
      } catch (error) {
        seen.push(`${error.name}: ${error.message}`);
      }
    };
    const stream = new ReadableStream({
      type: "bytes",
      pull(controller) {
        const request = controller.byobRequest;
        strictEqual(request.atLeast, 1);
        attempt(() => request.respond(0));
        attempt(() => request.respond(5));
        attempt(() => request.respondWithNewView(new Uint8Array(1)));
        attempt(() => request.respondWithNewView(new Uint8Array(request.view.buffer, 1)));
        request.respond(2);
        strictEqual(request.view, null);
        attempt(() => request.respond(1));
      },
    });
    const { value } = await stream.getReader({ mode: "byob" }).read(new Uint8Array(4));
    strictEqual(value.byteLength, 2);
    deepStrictEqual(seen, [
      "TypeError: The bytesWritten must be more than zero while the stream is open.",
      "RangeError: Too many bytes [5] in response to a BYOB read request.",
      "RangeError: The underlying ArrayBuffer is not the correct length.",
      "RangeError: The given view has an invalid byte offset.",
      "TypeError: This ReadableStreamBYOBRequest has been invalidated.",
    ]);
  },
};

export const closeAnswersByobReads = {
  async test() {
    let controller;
    const stream = new ReadableStream({ type: "bytes", start: (c) => { controller = c; } });
    const read = stream.getReader({ mode: "byob" }).read(new Uint8Array(4));
    controller.close();
    const { value, done } = await read;
    ok(done);
    strictEqual(value.byteLength, 0);
    strictEqual(value.buffer.byteLength, 4);
  },
};

export const byteEnqueueChecks = {
  test() {
    new ReadableStream({
      type: "bytes",
      start(controller) {
        throws(() => controller.enqueue(new Uint8Array(0)), typeError("Cannot enqueue a zero-length ArrayBuffer."));
        throws(() => controller.enqueue("text"), { name: "TypeError" });
        const chunk = bytes(1, 2);
        controller.enqueue(chunk);
        strictEqual(chunk.byteLength, 0);
        strictEqual(controller.desiredSize, -2);
        controller.close();
        throws(() => controller.enqueue(bytes(1)), typeError("This ReadableByteStreamController is closed."));
      },
    });
  },
};

export const autoAllocate = {
  async test() {
    let length;
    const stream = new ReadableStream({
      type: "bytes",
      autoAllocateChunkSize: 64,
      pull(controller) {
        length = controller.byobRequest.view.byteLength;
        controller.byobRequest.respond(1);
      },
    });
    strictEqual((await stream.getReader().read()).value.byteLength, 1);
    strictEqual(length, 64);
    throws(() => new ReadableStream({ type: "bytes", autoAllocateChunkSize: 0 }), { name: "TypeError" });
  },
};

export const teeing = {
  async test() {
    const [left, right] = from([1, 2, 3]).tee();
    deepStrictEqual(await all(left), [1, 2, 3]);
    deepStrictEqual(await all(right), [1, 2, 3]);
    const [one, two] = from([bytes(1, 2)], { type: "bytes" }).tee();
    const first = (await one.getReader().read()).value;
    first[0] = 9;
    deepStrictEqual((await two.getReader({ mode: "byob" }).read(new Uint8Array(2))).value, bytes(1, 2));
  },
};

export const teeCancellation = {
  async test() {
    let cancelled = 0;
    const [left, right] = new ReadableStream({ cancel() { cancelled++; } }).tee();
    await left.cancel("left");
    strictEqual(cancelled, 0);
    await right.cancel("right");
    strictEqual(cancelled, 1);
  },
};

export const iteration = {
  async test() {
    let cancelled;
    const stream = new ReadableStream({ pull: (c) => c.enqueue(1), cancel: (reason) => { cancelled = [reason]; } });
    for await (const chunk of stream) {
      strictEqual(chunk, 1);
      break;
    }
    deepStrictEqual(cancelled, [undefined]);
    strictEqual(stream.locked, false);
    const kept = new ReadableStream({ pull: (c) => c.enqueue(2) });
    for await (const _ of kept.values({ preventCancel: true })) break;
    strictEqual((await kept.getReader().read()).value, 2);
  },
};

export const fromIterables = {
  async test() {
    deepStrictEqual(await all(ReadableStream.from(["a", Promise.resolve("b")])), ["a", "b"]);
    deepStrictEqual(await all(ReadableStream.from((async function* () { yield 1; yield 2; })())), [1, 2]);
    throws(() => ReadableStream.from(5), { name: "TypeError" });
  },
};

export const piping = {
  async test() {
    const written = [];
    let closed = false;
    const sink = { write(chunk) { written.push(chunk); }, close() { closed = true; } };
    await from([1, 2]).pipeTo(new WritableStream(sink), { preventClose: true });
    strictEqual(closed, false);
    const doubler = new TransformStream({ transform: (chunk, controller) => controller.enqueue(chunk * 2) });
    await from([3, 4]).pipeThrough(doubler).pipeTo(new WritableStream(sink));
    deepStrictEqual(written, [1, 2, 6, 8]);
    ok(closed);
  },
};

export const pipeErrors = {
  async test() {
    let aborted;
    const failing = new ReadableStream({ pull() { throw new Error("source"); } });
    await rejects(failing.pipeTo(new WritableStream({ abort(reason) { aborted = reason.message; } })), { message: "source" });
    strictEqual(aborted, "source");
    let cancelled;
    const endless = new ReadableStream({ pull: (c) => c.enqueue(0), cancel(reason) { cancelled = reason.message; } });
    await rejects(endless.pipeTo(new WritableStream({ write() { throw new Error("sink"); } })), { message: "sink" });
    strictEqual(cancelled, "sink");
    const gone = AbortSignal.abort(new Error("gone"));
    await rejects(new ReadableStream().pipeTo(new WritableStream(), { signal: gone }), { message: "gone" });
    const locked = new ReadableStream();
    locked.getReader();
    await rejects(
      locked.pipeTo(new WritableStream()),
      typeError("This ReadableStream is currently locked to a reader."),
    );
  },
};

export const writing = {
  async test() {
    const order = [];
    const stream = new WritableStream(
      { write(chunk) { order.push(chunk); }, close() { order.push("close"); } },
      { highWaterMark: 2 },
    );
    const writer = stream.getWriter();
    strictEqual(writer.desiredSize, 2);
    await writer.ready;
    writer.write(1);
    writer.write(2);
    strictEqual(writer.desiredSize, 0);
    await writer.ready;
    await writer.close();
    deepStrictEqual(order, [1, 2, "close"]);
    await writer.closed;
    await rejects(writer.write(3), typeError("This WritableStream has been closed."));
    throws(() => stream.getWriter(), typeError("This WritableStream is currently locked to a writer."));
  },
};

export const aborting = {
  async test() {
    let signal;
    let reason;
    const stream = new WritableStream({ start(c) { signal = c.signal; }, abort(r) { reason = r; } });
    const writer = stream.getWriter();
    await writer.abort("stop");
    strictEqual(reason, "stop");
    ok(signal.aborted);
    strictEqual(signal.reason, "stop");
    await rejects(writer.write(1), (error) => error === "stop");
  },
};

export const transforming = {
  async test() {
    const upper = new TransformStream({
      transform(chunk, controller) { controller.enqueue(chunk.toUpperCase()); },
      flush(controller) { controller.enqueue("!"); },
    });
    const writer = upper.writable.getWriter();
    writer.write("a");
    writer.close();
    deepStrictEqual(await all(upper.readable), ["A", "!"]);
    let cancelled;
    const watched = new TransformStream({ cancel(reason) { cancelled = reason; } });
    await watched.readable.cancel("enough");
    strictEqual(cancelled, "enough");
    const ended = new TransformStream({ start: (controller) => controller.terminate() });
    await rejects(ended.writable.getWriter().write(1), typeError("The transform stream has been terminated"));
    throws(() => new TransformStream({ readableType: "bytes" }), { name: "TypeError" });
  },
};

export const strategies = {
  test() {
    const count = new CountQueuingStrategy({ highWaterMark: 4 });
    strictEqual(count.highWaterMark, 4);
    strictEqual(count.size("anything"), 1);
    const length = new ByteLengthQueuingStrategy({ highWaterMark: 10 });
    strictEqual(length.size(new Uint8Array(7)), 7);
    throws(() => new ReadableStream({}, { highWaterMark: -1 }), { name: "TypeError" });
    throws(() => new ReadableStream({}, { highWaterMark: NaN }), { name: "TypeError" });
  },
};

export const badSizesFailTheStream = {
  async test() {
    const sized = (size) => new ReadableStream({ start: (c) => c.enqueue("x") }, { size });
    await rejects(sized(() => { throw new Error("size"); }).getReader().read(), { message: "size" });
    await rejects(sized(() => NaN).getReader().read(), { name: "TypeError" });
    await rejects(sized(() => -1).getReader().read(), { name: "TypeError" });
  },
};

export const badArguments = {
  test() {
    throws(() => new ReadableStream("x"), { name: "TypeError" });
    throws(() => new ReadableStream({ type: "other" }), typeError('"other" is not a valid type of ReadableStream.'));
    throws(() => new ReadableStream({ pull: 1 }), { name: "TypeError", message: /'pull' field on 'UnderlyingSource'/ });
    throws(() => new ReadableStream().getReader({ mode: "x" }), { name: "TypeError" });
    throws(
      () => new ReadableStream().getReader({ mode: "byob" }),
      typeError("This ReadableStream does not support BYOB reads."),
    );
    throws(() => ReadableStream.prototype.getReader.call({}), { name: "TypeError", message: /^Illegal invocation/ });
    throws(() => new ReadableStreamDefaultController(), typeError("Illegal constructor"));
    throws(() => new ReadableStream().pipeThrough({}), { name: "TypeError" });
  },
};

export const patchedBuiltinsStayOutside = {
  async test() {
    const then = Promise.prototype.then;
    const push = Array.prototype.push;
    let calls = 0;
    Promise.prototype.then = function (...args) { calls++; return Reflect.apply(then, this, args); };
    Array.prototype.push = function () { calls++; };
    let piped;
    try {
      piped = from([1]).pipeTo(new WritableStream());
      new TransformStream();
    } finally {
      Promise.prototype.then = then;
      Array.prototype.push = push;
    }
    strictEqual(calls, 0);
    await piped;
  },
};

export const aReadIsAnsweredBeforeTheNextPull = {
  async test() {
    const seen = [];
    const stream = new ReadableStream({
      pull(controller) {
        seen.push("pull");
        if (seen.length === 1) controller.enqueue("chunk");
        else controller.close();
      },
    });
    const reader = stream.getReader();
    const first = await reader.read();
    seen.push(first.value);
    const second = await reader.read();
    seen.push(second.done);
    deepStrictEqual(seen, ["pull", "chunk", "pull", true]);
  },
};
