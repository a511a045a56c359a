// CompressionStream and DecompressionStream: round trips, what is wrong at the end, and bad calls.
import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert";

const typeError = (message) => ({ name: "TypeError", message });
const pack = async (data, format) =>
  new Uint8Array(await new Response(new Response(data).body.pipeThrough(new CompressionStream(format))).arrayBuffer());
const unpack = (data, format) => new Response(new Response(data).body.pipeThrough(new DecompressionStream(format)));

export const roundTrips = {
  async test() {
    const data = new Uint8Array(300_000).map((_, index) => index % 253);
    for (const format of ["gzip", "deflate", "deflate-raw"]) {
      const packed = await pack(data, format);
      ok(packed.length < data.length / 10);
      deepStrictEqual(new Uint8Array(await unpack(packed, format).arrayBuffer()), data);
    }
  },
};

export const writersNeedNoReader = {
  async test() {
    const { readable, writable } = new CompressionStream("gzip");
    const writer = writable.getWriter();
    await writer.write("hello ");
    await writer.write(new TextEncoder().encode("world"));
    await writer.close();
    strictEqual(await unpack(readable, "gzip").text(), "hello world");
  },
};

export const knownBytes = {
  async test() {
    const gzip = Uint8Array.from(atob("H4sIAAAAAAAA/8tIzcnJBwCGphA2BQAAAA=="), (c) => c.charCodeAt(0));
    strictEqual(await unpack(gzip, "gzip").text(), "hello");
  },
};

export const wrongEnds = {
  async test() {
    const packed = await pack("hello", "gzip");
    const long = new Uint8Array(packed.length + 1);
    long.set(packed);
    await rejects(unpack(long, "gzip").text(), typeError("Trailing bytes after end of compressed data"));
    const short = packed.slice(0, 12);
    const incomplete = typeError("Called close() on a decompression stream with incomplete data");
    await rejects(unpack(short, "gzip").text(), incomplete);
    await rejects(unpack(new Uint8Array(30).fill(1), "gzip").text(), typeError("Decompression failed."));
  },
};

export const badCalls = {
  async test() {
    const message = "The compression format must be either 'deflate', 'deflate-raw' or 'gzip'.";
    throws(() => new CompressionStream("zip"), typeError(message));
    throws(() => new DecompressionStream(), { name: "TypeError" });
    await rejects(new CompressionStream("gzip").writable.getWriter().write(5), { name: "TypeError" });
  },
};

export const cancelling = {
  async test() {
    const { readable, writable } = new CompressionStream("gzip");
    const reader = readable.getReader();
    await reader.cancel(new Error("no more"));
    await rejects(writable.getWriter().write("x"), { message: "no more" });
  },
};

// The worker is its own backend: bodies that come through a service are native.
export default {
  fetch(request) {
    const { pathname } = new URL(request.url);
    const stream = pathname === "/pack" ? new CompressionStream("gzip") : new DecompressionStream("gzip");
    const response = new Response(request.body.pipeThrough(stream));
    strictEqual(request.bodyUsed, true);
    throws(() => stream.writable.getWriter(), { name: "TypeError" });
    return response;
  },
};

export const nativeBodies = {
  async test(_, { SELF }) {
    const data = new Uint8Array(400_000).map((_, index) => index % 241);
    const call = (path, body) => SELF.fetch(`http://self${path}`, { method: "POST", body });
    const packed = await (await call("/pack", data)).arrayBuffer();
    ok(packed.byteLength < 40_000);
    const unpacked = await call("/unpack", (await call("/pack", data)).body);
    deepStrictEqual(new Uint8Array(await unpacked.arrayBuffer()), data);
    await rejects((await call("/unpack", packed.slice(0, 100))).arrayBuffer());
  },
};
