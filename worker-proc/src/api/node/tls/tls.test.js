import { deepStrictEqual, ok, strictEqual, throws } from "node:assert";
import { EventEmitter, once } from "node:events";
import net from "node:net";
import { Duplex } from "node:stream";
import tls from "node:tls";
import common from "node:_tls_common";
import wrap from "node:_tls_wrap";

const isStrict = Cloudflare.compatibilityFlags.throw_on_not_implemented_tls_options;

export const identity = {
  test() {
    const reason = (host, cert) => tls.checkServerIdentity(host, cert)?.reason;
    const names = (subjectaltname) => ({ subject: {}, subjectaltname });
    strictEqual(reason("a.example", names("DNS:b.example, DNS:A.example")), undefined);
    strictEqual(reason("x.a.example.", names("DNS:*.a.example")), undefined);
    strictEqual(reason("xy.a.example", names("DNS:x*.a.example")), undefined);
    strictEqual(reason("a.example", names("DNS:*.example")), "Host: a.example. is not in the cert's altnames: DNS:*.example");
    strictEqual(reason("a.b", names("DNS:*.b")), "Host: a.b. is not in the cert's altnames: DNS:*.b");
    strictEqual(reason("1.2.3.4", names("IP Address:1.2.3.4")), undefined);
    strictEqual(reason("::1", names("IP Address:0:0:0:0:0:0:0:1")), undefined);
    strictEqual(reason("1.2.3.4", names("IP Address:1.2.3.5")), "IP: 1.2.3.4 is not in the cert's list: 1.2.3.5");
    strictEqual(reason("a.com", { subject: { CN: ["b.com", "a.com"] } }), undefined);
    strictEqual(reason("a.com", { subject: { CN: "b.com" } }), "Host: a.com. is not cert's CN: b.com");
    strictEqual(reason("a.com", { subject: {} }), "Cert does not contain a DNS name");
    // A comma in quotes is a part of a name.
    const quoted = 'DNS:"evil.example, DNS:a.com"';
    strictEqual(reason("a.com", names(quoted)), `Host: a.com. is not in the cert's altnames: ${quoted}`);
    throws(() => reason("a.com", names('DNS:"')), { code: "ERR_TLS_CERT_ALTNAME_FORMAT" });
    const { code, host, cert } = tls.checkServerIdentity("a", names(""));
    deepStrictEqual([code, host, cert.subjectaltname], ["ERR_TLS_CERT_ALTNAME_INVALID", "a", ""]);
  },
};

export const protocols = {
  test() {
    const out = {};
    tls.convertALPNProtocols(["h2", "http/1.1"], out);
    strictEqual(out.ALPNProtocols.toString("latin1"), "\x02h2\x08http/1.1");
    throws(() => tls.convertALPNProtocols(["x".repeat(256)], out), { code: "ERR_OUT_OF_RANGE" });
  },
};

export const options = {
  test() {
    const refused = (options, code) => throws(() => tls.connect({ port: 1, ...options }), { code });
    for (const options of [{ rejectUnauthorized: false }, { minDHSize: 1 }, { pskCallback() {} }, { ALPNProtocols: ["h2"] }, { enableTrace: true }]) {
      refused(options, "ERR_OPTION_NOT_IMPLEMENTED");
    }
    refused({ secureContext: {} }, "ERR_TLS_INVALID_CONTEXT");
    refused({ checkServerIdentity: 1 }, "ERR_INVALID_ARG_TYPE");
    const identity = () => tls.connect({ port: 1, checkServerIdentity() {} }).on("error", () => {});
    if (isStrict) throws(identity, { code: "ERR_OPTION_NOT_IMPLEMENTED" });
    else identity();
    throws(() => new tls.TLSSocket(new net.Socket(), { isServer: true }), { code: "ERR_OPTION_NOT_IMPLEMENTED" });
    throws(() => new tls.SecureContext(undefined, "x"), { code: "ERR_INVALID_ARG_TYPE" });
    throws(() => tls.createServer(), { message: "Not implemented" });
    throws(() => tls.createSecurePair(), { code: "ERR_METHOD_NOT_IMPLEMENTED" });
  },
};

export const overStreams = {
  async test() {
    for (const socket of [{}, new EventEmitter()]) throws(() => new tls.TLSSocket(socket), { code: "ERR_INVALID_ARG_TYPE" });
    const written = [];
    const stream = new Duplex({
      read() {},
      write(chunk, _encoding, callback) {
        written.push(chunk);
        callback();
      },
    });
    const socket = new tls.TLSSocket(stream);
    deepStrictEqual([socket.encrypted, socket.authorized, typeof socket._handle], [true, false, "object"]);
    // The published binary sends it as it is, and has no wrapping socket to look at.
    if (socket._handle._parentWrap === undefined) return;
    strictEqual(socket._handle._parentWrap.constructor.name, "JSStreamSocket");
    socket.write("secret");
    const [error] = await once(socket, "error");
    strictEqual(error.code, "ERR_OPTION_NOT_IMPLEMENTED");
    deepStrictEqual(written, []);
    throws(() => tls.connect({ socket: stream }), { code: "ERR_OPTION_NOT_IMPLEMENTED" });
  },
};

export const sockets = {
  async test() {
    const socket = tls.connect({ host: "127.0.0.1", port: 1, servername: "a.example" });
    deepStrictEqual([socket.encrypted, socket.authorized, socket.secureConnecting, socket.servername], [true, false, true, "a.example"]);
    ok(socket instanceof net.Socket);
    strictEqual(socket.getCipher(), null);
    throws(() => socket.getPeerCertificate(), { message: "getPeerCertificate is not implemented" });
    throws(() => socket.setServername(1), { code: "ERR_INVALID_ARG_TYPE" });
    throws(() => socket.exportKeyingMaterial(0, "x"), { code: "ERR_OUT_OF_RANGE" });
    strictEqual(socket.renegotiate({}), false);
    await once(socket, "error").catch((error) => error);
    strictEqual(socket.destroyed, true);
  },
};

export const parts = {
  test() {
    strictEqual(wrap.connect, tls.connect);
    strictEqual(common.SecureContext, tls.SecureContext);
    strictEqual(common.createSecureContext().context, undefined);
    strictEqual(common.translatePeerCertificate(undefined), null);
    const { infoAccess } = common.translatePeerCertificate({ infoAccess: 'OCSP - URI:http://a\nOCSP - URI:"b"\n' });
    deepStrictEqual({ ...infoAccess }, { "OCSP - URI": ["http://a", "b"] });
    deepStrictEqual([tls.DEFAULT_MIN_VERSION, tls.DEFAULT_MAX_VERSION, tls.rootCertificates], ["TLSv1.2", "TLSv1.3", []]);
  },
};
