import { deepStrictEqual, ok, strictEqual, throws } from "node:assert";
import crypto from "node:crypto";

// Made by openssl: a certificate that has signed itself, a request for one by the same key, and another kind of key.
const pem = `-----BEGIN CERTIFICATE-----
MIICyDCCAm2gAwIBAgIEEjSrzTAKBggqhkjOPQQDAjBTMQswCQYDVQQGEwJVUzES
MBAGA1UECgwJQWNtZSwgSW5jMQwwCgYDVQQLDANPbmUxDDAKBgNVBAsMA1R3bzEU
MBIGA1UEAwwLZXhhbXBsZS5jb20wIBcNMjYxMjAxMTQ1NzE2WhgPMjEyNjExMDcx
NDU3MTZaMFMxCzAJBgNVBAYTAlVTMRIwEAYDVQQKDAlBY21lLCBJbmMxDDAKBgNV
BAsMA09uZTEMMAoGA1UECwwDVHdvMRQwEgYDVQQDDAtleGFtcGxlLmNvbTBZMBMG
ByqGSM49AgEGCCqGSM49AwEHA0IABNhnpJrQ/wDv/vAioVknPBH3MbZroWcb/xgU
jwpRQUEWJCNZlnG6rptB1o8EPVHhluDGBZqI2hF0e//q105lAaOjggErMIIBJzAP
BgNVHRMBAf8EBTADAQH/MAsGA1UdDwQEAwIChDAYBgNVHSUEETAPBggrBgEFBQcD
AQYDKgMEMHkGA1UdEQRyMHCCC2V4YW1wbGUuY29tgg0qLmV4YW1wbGUub3JngQ1h
QGV4YW1wbGUuY29thhdodHRwOi8vYS5leGFtcGxlLz94PTEsMocEfwAAAYcQIAEN
uAAAAAAAAAAAAAAAAaQSMBAxDjAMBgNVBAMMBW90aGVyMFMGCCsGAQUFBwEBBEcw
RTAgBggrBgEFBQcwAYYUaHR0cDovL29jc3AuZXhhbXBsZS8wIQYIKwYBBQUHMAKG
FWh0dHA6Ly9jYS5leGFtcGxlL2EsYjAdBgNVHQ4EFgQU5TEqKYKVe7hZV3trl34i
5UthQMgwCgYIKoZIzj0EAwIDSQAwRgIhAMLwpL75hxFzdiC7cNBT0AM5V3i260Nv
B/RUf1xhXd2gAiEAhcaPaJtdCK5gzoyOTG0295/ltx9zt5MHt+c/R+4zDQ0=
-----END CERTIFICATE-----
`;
const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgh7P8BQiZPEZAwoVj
03yFoV1lYwhpms5EWzkLTQU5kyyhRANCAATYZ6Sa0P8A7/7wIqFZJzwR9zG2a6Fn
G/8YFI8KUUFBFiQjWZZxuq6bQdaPBD1R4ZbgxgWaiNoRdHv/6tdOZQGj
-----END PRIVATE KEY-----
`;
const spkac =
  "MIG5MGIwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATYZ6Sa0P8A7/7wIqFZJzwR9zG2a6FnG/8YFI8KUUFBFiQjWZZxuq6bQdaPBD1R4ZbgxgWaiNoRdHv/6tdOZQGjFgVoZWxsbzAKBggqhkjOPQQDAgNHADBEAiAfQqH7QNNHiZ9UDtM7UgcEY2CWOPqlB83yjpGBBWa/CgIgagN022uH8t2Gmw2k+2Hmz8bXtAwgCp02+vJoYAM1bU4=";
const dsa = `-----BEGIN PRIVATE KEY-----
MIIBWgIBADCCATMGByqGSM44BAEwggEmAoGBAID3VKnMKVWyYDvUSlGG/vS/+edE
/E57PM2wD+B/e6f9GRMs/39LTs5BNYBj+ue4j2fb1Mpwtm7t/PlJApTwMIYaalw8
JqbUCCFDSBdGgDqgbdp3YAK3UxntOT0KnXuJTsUhu34cMmI1E2IlR47Rgj4TwtoE
J0fT9yksQEp1z5WTAh0A0TR5HnOJ4fqCtRjDzTTRbnkSWHVwvrzBPBLt+QKBgE1N
diqpHUy1xPxCiihY9+yBL1uKJv4lW9bKLAvdwjYqOCyszWsbf6JJUIBCHgnmrM/X
koSWe7MUAa6B/SChFOdo3cb53lytXvsEYdAqUdTG9x/9hgtQkoWH/L/9Zcunws8Y
E0+ju8O9qFZSFJ6kdLV8udm6Y/ziQsvm8+4BBpCwBB4CHB8MAp0uIMtmZ2/37RS5
Z8kXAkFXiXdbl2jbmdQ=
-----END PRIVATE KEY-----
`;

export const properties = {
  test() {
    const certificate = new crypto.X509Certificate(pem);
    strictEqual(certificate.subject, "C=US\nO=Acme\\, Inc\nOU=One\nOU=Two\nCN=example.com");
    strictEqual(certificate.issuer, certificate.subject);
    strictEqual(
      certificate.subjectAltName,
      'DNS:example.com, DNS:*.example.org, email:a@example.com, URI:"http://a.example/?x=1\\u002c2", IP Address:127.0.0.1, ' +
        "IP Address:2001:DB8:0:0:0:0:0:1, DirName:CN=other",
    );
    strictEqual(certificate.infoAccess, 'OCSP - URI:http://ocsp.example/\nCA Issuers - URI:"http://ca.example/a\\u002cb"\n');
    strictEqual(certificate.validFrom, "Dec  1 14:57:16 2026 GMT");
    strictEqual(certificate.validTo, "Nov  7 14:57:16 2126 GMT");
    strictEqual(certificate.serialNumber, "1234ABCD");
    strictEqual(
      certificate.fingerprint256,
      "03:AC:2A:D8:A3:D1:07:FD:84:85:37:DB:9E:E5:18:7E:CE:7E:31:60:E4:DD:37:FC:E5:41:5A:17:88:19:EF:D3",
    );
    deepStrictEqual(certificate.keyUsage, ["1.3.6.1.5.5.7.3.1", "1.2.3.4"]);
    strictEqual(certificate.issuerCertificate, undefined);
    ok(certificate.ca);
    strictEqual(certificate.toString(), pem);
    strictEqual(JSON.stringify(certificate), JSON.stringify(pem));
    strictEqual(new crypto.X509Certificate(certificate.raw).serialNumber, "1234ABCD");
    strictEqual(certificate.publicKey.asymmetricKeyDetails.namedCurve, "prime256v1");
    const legacy = certificate.toLegacyObject();
    deepStrictEqual(legacy.subject, { C: "US", O: "Acme, Inc", OU: ["One", "Two"], CN: "example.com" });
    deepStrictEqual(legacy.infoAccess, {
      "OCSP - URI": ["http://ocsp.example/"],
      "CA Issuers - URI": ["http://ca.example/a,b"],
    });
    deepStrictEqual([legacy.bits, legacy.asn1Curve, legacy.nistCurve, legacy.pubkey.length], [256, "prime256v1", "P-256", 65]);
  },
};

export const checks = {
  test() {
    const certificate = new crypto.X509Certificate(pem);
    strictEqual(certificate.checkHost("EXAMPLE.com"), "example.com");
    strictEqual(certificate.checkHost("a.example.org"), "*.example.org");
    strictEqual(certificate.checkHost("a.example.org", { wildcards: false }), undefined);
    for (const name of ["a.b.example.org", ".example.org", "", "exämple.com"]) strictEqual(certificate.checkHost(name), undefined);
    throws(() => certificate.checkHost("a\0b"), /Invalid name/);
    throws(() => certificate.checkHost("a", { subject: "some" }), /Invalid subject option/);
    throws(() => certificate.checkHost("a", { wildcards: 1 }), { code: "ERR_INVALID_ARG_TYPE" });
    strictEqual(certificate.checkEmail("a@example.com"), "a@example.com");
    strictEqual(certificate.checkEmail("b@example.com"), undefined);
    strictEqual(certificate.checkIP("2001:db8:0::1"), "2001:db8:0::1");
    strictEqual(certificate.checkIP("127.0.0.2"), undefined);
    throws(() => certificate.checkIP("127.0.0"), /Invalid IP/);
    ok(certificate.checkIssued(certificate));
    ok(certificate.verify(certificate.publicKey));
    const other = crypto.generateKeyPairSync("ed25519");
    ok(!certificate.verify(other.publicKey) && !certificate.checkPrivateKey(other.privateKey));
    throws(() => certificate.verify(other.privateKey), { code: "ERR_INVALID_ARG_TYPE" });
    throws(() => certificate.checkIssued({}), { code: "ERR_INVALID_ARG_TYPE" });
    for (const wrong of ["", "x", pem.slice(60), Buffer.alloc(9), certificate.raw.subarray(9)]) {
      throws(() => new crypto.X509Certificate(wrong), { code: "ERR_INVALID_ARG_VALUE" });
    }
    throws(() => new crypto.X509Certificate(new ArrayBuffer(1)), { code: "ERR_INVALID_ARG_TYPE" });
  },
};

/** The published binary says no to keys that node:crypto has read itself, whosever they are. */
export const ownKeys = {
  test() {
    const certificate = new crypto.X509Certificate(pem);
    const isKnown = certificate.checkPrivateKey(crypto.createPrivateKey(key));
    strictEqual(certificate.verify(crypto.createPublicKey(key)), isKnown);
  },
};

export const requests = {
  test() {
    const { Certificate } = crypto;
    ok(Certificate.verifySpkac(spkac) && Certificate().verifySpkac(Buffer.from(`${spkac} \n`)));
    strictEqual(`${Certificate.exportChallenge(spkac)}`, "hello");
    ok(crypto.createPublicKey(Certificate.exportPublicKey(spkac)).equals(crypto.createPublicKey(pem)));
    const wrong = Buffer.from(spkac, "base64");
    wrong[wrong.length - 1] ^= 1;
    ok(!Certificate.verifySpkac(wrong.toString("base64")));
    for (const none of ["", " ", "x", spkac.slice(8)]) {
      ok(!Certificate.verifySpkac(none));
      strictEqual(Certificate.exportPublicKey(none).length + Certificate.exportChallenge(none).length, 0);
    }
    throws(() => Certificate.verifySpkac(1), { code: "ERR_INVALID_ARG_TYPE" });
  },
};

export const dsaKeys = {
  test() {
    const privateKey = crypto.createPrivateKey(dsa);
    strictEqual(privateKey.asymmetricKeyType, "dsa");
    strictEqual(privateKey.asymmetricKeyDetails.divisorLength, 224);
    ok(crypto.createPublicKey(dsa).equals(crypto.createPublicKey(privateKey)));
    throws(() => crypto.sign("sha256", Buffer.alloc(1), privateKey), /Signing with DSA keys is not currently supported/);
    throws(() => privateKey.export({ format: "jwk" }), /Key type is invalid for JWK export/);
  },
};

export const pairs = {
  test() {
    const [a, b] = [{ group: "modp14" }, { groupName: "modp14" }].map((options) => crypto.generateKeyPairSync("dh", options));
    const secret = crypto.diffieHellman({ privateKey: a.privateKey, publicKey: b.publicKey });
    strictEqual(secret.length, 256);
    deepStrictEqual(crypto.diffieHellman({ privateKey: b.privateKey, publicKey: a.publicKey }), secret);
    ok(crypto.createPublicKey(a.privateKey).equals(a.publicKey) && !a.publicKey.equals(b.publicKey));
    strictEqual(a.publicKey.asymmetricKeyType, "dh");
    throws(() => a.publicKey.export({ type: "spki", format: "pem" }), /Failed to export key/);
    const pair = (options) => () => crypto.generateKeyPairSync("dh", options);
    throws(pair({}), { code: "ERR_MISSING_OPTION" });
    throws(pair({ group: "modp14", prime: Buffer.from([23]) }), { code: "ERR_INCOMPATIBLE_OPTION_PAIR" });
    throws(pair({ group: "none" }), /Invalid or unsupported group/);
    for (const prime of [[], [1], [24]]) throws(pair({ prime: Buffer.from(prime) }), /Failed to generate key/);
    throws(pair({ prime: Buffer.alloc(2000, 255) }), /DH prime exceeds maximum size/);
    throws(pair({ primeLength: 64 }), /not yet implemented/);
  },
};

export const onePiece = {
  test() {
    for (const [name, keyBytes, ivBytes, authLengthTag] of [
      ["aes-128-gcm-siv", 16, 12],
      ["aes-256-gcm-siv", 32, 12, 16],
      ["chacha20-poly1305", 32, 12],
      ["xchacha20-poly1305", 32, 24, 16],
      ["aes-128-ccm-bluetooth", 16, 13, 4],
      ["aes-128-ccm-matter", 16, 13, 16],
      ["aes-256-ctr-hmac-sha256", 64, 12, 32],
      ["aes-128-eax", 16, 16, 16],
      ["aes-256-eax", 32, 16, 16],
    ]) {
      const [secret, iv, options] = [Buffer.alloc(keyBytes, 7), Buffer.alloc(ivBytes, 9), { authLengthTag }];
      const cipher = crypto.createCipheriv(name, secret, iv, options).setAAD(Buffer.from("aad"), { plaintextLength: 4 });
      throws(() => cipher.getAuthTag(), /only available once cipher context has been finalized/);
      const hidden = cipher.update("text", "utf8");
      throws(() => cipher.update("more", "utf8"), /can only be invoked once/);
      strictEqual(cipher.final().length, 0);
      throws(() => cipher.final(), /already been finalized/);
      const tag = cipher.getAuthTag();
      strictEqual(tag.length, authLengthTag ?? 16);
      const open = () => crypto.createDecipheriv(name, secret, iv, options);
      throws(() => open().update(hidden), /No auth tag provided/);
      throws(() => open().setAuthTag(Buffer.alloc(3)), /Invalid authentication tag length/);
      const good = open().setAuthTag(tag).setAAD(Buffer.from("aad"), { plaintextLength: 4 });
      strictEqual(good.update(hidden, undefined, "utf8"), "text");
      tag[0] ^= 1;
      throws(() => open().setAuthTag(tag).update(hidden), { name: "OperationError" });
      throws(() => crypto.createCipheriv(name, secret, Buffer.alloc(5), options), /Invalid initialization vector/);
      throws(() => crypto.createCipheriv(name, Buffer.alloc(5), iv, options), /Failed to initialize AEAD/);
    }
    const eax = crypto.createCipheriv("aes-128-eax", Buffer.alloc(16, 7), Buffer.alloc(16, 9), { authLengthTag: 16 });
    strictEqual(eax.setAAD(Buffer.from("aad")).update(Buffer.from("hello"), undefined, "hex") + eax.final("hex"), "c5d9061247");
    strictEqual(eax.getAuthTag().toString("hex"), "6b871f67663d09f430920158e3c607f9");
    const lacking = () => crypto.createCipheriv("xchacha20-poly1305", Buffer.alloc(32), Buffer.alloc(24));
    throws(lacking, /The auth tag length is required for cipher xchacha20-poly1305/);
  },
};
