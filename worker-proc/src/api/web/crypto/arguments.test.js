// SubtleCrypto's refusals, class and words; keys that the config binds; calls with arguments of any kind.
import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert";

const { subtle } = crypto;
const bytes = (length) => Uint8Array.from({ length }, (_, i) => (i * 7 + 3) & 255);
const refused = (promise, name, message) => rejects(promise, { name, message });
const aes = (usages = ["encrypt", "decrypt"]) => subtle.importKey("raw", bytes(16), "AES-GCM", true, usages);

export const conversions = {
  async test() {
    const key = await aes();
    await refused(
      subtle.encrypt(null, key, bytes(1)),
      "TypeError",
      "Cannot initialize N7workerd3api12SubtleCrypto16EncryptAlgorithmE with required members from an undefined or null value.",
    );
    await refused(
      subtle.encrypt({ name: "AES-GCM", iv: 1 }, key, bytes(1)),
      "TypeError",
      "Incorrect type for the 'iv' field on 'EncryptAlgorithm': the provided value is not of type 'BufferSource'.",
    );
    await refused(
      subtle.encrypt("aes-cbc", key, bytes(1)),
      "InvalidAccessError",
      'Requested algorithm "aes-cbc" does not match this CryptoKey\'s algorithm "AES-GCM".',
    );
    await refused(
      subtle.generateKey({ name: "HMAC", hash: "SHA-1", length: 2 ** 31 }, true, ["sign"]),
      "TypeError",
      "Value out of range. Must be between -2147483648 and 2147483647 (inclusive).",
    );
    await refused(
      subtle.digest("SHA-1", new SharedArrayBuffer(1)),
      "TypeError",
      "Failed to execute 'digest' on 'SubtleCrypto': parameter 2 is not of type 'BufferSource'.",
    );
    await refused(
      subtle.importKey(),
      "TypeError",
      "Failed to execute 'importKey' on 'SubtleCrypto': parameter 1 is not of type 'string'.",
    );
    const order = [];
    const seen = new Proxy({ name: "AES-GCM", iv: bytes(12) }, {
      get: (target, member) => (order.push(member), target[member]),
    });
    await subtle.encrypt(seen, key, bytes(1));
    deepStrictEqual(order, ["name", "iv", "additionalData", "tagLength", "counter", "length", "label"]);
  },
};

export const lengths = {
  async test() {
    const key = await aes();
    const gcm = (more) => subtle.encrypt({ name: "AES-GCM", iv: bytes(12), ...more }, key, bytes(20));
    strictEqual((await gcm({ tagLength: 128.5 })).byteLength, 36);
    await refused(gcm({ tagLength: 127 }), "OperationError", "Invalid AES-GCM tag length 127.");
    await refused(gcm({ tagLength: 1e10 }), "TypeError", "AES-GCM tagLength is outside the integer range.");
    const password = await subtle.importKey("raw", bytes(8), "PBKDF2", false, ["deriveBits"]);
    const pbkdf2 = { name: "PBKDF2", hash: "SHA-1", salt: bytes(1), iterations: 1 };
    await refused(
      subtle.deriveBits(pbkdf2, password, 8 * 255 * 20 + 8),
      "OperationError",
      "Pbkdf2 failed: derived key length exceeds maximum for this hash",
    );
    await refused(
      subtle.deriveBits({ ...pbkdf2, iterations: 0 }, password, 8),
      "OperationError",
      "PBKDF2 requires a positive iteration count (requested 0).",
    );
    const rsa = (modulusLength, exponent) =>
      subtle.generateKey({ name: "RSA-PSS", hash: "SHA-1", modulusLength, publicExponent: Uint8Array.from(exponent) }, true, ["sign"]);
    await refused(
      rsa(16392, [1, 0, 1]),
      "OperationError",
      "The modulus length must be a multiple of 8 and between 256 and 16k, but 16392 was requested.",
    );
    await refused(rsa(384, [1, 0, 1]), "OperationError", "RSA key size is too small.");
    await refused(
      rsa(1024, [1, 0, 0, 0, 0]),
      "OperationError",
      'The "publicExponent" must be either 3 or 65537, but got a number larger than 2^32.',
    );
    const { privateKey } = await rsa(1024, [1, 0, 1]);
    await refused(
      subtle.sign({ name: "RSA-PSS", saltLength: 107 }, privateKey, bytes(1)),
      "OperationError",
      "key too small for signing with given digest and salt length",
    );
    const { length } = (await subtle.generateKey({ name: "HMAC", hash: "SHA-1", length: 9 }, true, ["sign"])).algorithm;
    strictEqual(length, 9);
  },
};

export const imports = {
  async test() {
    const jwk = (key, algorithm, usages) => subtle.importKey("jwk", key, algorithm, true, usages);
    const k = "AwoRGB8mLTQ7QklQV15lbA";
    await refused(
      jwk({ kty: "oct", k, key_ops: ["decrypt"] }, "AES-GCM", ["encrypt"]),
      "DataError",
      '"jwk" key missing usage "encrypt", in "key_ops".',
    );
    await refused(
      jwk({ kty: "oct", k, ext: false }, "AES-GCM", ["encrypt"]),
      "DataError",
      'JWK ext field for "AES-GCM" is set to false but extractable is true',
    );
    await refused(jwk({ kty: "OKP", x: k }, "Ed25519", ["verify"]), "DataError", 'Missing field "crv" for Ed25519 key.');
    await refused(
      jwk({ kty: "EC", crv: "P-256", x: "AAAA", y: "AAAA" }, { name: "ECDSA", namedCurve: "P-256" }, ["verify"]),
      "OperationError",
      'Invalid EC key; public key coordinates "x" and "y" are invalid: Point is not on curve..',
    );
    await refused(
      subtle.importKey("raw-secret", bytes(16), "AES-GCM", true, ["encrypt"]),
      "NotSupportedError",
      'Key format "raw-secret" requires the webcrypto_modern_algorithms flag.',
    );
    const { publicKey } = await subtle.generateKey("Ed25519", true, ["sign", "verify"]);
    const spki = new Uint8Array([...new Uint8Array(await subtle.exportKey("spki", publicKey)), 0, 0]);
    await refused(
      subtle.importKey("spki", spki, "Ed25519", true, ["verify"]),
      "DataError",
      "Invalid 2 trailing bytes after SPKI input.",
    );
    strictEqual((await subtle.exportKey("jwk", publicKey)).alg, "EdDSA");
  },
};

export const blindSigning = {
  async test() {
    const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]) };
    const { privateKey } = await subtle.generateKey(algorithm, true, ["sign"]);
    const pkcs8 = await subtle.exportKey("pkcs8", privateKey);
    const raw = await subtle.importKey("pkcs8", pkcs8, "RSA-RAW", false, ["sign"]);
    strictEqual((await subtle.sign("RSA-RAW", raw, new Uint8Array(128).fill(1))).byteLength, 128);
    await refused(
      subtle.sign("RSA-RAW", raw, new Uint8Array(129)),
      "DataError",
      "Blind Signing requires presigned data (129 bytes) to be smaller than the key (128 bytes).",
    );
  },
};

export const bindings = {
  async test(_, { raw, hex, base64, jwk, spki, pkcs8 }) {
    deepStrictEqual(raw.algorithm, { name: "AES-GCM", length: 128 });
    deepStrictEqual(raw.usages, ["encrypt", "decrypt"]);
    strictEqual((await subtle.exportKey("raw", raw)).byteLength, 16);
    const codes = await Promise.all([hex, base64, jwk].map((key) => subtle.sign("HMAC", key, bytes(3))));
    deepStrictEqual(codes[0], codes[1]);
    deepStrictEqual(codes[0], codes[2]);
    await refused(subtle.exportKey("raw", hex), "InvalidAccessError", "Attempt to export non-extractable HMAC key.");
    ok(await subtle.verify("Ed25519", spki, await subtle.sign("Ed25519", pkcs8, bytes(9)), bytes(9)));
  },
};

export const anything = {
  async test() {
    // A linear congruential generator: the same calls every time.
    let state = 12345;
    const below = (n) => (state = (state * 1103515245 + 12345) % 2147483648) % n;
    const pick = (list) => list[below(list.length)];
    const detached = bytes(8);
    structuredClone(detached, { transfer: [detached.buffer] });
    const pair = await subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, true, ["deriveBits", "deriveKey"]);
    const keys = [
      await aes(),
      await subtle.importKey("raw", bytes(8), { name: "HMAC", hash: "SHA-256" }, true, ["sign", "verify"]),
      await subtle.importKey("raw", bytes(8), "HKDF", false, ["deriveBits", "deriveKey"]),
      await subtle.importKey("raw", bytes(16), "AES-KW", true, ["wrapKey", "unwrapKey"]),
      pair.privateKey,
      pair.publicKey,
    ];
    const names = ["AES-GCM", "AES-CBC", "AES-CTR", "AES-KW", "HMAC", "HKDF", "PBKDF2", "ECDSA", "ECDH", "Ed25519", "X25519", "RSA-OAEP"];
    const odd = [undefined, null, true, -1, NaN, 2 ** 40, "", "x", Symbol("s"), 1n, {}, [], () => {}];
    const buffers = [bytes(0), bytes(16), bytes(65), new DataView(new ArrayBuffer(12)), new ArrayBuffer(3), detached];
    const member = () => pick([...odd, ...buffers, ...keys, 128, 8, "SHA-256", "P-256", { name: "SHA-1" }]);
    const algorithm = () => {
      const result = { name: pick(names) };
      for (const name of ["iv", "tagLength", "counter", "length", "label", "hash", "saltLength", "namedCurve", "salt", "info", "public"]) {
        if (below(3) === 0) result[name] = member();
        else if (below(20) === 0) Object.defineProperty(result, name, { get() { throw new RangeError("here"); } });
      }
      if (below(4) > 0) Object.assign(result, { iv: bytes(16), salt: bytes(4), info: bytes(4), hash: "SHA-256" });
      return result;
    };
    const argument = () => pick([algorithm, algorithm, () => pick(keys), () => pick(buffers), member, () => pick(["raw", "jwk", "pkcs8", "spki"]), () => ["encrypt", "sign"]])();
    const methods = Object.getOwnPropertyNames(SubtleCrypto.prototype).filter((name) => name !== "constructor");
    for (let i = 0; i < 3000; i++) {
      const given = Array.from({ length: below(8) }, argument);
      try {
        await subtle[pick(methods)](...given);
      } catch (error) {
        ok(error instanceof Error, String(error));
      }
    }
  },
};
