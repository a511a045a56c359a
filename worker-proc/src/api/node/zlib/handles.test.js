import { deepStrictEqual, ok, strictEqual, throws } from "node:assert";
import zlib from "node:zlib";

const bytes = (length) => new Uint8Array(length).fill(65);

export const made = {
  test() {
    const Handle = zlib.createDeflate()._handle.constructor;
    for (const mode of [0, 8, 255]) throws(() => new Handle(mode), /Invalid zlib mode/);
    const handle = new Handle(zlib.constants.DEFLATERAW);
    const state = new Uint32Array(2);
    let calls = 0;
    handle.initialize(9, 0, 1, 0, state, () => calls++);
    const out = new Uint8Array(100);
    handle.write(zlib.constants.Z_FINISH, bytes(9), 0, 9, out, 0, 100);
    strictEqual(calls, 1);
    strictEqual(zlib.inflateRawSync(out.subarray(0, 100 - state[0])).toString(), "AAAAAAAAA");
    const small = new Handle(zlib.constants.DEFLATERAW);
    small.initialize(9, 0, 1, 0, new Uint32Array(1), () => {});
    throws(() => small.writeSync(4, bytes(9), 0, 9, out, 0, 100), /Invalid write result buffer/);
  },
};

export const bounds = {
  test() {
    const handle = zlib.createDeflate()._handle;
    throws(() => handle.writeSync(4, bytes(9), 1, 9, bytes(9), 0, 9), /Input access is not within bounds/);
    throws(() => handle.writeSync(4, bytes(9), 0, 9, bytes(9), 1, 9), /Output access is not within bounds/);
    const shrinking = (buffer) => ({
      valueOf() {
        buffer.resize(0);
        return 9;
      },
    });
    for (const what of ["Input", "Output"]) {
      const buffer = new ArrayBuffer(9, { maxByteLength: 9 });
      const view = new Uint8Array(buffer);
      const [input, output] = what === "Input" ? [view, bytes(9)] : [bytes(9), view];
      const write = () => handle.writeSync(4, input, 0, 9, output, 0, shrinking(buffer));
      throws(write, { message: `${what} access is not within bounds` });
    }
  },
};

export const chunks = {
  test() {
    const packed = new zlib.Gzip()._processChunk(Buffer.from("text"), zlib.constants.Z_FINISH);
    strictEqual(new zlib.Gunzip()._processChunk(packed, zlib.constants.Z_FINISH).toString(), "text");
  },
};

export const trailing = {
  async test() {
    const stream = zlib.createInflate();
    stream.write(zlib.deflateSync("text"));
    stream.write("what is no deflate");
    let text = "";
    for await (const chunk of stream) text += chunk;
    strictEqual(text, "text");
  },
};

export const ranges = {
  async test() {
    const told = (options) => new Promise((resolve) => zlib.deflate("text", options, resolve));
    for (const options of [{ level: 99 }, { windowBits: 3 }, { maxOutputLength: 0 }]) {
      const error = await told(options);
      strictEqual(error.name, "RangeError");
      throws(() => zlib.deflateSync("text", options), RangeError);
    }
    const params = { [zlib.constants.BROTLI_PARAM_DISABLE_LITERAL_CONTEXT_MODELING]: 42 };
    throws(() => zlib.createBrotliCompress({ params }), { code: "ERR_ZLIB_INITIALIZATION_FAILED" });
    throws(() => zlib.crc32({}), TypeError);
  },
};

export const brotliEnds = {
  async test() {
    const packed = zlib.brotliCompressSync("0123456789");
    const stream = zlib.createBrotliDecompress();
    stream.write(packed);
    stream.end("what follows is no data");
    let text = "";
    for await (const piece of stream) text += piece;
    strictEqual(text, "0123456789");
    strictEqual(stream.bytesWritten, packed.length);
    throws(() => zlib.brotliDecompressSync(packed.subarray(0, -2)), Error);
    throws(() => zlib.brotliDecompressSync(Buffer.from("\xff\xff\xff\xff", "latin1")), Error);
  },
};

export const smallOutput = {
  test() {
    for (const [pack, make] of [
      [zlib.deflateSync, zlib.createInflate],
      [zlib.brotliCompressSync, zlib.createBrotliDecompress],
      [zlib.zstdCompressSync, zlib.createZstdDecompress],
    ]) {
      const stream = make();
      const { _handle: handle, _writeState: state, _outBuffer: out } = stream;
      strictEqual(out.length, stream._chunkSize);
      strictEqual(stream._outOffset, 0);
      const packed = pack(bytes(100));
      let text = "";
      for (let from = 0; ; from = packed.length - state[1]) {
        handle.writeSync(0, packed, from, packed.length - from, out, 3, 16);
        text += out.latin1Slice(3, 19 - state[0]);
        if (state[0] > 0) break;
      }
      strictEqual(text, "A".repeat(100));
      strictEqual(state[1], 0);
    }
  },
};

export const everySmallOutputOfAnEncoder = {
  test() {
    const text = Array.from({ length: 2000 }, (_, i) => (i * i).toString(36)).join();
    for (const [make, unpack, finish] of [
      [zlib.createGzip, zlib.gunzipSync, zlib.constants.Z_FINISH],
      [zlib.createBrotliCompress, zlib.brotliDecompressSync, zlib.constants.BROTLI_OPERATION_FINISH],
      [zlib.createZstdCompress, zlib.zstdDecompressSync, zlib.constants.ZSTD_e_end],
    ]) {
      const { _handle: handle, _writeState: state } = make();
      const input = Buffer.from(text);
      const parts = [];
      for (let from = 0; ; from = input.length - state[1]) {
        const out = Buffer.alloc(100);
        handle.writeSync(finish, input, from, input.length - from, out, 0, 100);
        parts.push(out.subarray(0, 100 - state[0]));
        if (state[0] > 0) break;
      }
      strictEqual(unpack(Buffer.concat(parts)).toString(), text);
    }
  },
};

export const fullReader = {
  async test() {
    for (const [pack, make] of [
      [zlib.gzipSync, zlib.createGunzip],
      [zlib.brotliCompressSync, zlib.createBrotliDecompress],
      [zlib.zstdCompressSync, zlib.createZstdDecompress],
    ]) {
      const stream = make({ chunkSize: 1024 });
      stream.end(pack(bytes(1_000_000)));
      await new Promise((resolve) => setTimeout(resolve, 5));
      ok(stream.readableLength <= stream.readableHighWaterMark + 1024, `${stream.readableLength}`);
      let length = 0;
      for await (const chunk of stream) length += chunk.length;
      strictEqual(length, 1_000_000);
    }
  },
};

export const flushes = {
  async test() {
    const stream = zlib.createGzip();
    const told = [];
    for (const text of ["ab", "cd"]) {
      stream.write(text, () => told.push(text));
      stream.flush(zlib.constants.Z_SYNC_FLUSH, () => told.push(stream.read()));
    }
    await new Promise((resolve) => stream.end(resolve));
    deepStrictEqual(told.map((each) => typeof each), ["string", "object", "string", "object"]);
    const unpacked = told.map((each) => (typeof each === "string" ? each : Buffer.from(each).length > 0));
    deepStrictEqual(unpacked, ["ab", true, "cd", true]);
  },
};

export const destroyedWhileItWrites = {
  async test() {
    const stream = zlib.createGzip();
    const taken = await new Promise((resolve) => {
      let count = 0;
      stream.on("data", () => {
        count++;
        stream.destroy();
      });
      stream.on("close", () => setTimeout(() => resolve(count), 5));
      stream.end(crypto.getRandomValues(new Uint8Array(65536)));
    });
    strictEqual(taken, 1);
  },
};
