// SubtleCrypto: every algorithm there and back, published vectors, formats of keys, refusals.
import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert";

const { subtle } = crypto;
const text = (value) => new TextEncoder().encode(value);
const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
const unhex = (string) => Uint8Array.from(string.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const raw = (algorithm, bytes, usages) => subtle.importKey("raw", bytes, algorithm, true, usages);

export const hmac = {
  async test() {
    // RFC 4231, case 2.
    const algorithm = { name: "HMAC", hash: "SHA-256" };
    const key = await raw(algorithm, text("Jefe"), ["sign", "verify"]);
    deepStrictEqual(key.algorithm, { name: "HMAC", hash: { name: "SHA-256" }, length: 32 });
    const data = text("what do ya want for nothing?");
    const code = await subtle.sign("HMAC", key, data);
    strictEqual(hex(code), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    ok(await subtle.verify("hmac", key, code, data));
    ok(!(await subtle.verify("HMAC", key, code, text("other"))));
    strictEqual((await subtle.generateKey(algorithm, true, ["sign"])).algorithm.length, 512);
  },
};

export const aes = {
  async test() {
    // NIST SP 800-38A, F.2.1 and F.5.1.
    const key = unhex("2b7e151628aed2a6abf7158809cf4f3c");
    const block = unhex("6bc1bee22e409f96e93d7e117393172a");
    const cbc = await raw("AES-CBC", key, ["encrypt"]);
    const iv = unhex("000102030405060708090a0b0c0d0e0f");
    ok(hex(await subtle.encrypt({ name: "AES-CBC", iv }, cbc, block)).startsWith("7649abac8119b246cee98e9b12e9197d"));
    const ctr = await raw("AES-CTR", key, ["encrypt"]);
    const counter = unhex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
    strictEqual(
      hex(await subtle.encrypt({ name: "AES-CTR", counter, length: 64 }, ctr, block)),
      "874d6191b620e3261bef6864990db6ce",
    );
  },
};

export const gcm = {
  async test() {
    const key = await subtle.generateKey({ name: "AES-GCM", length: 256 }, true, ["encrypt", "decrypt"]);
    for (const size of [0, 5, 100_000]) {
      const algorithm = { name: "AES-GCM", iv: new Uint8Array(12), additionalData: text("more"), tagLength: 96 };
      const data = new Uint8Array(size).fill(7);
      const hidden = await subtle.encrypt(algorithm, key, data);
      strictEqual(hidden.byteLength, size + 12);
      deepStrictEqual(new Uint8Array(await subtle.decrypt(algorithm, key, hidden)), data);
      new Uint8Array(hidden)[0] ^= 1;
      await rejects(subtle.decrypt(algorithm, key, hidden), { name: "OperationError", message: /^Decryption failed\./ });
    }
  },
};

export const wrapping = {
  async test() {
    const kek = await subtle.generateKey({ name: "AES-KW", length: 128 }, false, ["wrapKey", "unwrapKey"]);
    const cipher = await subtle.generateKey({ name: "AES-GCM", length: 128 }, false, ["wrapKey", "unwrapKey"]);
    const hmac = { name: "HMAC", hash: "SHA-1" };
    const key = await raw(hmac, new Uint8Array(16).fill(3), ["sign"]);
    for (const [format, holder, algorithm] of [
      ["raw", kek, "AES-KW"],
      ["raw", cipher, { name: "AES-GCM", iv: new Uint8Array(12) }],
      ["jwk", cipher, { name: "AES-GCM", iv: new Uint8Array(12) }],
    ]) {
      const wrapped = await subtle.wrapKey(format, key, holder, algorithm);
      const again = await subtle.unwrapKey(format, wrapped, holder, algorithm, hmac, true, ["sign"]);
      deepStrictEqual(await subtle.exportKey("raw", again), await subtle.exportKey("raw", key));
    }
  },
};

export const derivation = {
  async test() {
    // RFC 5869, case 1; RFC 6070, case 2.
    const hkdf = await subtle.importKey("raw", new Uint8Array(22).fill(11), "HKDF", false, ["deriveBits"]);
    const salt = unhex("000102030405060708090a0b0c");
    const info = unhex("f0f1f2f3f4f5f6f7f8f9");
    strictEqual(
      hex(await subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt, info }, hkdf, 336)),
      "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    );
    const password = await subtle.importKey("raw", text("password"), "PBKDF2", false, ["deriveBits", "deriveKey"]);
    const pbkdf2 = { name: "PBKDF2", hash: "SHA-1", salt: text("salt"), iterations: 4096 };
    strictEqual(hex(await subtle.deriveBits(pbkdf2, password, 160)), "4b007901b765489abead49d926f721d065a429c1");
    const key = await subtle.deriveKey(pbkdf2, password, { name: "AES-CBC", length: 128 }, true, ["encrypt"]);
    strictEqual(hex(await subtle.exportKey("raw", key)), "4b007901b765489abead49d926f721d0");
  },
};

const PAIRS = [
  [{ name: "RSASSA-PKCS1-v1_5", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" }, {}],
  [{ name: "RSA-PSS", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-384" }, { saltLength: 20 }],
  [{ name: "ECDSA", namedCurve: "P-256" }, { hash: "SHA-256" }],
  [{ name: "ECDSA", namedCurve: "P-521" }, { hash: "SHA-512" }],
  [{ name: "Ed25519" }, {}],
];

export const signatures = {
  async test() {
    for (const [algorithm, parameters] of PAIRS) {
      const { publicKey, privateKey } = await subtle.generateKey(algorithm, true, ["sign", "verify"]);
      const scheme = { name: algorithm.name, ...parameters };
      const signature = await subtle.sign(scheme, privateKey, text("data"));
      for (const [key, formats] of [[publicKey, ["spki", "jwk"]], [privateKey, ["pkcs8", "jwk"]]]) {
        for (const format of formats) {
          const exported = await subtle.exportKey(format, key);
          const again = await subtle.importKey(format, exported, algorithm, true, key.usages);
          deepStrictEqual(await subtle.exportKey(format, again), exported);
          if (key === publicKey) ok(await subtle.verify(scheme, again, signature, text("data")));
        }
      }
      ok(!(await subtle.verify(scheme, publicKey, signature, text("other"))));
    }
  },
};

export const agreement = {
  async test() {
    for (const algorithm of [{ name: "X25519" }, { name: "ECDH", namedCurve: "P-384" }]) {
      const [a, b] = await Promise.all([1, 2].map(() => subtle.generateKey(algorithm, false, ["deriveBits"])));
      const [one, other] = await Promise.all([
        subtle.deriveBits({ name: algorithm.name, public: b.publicKey }, a.privateKey, 128),
        subtle.deriveBits({ name: algorithm.name, public: a.publicKey }, b.privateKey, 128),
      ]);
      deepStrictEqual(one, other);
      const point = await subtle.exportKey("raw", a.publicKey);
      const again = await subtle.importKey("raw", point, algorithm, true, []);
      deepStrictEqual(await subtle.exportKey("raw", again), point);
    }
  },
};

export const hiding = {
  async test() {
    const algorithm = { name: "RSA-OAEP", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" };
    const { publicKey, privateKey } = await subtle.generateKey(algorithm, true, ["encrypt", "decrypt"]);
    const scheme = { name: "RSA-OAEP", label: text("label") };
    const hidden = await subtle.encrypt(scheme, publicKey, text("data"));
    strictEqual(new TextDecoder().decode(await subtle.decrypt(scheme, privateKey, hidden)), "data");
    await rejects(subtle.decrypt({ name: "RSA-OAEP" }, privateKey, hidden), { name: "OperationError" });
  },
};

export const refusals = {
  async test() {
    const key = await raw("AES-GCM", new Uint8Array(16), ["encrypt"]);
    const refused = (promise, name, message) => rejects(promise, { name, message });
    await refused(
      subtle.encrypt({ name: "AES-CBC", iv: new Uint8Array(16) }, key, text("")),
      "InvalidAccessError",
      'Requested algorithm "AES-CBC" does not match this CryptoKey\'s algorithm "AES-GCM".',
    );
    await refused(subtle.encrypt({ name: "AES-GCM" }, key, text("")), "TypeError", 'Missing field "iv" in "algorithm".');
    await refused(subtle.generateKey("nothing", true, []), "NotSupportedError", 'Unrecognized key generation algorithm "nothing" requested.');
    await refused(
      subtle.generateKey({ name: "AES-GCM", length: 128 }, true, []),
      "SyntaxError",
      "Secret/private CryptoKeys must have at least one usage.",
    );
    await refused(
      raw("AES-GCM", new Uint8Array(5), ["encrypt"]),
      "DataError",
      "Imported AES key length must be 128, 192, or 256 bits but provided 40.",
    );
    const hidden = await subtle.generateKey({ name: "HMAC", hash: "SHA-1" }, false, ["sign"]);
    await refused(subtle.exportKey("raw", hidden), "InvalidAccessError", "Attempt to export non-extractable HMAC key.");
    await rejects(subtle.importKey("spki", text("no DER"), PAIRS[4][0], true, ["verify"]), { name: "DataError" });
    await rejects(subtle.exportKey("raw", {}), TypeError);
  },
};
