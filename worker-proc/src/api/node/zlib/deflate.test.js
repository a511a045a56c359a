// What deflate gives at each level and strategy, byte for byte: the checksums are of what zlib, as workerd has it, gives.
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { once } from "node:events";
import zlib from "node:zlib";

/** The same words each time. */
function text() {
  const words = "the quick brown fox jumps over the lazy dog and then 0123456789".split(" ");
  let [seed, made] = [1, ""];
  while (made.length < 20_000) {
    seed = (seed * 48_271) % 2_147_483_647;
    made += words[seed % words.length] + " ";
  }
  return Buffer.from(made);
}

export const levels = {
  test() {
    const sums = [-1, 0, 4, 5, 6, 7, 8, 9].map((level) => zlib.crc32(zlib.deflateSync(text(), { level })));
    deepStrictEqual(sums, [
      2262110259, 3386755767, 1230258370, 3444873819, 2262110259, 1264034474, 2574205300, 2574205300,
    ]);
  },
};

export const strategies = {
  test() {
    const sums = [];
    for (let strategy = 0; strategy <= 4; strategy++) {
      sums.push(zlib.crc32(zlib.gzipSync(text(), { strategy })));
      sums.push(zlib.crc32(zlib.deflateRawSync(text(), { strategy, level: 9, memLevel: 9 })));
    }
    deepStrictEqual(sums, [
      1200995770, 2309757003, 2446683410, 3066694024, 3494541317, 456234904, 3494541317, 456234904, 200776235, 1439914404,
    ]);
  },
};

export const headerTellsTheLevel = {
  test() {
    const flags = [-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((level) => zlib.deflateSync("x", { level })[1]);
    deepStrictEqual(flags, [0x9c, 0x01, 0x01, 0x5e, 0x5e, 0x5e, 0x5e, 0x9c, 0xda, 0xda, 0xda]);
    const plain = [2, 3, 4].map((strategy) => zlib.deflateSync("x", { strategy })[1]);
    deepStrictEqual(plain, [0x01, 0x01, 0x01]);
    const dictionary = Buffer.from("words");
    const packed = zlib.deflateSync("words", { level: 6, dictionary });
    strictEqual(packed[1], 0xbb);
    strictEqual(`${zlib.inflateSync(packed, { dictionary })}`, "words");
  },
};

export const otherParamsFromHereOn = {
  async test() {
    const whole = text();
    const deflate = zlib.createDeflate({ level: 9 });
    const pieces = [];
    deflate.on("data", (piece) => pieces.push(piece));
    deflate.write(whole.subarray(0, 10_000));
    await new Promise((resolve) => deflate.params(9, zlib.constants.Z_HUFFMAN_ONLY, resolve));
    const before = pieces.reduce((sum, piece) => sum + piece.length, 0);
    deflate.end(whole.subarray(10_000));
    await once(deflate, "end");
    const packed = Buffer.concat(pieces);
    ok(zlib.inflateSync(packed).equals(whole));
    // Without matches, the second half takes much more.
    ok(packed.length - before > 2 * before, `${before} of ${packed.length} bytes`);
  },
};
