// Random values, digests and DigestStream.
import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert";

throws(() => crypto.randomUUID(), /^Error: Disallowed operation called within global scope/);

const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
const text = (value) => new TextEncoder().encode(value);

export const random = {
  test() {
    const view = new Uint32Array(4);
    strictEqual(crypto.getRandomValues(view), view);
    ok(view.some((value) => value !== 0));
    throws(() => crypto.getRandomValues(new Float64Array(1)), { name: "TypeMismatchError" });
    throws(() => crypto.getRandomValues(new Uint8Array(65537)), { name: "QuotaExceededError" });
    ok(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID()));
  },
};

export const digests = {
  async test() {
    for (const [name, digest] of [
      ["md5", "900150983cd24fb0d6963f7d28e17f72"],
      ["SHA-1", "a9993e364706816aba3e25717850c26c9cd0d89d"],
      [{ name: "sha-256" }, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
    ]) {
      strictEqual(hex(await crypto.subtle.digest(name, text("abc"))), digest);
    }
    // A length that is worked on elsewhere.
    strictEqual(
      hex(await crypto.subtle.digest("SHA-256", new Uint8Array(1_000_000).fill(97))),
      "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
    );
    await rejects(crypto.subtle.digest("SHA-2", text("")), { name: "NotSupportedError" });
  },
};

export const streams = {
  async test() {
    for (const [name, digest] of [["MD5", "900150983cd24fb0d6963f7d28e17f72"], ["crc32", "352441c2"]]) {
      const stream = new crypto.DigestStream(name);
      const writer = stream.getWriter();
      await writer.write(text("a"));
      await writer.write("bc");
      await writer.close();
      strictEqual(hex(await stream.digest), digest);
      strictEqual(stream.bytesWritten, 3n);
    }
    const disposed = new crypto.DigestStream("md5");
    disposed[Symbol.dispose]();
    await rejects(disposed.digest, { message: "The DigestStream was disposed." });
  },
};

export const comparing = {
  test() {
    ok(crypto.subtle.timingSafeEqual(text("ab"), text("ab")));
    ok(!crypto.subtle.timingSafeEqual(text("ab"), text("ac")));
    throws(() => crypto.subtle.timingSafeEqual(text("a"), text("ab")), {
      name: "TypeError",
      message: "Input buffers must have the same byte length.",
    });
  },
};
