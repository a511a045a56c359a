// What functions of Node's modules say of arguments that they cannot take: never an engine's error, whatever the argument's conversion does.
import { deepStrictEqual, strictEqual, throws } from "node:assert";
import crypto from "node:crypto";
import fs from "node:fs";
import querystring from "node:querystring";
import { StringDecoder } from "node:string_decoder";
import util from "node:util";
import zlib from "node:zlib";

const wrongType = { name: "TypeError", code: "ERR_INVALID_ARG_TYPE" };
const outOfRange = { name: "RangeError", code: "ERR_OUT_OF_RANGE" };

function detached() {
  const buffer = new ArrayBuffer(8);
  const view = new Uint8Array(buffer);
  structuredClone(buffer, { transfer: [buffer] });
  return view;
}

export const numbers = {
  test() {
    const symbol = Symbol("s");
    throws(() => fs.chownSync("/tmp/x", symbol, 1), { ...wrongType, message: /^The "uid" argument must be of type number\./ });
    throws(() => fs.fchown(1, symbol, 1, () => {}), wrongType);
    throws(() => fs.accessSync("/tmp/x", symbol), wrongType);
    throws(() => fs.chmodSync("/tmp/x", null), { ...wrongType, message: /Received null$/ });
    throws(() => fs.chmodSync("/tmp/x"), { ...wrongType, message: /Received undefined$/ });
    throws(() => fs.accessSync("/tmp/x", { valueOf() { throw new Error("asked"); } }), wrongType);
    throws(() => util.getSystemErrorName(2 ** 53), { ...outOfRange, message: /It must be a negative integer/ });
    throws(() => util.getSystemErrorMessage(NaN), outOfRange);
    throws(() => util.getSystemErrorName(1), outOfRange);
    throws(() => zlib.createGzip({ chunkSize: 0 }), { ...outOfRange, message: /It must be >= 64\. Received 0$/ });
  },
};

export const order = {
  test() {
    throws(() => fs.futimes(), { ...wrongType, message: /^The "fd" argument/ });
    throws(() => fs.ftruncate(), { ...wrongType, message: /^The "fd" argument/ });
    throws(() => fs.truncate(), { ...wrongType, message: /^The "path" argument/ });
    throws(() => crypto.sign("no digest"), { ...wrongType, message: /^The "data" argument/ });
    throws(() => crypto.verify("no digest"), { ...wrongType, message: /^The "data" argument/ });
    throws(() => crypto.sign(1, Buffer.alloc(1), "key", () => {}), wrongType);
  },
};

export const keys = {
  test() {
    throws(() => crypto.createSecretKey(), {
      ...wrongType,
      message: 'The "key" argument must be of type string or an instance of ArrayBuffer, TypedArray, or DataView. Received undefined',
    });
    throws(() => crypto.privateDecrypt(), { code: "ERR_MISSING_ARGS", message: 'The "privateKey" argument must be specified' });
    throws(() => crypto.publicEncrypt(null, Buffer.alloc(1)), { ...wrongType, message: /Received null$/ });
    throws(() => util.transferableAbortSignal(), wrongType);
  },
};

export const buffersThatAreGone = {
  test() {
    strictEqual(zlib.crc32(detached()), 0);
    strictEqual(zlib.crc32(detached().buffer), 0);
    strictEqual(zlib.gunzipSync(zlib.gzipSync(detached())).length, 0);
    strictEqual(crypto.checkPrimeSync(detached()), false);
    throws(() => crypto.randomFillSync(detached(), detached()), wrongType);
  },
};

export const thenables = {
  test() {
    let settle;
    const later = util.callbackify(() => ({ then(resolve) { settle = resolve; } }));
    const answer = new Promise((resolve) => later((error, value) => resolve([error, value])));
    settle(5);
    return answer.then((told) => deepStrictEqual(told, [null, 5]));
  },
};

export const texts = {
  test() {
    deepStrictEqual({ ...querystring.parse("a=b", Symbol("&")) }, { a: "b" });
    strictEqual(new StringDecoder([]).encoding, "utf8");
  },
};
