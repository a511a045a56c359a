// TextEncoder, TextDecoder, atob and btoa.
import { deepStrictEqual, strictEqual, throws } from "node:assert";

const bytes = (...values) => new Uint8Array(values);

export const labels = {
  test() {
    strictEqual(new TextDecoder(" LATIN1\n").encoding, "windows-1252");
    strictEqual(new TextDecoder("utf-16").encoding, "utf-16le");
    throws(() => new TextDecoder("nothing"), { name: "RangeError", message: '"nothing" is not a valid encoding.' });
    throws(() => new TextDecoder("replacement"), RangeError);
    for (const [label, input, text] of [
      ["shift_jis", bytes(0x93, 0xfa), "\u65e5"],
      ["gbk", bytes(0xc4, 0xe3), "\u4f60"],
      ["iso-2022-jp", bytes(0x1b, 0x24, 0x42, 0x46, 0x7c), "\u65e5"],
      ["koi8-r", bytes(0xc1), "\u0430"],
    ]) {
      strictEqual(new TextDecoder(label).decode(input), text);
    }
  },
};

export const streaming = {
  test() {
    const decoder = new TextDecoder();
    const stream = { stream: true };
    strictEqual(decoder.decode(bytes(0xef, 0xbb), stream), "");
    strictEqual(decoder.decode(bytes(0xbf, 0x41, 0xe2), stream), "A");
    strictEqual(decoder.decode(bytes(0x82, 0xac), stream), "\u20ac");
    strictEqual(decoder.decode(bytes(0xe2), stream), "");
    strictEqual(decoder.decode(), "\ufffd");
  },
};

export const errors = {
  test() {
    const fatal = new TextDecoder("utf-8", { fatal: true });
    throws(() => fatal.decode(bytes(0xff)), { name: "TypeError", message: "Failed to decode input." });
    strictEqual(fatal.decode(bytes(0x41)), "A");
    strictEqual(new TextDecoder().decode(bytes(0xff, 0x41)), "\ufffdA");
    strictEqual(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes(0xef, 0xbb, 0xbf)), "\ufeff");
    throws(() => new TextDecoder().decode("text"), TypeError);
  },
};

export const encoder = {
  test() {
    deepStrictEqual(new TextEncoder().encode("\u00e9\ud800"), bytes(195, 169, 239, 191, 189));
    const into = bytes(0, 0, 0, 0);
    deepStrictEqual({ ...new TextEncoder().encodeInto("\u00e9\u20acx", into) }, { read: 1, written: 2 });
    deepStrictEqual(into, bytes(195, 169, 0, 0));
    throws(() => new TextEncoder().encodeInto("x", new ArrayBuffer(1)), TypeError);
  },
};

export const base64 = {
  test() {
    strictEqual(btoa("\xff\0"), "/wA=");
    strictEqual(atob(" aGVs bG8 "), "hello");
    strictEqual(atob("YR=="), "a");
    for (const bad of ["a", "ab=", "_-", "===="]) throws(() => atob(bad), { name: "InvalidCharacterError" });
    throws(() => btoa("\u1234"), { name: "InvalidCharacterError" });
  },
};
