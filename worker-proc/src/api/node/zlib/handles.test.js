import { strictEqual, throws } from "node:assert";
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
