import { strictEqual, throws } from "node:assert";
import zlib from "node:zlib";

const text = "some text, ".repeat(1000);

export const bytes = {
  test() {
    strictEqual(zlib.zstdCompressSync("aaaa").toString("hex"), "28b52ffd200421000061616161");
    const params = { [zlib.constants.ZSTD_c_checksumFlag]: 1 };
    strictEqual(zlib.zstdCompressSync("aaaa", { params }).toString("hex"), "28b52ffd24042100006161616132bf84bf");
    strictEqual(zlib.zstdDecompressSync(zlib.zstdCompressSync(text)).toString(), text);
    const run = zlib.deflateSync(Buffer.alloc(52, 128), { level: 9, strategy: zlib.constants.Z_RLE });
    strictEqual(run.toString("hex"), "78016b20030000b1521a01");
  },
};

export const wrong = {
  test() {
    const packed = zlib.zstdCompressSync(text);
    throws(() => zlib.zstdDecompressSync("garbage garbage"), /Zstd decompression failed: Unknown frame descriptor/);
    throws(() => zlib.zstdDecompressSync(packed.subarray(0, packed.length - 4)), /unexpected end of file/);
    throws(() => zlib.zstdDecompressSync(packed, { maxOutputLength: 10 }), /Memory limit exceeded/);
    throws(() => zlib.zstdCompressSync("a", { params: { 5: 1 } }), /Unsupported Zstd compression parameter: 5/);
    const params = { [zlib.constants.ZSTD_c_windowLog]: 1 };
    throws(() => zlib.zstdCompressSync("a", { params }), /Parameter is out of bound/);
  },
};

export const stream = {
  async test() {
    const pieces = [];
    const { promise, resolve, reject } = Promise.withResolvers();
    const coder = zlib.createZstdDecompress();
    coder.on("data", (piece) => pieces.push(piece)).on("end", resolve).on("error", reject);
    coder.end(zlib.zstdCompressSync(text));
    await promise;
    strictEqual(Buffer.concat(pieces).toString(), text);
  },
};

export const pieces = {
  async test() {
    const bytes = Buffer.alloc(1 << 20, "A");
    const unpacked = zlib.createZstdDecompress({ chunkSize: 64 });
    unpacked.end(zlib.zstdCompressSync(bytes));
    let total = 0;
    for await (const piece of unpacked) total += piece.length;
    strictEqual(total, bytes.length);
  },
};
