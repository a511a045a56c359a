// workerd's byte streams: identity and fixed-length pipes, bodies as streams, and the coders of text.
import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert";

const typeError = (message) => ({ name: "TypeError", message });
const text = (stream) => new Response(stream).text();

export const identity = {
  async test() {
    const { readable, writable } = new IdentityTransformStream();
    const writer = writable.getWriter();
    const written = [writer.write("text"), writer.write(new Uint8Array([33])), writer.write(new Uint8Array([63]).buffer)];
    const closed = writer.close();
    strictEqual(await text(readable), "text!?");
    await Promise.all(written);
    await closed;
  },
};

export const identityWaitsForItsReader = {
  async test() {
    const { readable, writable } = new IdentityTransformStream();
    let written = false;
    writable.getWriter().write("abc").then(() => { written = true; });
    await scheduler.wait(1);
    strictEqual(written, false);
    const reader = readable.getReader({ mode: "byob" });
    strictEqual((await reader.read(new Uint8Array(2))).value.byteLength, 2);
    await scheduler.wait(1);
    strictEqual(written, false);
    strictEqual((await reader.read(new Uint8Array(2))).value.byteLength, 1);
    await scheduler.wait(1);
    ok(written);
  },
};

export const identityTakesBytesAlone = {
  async test() {
    const { readable, writable } = new IdentityTransformStream();
    await rejects(writable.getWriter().write(5), { name: "TypeError", message: /^This TransformStream is being used as/ });
    const reader = readable.getReader();
    const read = reader.read();
    read.catch(() => {});
    await rejects(reader.read(), typeError("This ReadableStream only supports a single pending read request at a time."));
    throws(() => reader.releaseLock(), typeError("Cannot call releaseLock() on a reader with outstanding read promises."));
  },
};

export const writesAreCopied = {
  async test() {
    const { readable, writable } = new IdentityTransformStream();
    const chunk = new Uint8Array([1, 2]);
    const written = writable.getWriter().write(chunk);
    chunk.fill(9);
    deepStrictEqual((await readable.getReader().read()).value, new Uint8Array([1, 2]));
    await written;
  },
};

export const cancelAndAbort = {
  async test() {
    const first = new IdentityTransformStream();
    const writer = first.writable.getWriter();
    const written = writer.write("x");
    await first.readable.cancel(new Error("not wanted"));
    await rejects(written, { message: "not wanted" });
    await rejects(writer.write("y"), { name: "TypeError" });
    const second = new IdentityTransformStream();
    await second.writable.abort(new Error("given up"));
    await rejects(second.readable.getReader().read(), { message: "given up" });
    const third = new IdentityTransformStream();
    const pending = third.readable.getReader();
    const read = pending.read();
    await pending.cancel("a word");
    await rejects(read, { name: "Error", message: "a word" });
  },
};

export const highWaterMark = {
  async test() {
    const { readable, writable } = new IdentityTransformStream({ highWaterMark: 4 });
    const writer = writable.getWriter();
    const ready = writer.ready;
    writer.write("abcd");
    strictEqual(writer.desiredSize, 0);
    ok(ready !== writer.ready);
    await Promise.all([writer.ready, readable.getReader().read()]);
    strictEqual(writer.desiredSize, 4);
  },
};

export const fixedLength = {
  async test() {
    const exact = new FixedLengthStream(3);
    const writer = exact.writable.getWriter();
    writer.write("abc");
    writer.close();
    strictEqual(await text(exact.readable), "abc");
    const short = new FixedLengthStream(3);
    short.writable.close().catch(() => {});
    await rejects(
      text(short.readable),
      typeError("FixedLengthStream did not see all expected bytes before close()."),
    );
    const long = new FixedLengthStream(1);
    long.writable.getWriter().write("abc").catch(() => {});
    await rejects(text(long.readable), typeError("Attempt to write too many bytes through a FixedLengthStream."));
    throws(() => new FixedLengthStream(-1), { name: "TypeError" });
    throws(() => new FixedLengthStream(2 ** 53), { name: "TypeError" });
  },
};

export const bodies = {
  async test() {
    const body = new Response("hello").body;
    const reader = body.getReader({ mode: "byob" });
    strictEqual((await reader.read(new Uint8Array(3))).value.byteLength, 3);
    strictEqual((await reader.readAtLeast(2, new Uint8Array(9))).value.byteLength, 2);
    const end = await reader.read(new Uint8Array(4));
    ok(end.done);
    strictEqual(end.value.byteLength, 0);
    const [left, right] = new Response("twice").body.tee();
    strictEqual(await text(left), "twice");
    strictEqual(await text(right), "twice");
  },
};

export const bodiesWantBytes = {
  async test() {
    const words = new ReadableStream({ start(c) { c.enqueue("word"); c.close(); } });
    await rejects(text(words), typeError("This ReadableStream did not return bytes."));
  },
};

export const pipesBetweenKinds = {
  async test() {
    const { readable, writable } = new IdentityTransformStream();
    const source = new ReadableStream({ start(c) { c.enqueue("a"); c.enqueue(new Uint8Array([98])); c.close(); } });
    const piped = source.pipeTo(writable);
    strictEqual(await text(readable), "ab");
    await piped;
    const chunks = [];
    await new Response("body").body.pipeTo(new WritableStream({ write(chunk) { chunks.push(chunk); } }));
    deepStrictEqual(chunks, [new TextEncoder().encode("body")]);
  },
};

export const pipesAreBounded = {
  async test() {
    let pulls = 0;
    const source = new ReadableStream({
      pull(controller) {
        pulls++;
        controller.enqueue(new Uint8Array(1024));
      },
    });
    const { readable, writable } = new IdentityTransformStream();
    source.pipeTo(writable).catch(() => {});
    const reader = readable.getReader();
    await reader.read();
    await reader.read();
    await scheduler.wait(5);
    ok(pulls <= 6, `${pulls} pulls for two reads`);
    await reader.cancel();
  },
};

export const encoding = {
  async test() {
    const encoder = new TextEncoderStream();
    const writer = encoder.writable.getWriter();
    for (const piece of ["\ud83d", "\ude00", 7, "\ud83d"]) writer.write(piece);
    writer.close();
    const chunks = [];
    for await (const chunk of encoder.readable) chunks.push(...chunk);
    deepStrictEqual(chunks, [0xf0, 0x9f, 0x98, 0x80, 0x37, 0xef, 0xbf, 0xbd]);
    strictEqual(encoder.encoding, "utf-8");
  },
};

export const decoding = {
  async test() {
    const decoder = new TextDecoderStream();
    const writer = decoder.writable.getWriter();
    writer.write(new Uint8Array([0xe2, 0x82]));
    writer.write(new Uint8Array([0xac]));
    writer.close();
    let decoded = "";
    for await (const chunk of decoder.readable) decoded += chunk;
    strictEqual(decoded, "\u20ac");
    const fatal = new TextDecoderStream("utf-8", { fatal: true });
    fatal.writable.getWriter().write(new Uint8Array([0xff])).catch(() => {});
    await rejects(fatal.readable.getReader().read(), typeError("Failed to decode input."));
    throws(() => new TextDecoderStream("no such label"), { name: "RangeError" });
  },
};
