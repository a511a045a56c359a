import { deepStrictEqual, ok, strictEqual, throws } from "node:assert";
import crypto from "node:crypto";

const data = Buffer.from("data");
const pairs = () => [
  ["sha256", crypto.generateKeyPairSync("rsa", { modulusLength: 1024 })],
  ["sha256", crypto.generateKeyPairSync("ec", { namedCurve: "P-256" })],
  [null, crypto.generateKeyPairSync("ed25519")],
];

export const forms = {
  test() {
    for (const [, { privateKey, publicKey }] of pairs()) {
      const pem = privateKey.export({ type: "pkcs8", format: "pem" });
      ok(crypto.createPrivateKey(pem).equals(privateKey));
      ok(crypto.createPublicKey(pem).equals(publicKey));
      const hidden = privateKey.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "word" });
      ok(crypto.createPrivateKey({ key: hidden, passphrase: "word" }).equals(privateKey));
      throws(() => crypto.createPrivateKey({ key: hidden, passphrase: "other" }), /Failed to parse private key/);
      const jwk = privateKey.export({ format: "jwk" });
      ok(crypto.createPrivateKey({ key: jwk, format: "jwk" }).equals(privateKey));
      throws(() => privateKey.export(), /Missing type option/);
    }
    const jwk = crypto.createSecretKey(Buffer.from("k")).export({ format: "jwk" });
    strictEqual(JSON.stringify(jwk), '{"kty":"oct","ext":true,"k":"aw"}');
  },
};

export const signatures = {
  test() {
    for (const [hash, { privateKey, publicKey }] of pairs()) {
      const signature = crypto.sign(hash, data, privateKey);
      ok(crypto.verify(hash, data, publicKey, signature));
      signature[9] ^= 1;
      ok(!crypto.verify(hash, data, publicKey, signature));
      throws(() => crypto.sign("foo", data, privateKey), /Unknown digest: foo/);
      throws(() => crypto.sign(hash, data, publicKey), { code: "ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE" });
      if (hash === null) continue;
      const made = crypto.createSign(hash).update("da").update("ta").sign(privateKey, "hex");
      ok(crypto.createVerify(hash).update("data").verify(publicKey, made, "hex"));
    }
  },
};

export const secrets = {
  test() {
    const [a, b] = [crypto.createECDH("prime256v1"), crypto.createECDH("prime256v1")];
    strictEqual(a.generateKeys().length, 65);
    const point = b.generateKeys(null, "compressed");
    deepStrictEqual(a.computeSecret(point), b.computeSecret(a.getPublicKey()));
    const again = crypto.createECDH("prime256v1");
    again.setPrivateKey(a.getPrivateKey("hex"), "hex");
    strictEqual(again.getPublicKey("hex"), a.getPublicKey("hex"));
    throws(() => again.setPrivateKey(Buffer.alloc(32)), /Private key is not valid for specified curve/);
    throws(() => a.computeSecret(Buffer.from("x")), /Failed to set point/);
    throws(() => crypto.createECDH("foo"), /Invalid curve/);
    const { privateKey, publicKey } = crypto.generateKeyPairSync("rsa", { modulusLength: 1024 });
    const hidden = crypto.publicEncrypt(publicKey, data);
    deepStrictEqual(crypto.privateDecrypt(privateKey, hidden), data);
    throws(() => crypto.privateDecrypt(privateKey, Buffer.alloc(128, 1)), /Failed to cipher\/decipher/);
  },
};

export const groups = {
  test() {
    const [a, b] = [crypto.getDiffieHellman("modp14"), crypto.createDiffieHellmanGroup("modp14")];
    strictEqual(a.generateKeys().length, 256);
    b.generateKeys();
    deepStrictEqual(a.computeSecret(b.getPublicKey()), b.computeSecret(a.getPublicKey("hex"), "hex"));
    const hex = a.getPrime("hex");
    ok(hex.startsWith("ffffffffffffffffc90fdaa22168c234c4c6628b") && hex.endsWith("ffffffffffffffff"));
    ok(crypto.checkPrimeSync(a.getPrime()));
    strictEqual(a.verifyError, 8);
    throws(() => a.computeSecret(Buffer.from([1])), /Supplied key is too small/);
    throws(() => a.computeSecret(Buffer.alloc(256, 255)), /Supplied key is too large/);
    throws(() => crypto.getDiffieHellman("modp1"), /invalid group/);
    const c = crypto.createDiffieHellman(a.getPrime(), 2);
    throws(() => c.getPublicKey(), /No public key/);
    c.setPrivateKey(Buffer.from([6]));
    strictEqual(c.computeSecret(Buffer.from([3])).at(-2), 729 >> 8);
    strictEqual(crypto.createDiffieHellman("17", "hex", 5).verifyError, 0);
  },
};

export const primes = {
  async test() {
    const made = (size, options) => crypto.generatePrimeSync(size, { bigint: true, ...options });
    ok(made(48) >> 46n === 3n && crypto.checkPrimeSync(made(48)));
    const safe = made(48, { safe: true });
    ok(crypto.checkPrimeSync(safe) && crypto.checkPrimeSync(safe / 2n));
    strictEqual(made(48, { add: 24n, rem: 23n }) % 24n, 23n);
    strictEqual(crypto.generatePrimeSync(40).byteLength, 5);
    for (const [size, options] of [[1], [1, { safe: true }], [2, { safe: true }]]) {
      throws(() => made(size, options), { message: "Error while generating prime" });
    }
    throws(() => made(8193), { name: "RangeError", message: "generatePrime size exceeds maximum (8192 bits)" });
    throws(() => made(16, { add: 5n, rem: 2n }), { message: "Invalid values for add and rem" });
    deepStrictEqual(
      [0n, 1n, 2n, 4n, 7919n, new Uint8Array(0), 2n ** 521n - 1n].map((number) => crypto.checkPrimeSync(number)),
      [false, false, true, false, true, false, true],
    );
    throws(() => crypto.checkPrimeSync(7n, { checks: 65 }), { message: "Invalid number of checks" });
    const told = (call, ...given) => new Promise((resolve) => call(...given, (...all) => resolve(all)));
    strictEqual((await told(crypto.generatePrime, 1))[0].message, "Error while generating prime");
    strictEqual((await told(crypto.generatePrime, 40))[1].byteLength, 5);
    deepStrictEqual(await told(crypto.checkPrime, 7n), [null, true]);
    const pair = crypto.createDiffieHellman(256);
    strictEqual(pair.verifyError, 0);
    strictEqual(crypto.createDiffieHellman(pair.getPrime(), pair.getGenerator()).verifyError, 0);
  },
};

export const details = {
  test() {
    const names = ["modulusLength", "publicExponent", "divisorLength", "namedCurve"];
    for (const [, { publicKey }] of pairs()) deepStrictEqual(Object.keys(publicKey.asymmetricKeyDetails), names);
    // Without the curve's name, as the published binary writes "named", it could not read the key again.
    const { privateKey } = crypto.generateKeyPairSync("ec", { namedCurve: "P-384", paramEncoding: "explicit" });
    const key = privateKey.export({ type: "sec1", format: "der" });
    strictEqual(key.length, 167);
    ok(crypto.createPrivateKey({ key, type: "sec1", format: "der" }).equals(privateKey));
  },
};

export const wrong = {
  test() {
    throws(() => crypto.createPrivateKey("bad"), /Failed to parse private key/);
    throws(() => crypto.createPublicKey({ key: { kty: "RSA" }, format: "jwk" }), /RSA JWK missing n parameter/);
    throws(() => crypto.generateKeyPairSync("foo"), { code: "ERR_INVALID_ARG_VALUE" });
    throws(() => crypto.generateKeyPairSync("rsa", { modulusLength: 20000 }), RangeError);
    const cipher = crypto.createCipheriv("aes-128-cbc", Buffer.alloc(16), Buffer.alloc(16));
    throws(() => cipher.update("text"), { code: "ERR_INVALID_ARG_VALUE" });
  },
};
