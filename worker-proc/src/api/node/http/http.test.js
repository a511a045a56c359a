import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert";
import { once } from "node:events";
import { finished } from "node:stream";
import { pipeline } from "node:stream/promises";
import http from "node:http";
import https from "node:https";
import common from "node:_http_common";
import { handleAsNodeRequest, httpServerHandler } from "cloudflare:node";

/** By path, what is answered. */
const listeners = {
  "/echo": async (req, res) => {
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    res.setHeader("x-method", req.method);
    res.writeHead(201, "Made", { "content-type": "text/plain" });
    res.end(Buffer.concat(chunks));
  },
  "/headers": (req, res) => {
    res.setHeader("content-type", "application/json");
    res.setHeader("set-cookie", ["a=1", "b=2"]);
    res.appendHeader("x-list", "1").appendHeader("x-list", ["2", "3"]);
    res.end(JSON.stringify(req.headers));
  },
  // A request that nothing will ever answer is ended at once.
  "/never": () => setTimeout(() => {}, 5000),
  "/fails": async () => {
    throw new RangeError("the listener's");
  },
  "/breaks": (_, res) => {
    res.write("so far");
    setTimeout(() => res.destroy(new Error("broken")), 5);
  },
  "/large": async (_, res) => {
    await pipeline(async function* () {
      for (let i = 0; i < 64; i++) yield Buffer.alloc(65536, i);
    }, res);
  },
  "/empty": (_, res) => res.writeHead(204).end(),
  "/short": (_, res) => {
    res.writeHead(200, { "content-length": "3" });
    res.end("abcdef");
  },
  "/json": ({ url, httpVersion, cloudflare, socket }, res) => {
    const { localPort, remoteAddress, remoteFamily, encrypted } = socket;
    res.end(JSON.stringify({ url, httpVersion, keys: Object.keys(cloudflare), localPort, remoteAddress, remoteFamily, encrypted }));
  },
  "/moved": (_, res) => res.writeHead(302, { location: "/echo" }).end(),
};

const server = http.createServer((req, res) => listeners[req.url.split("?")[0]](req, res)).listen(8080);

export default httpServerHandler(server);

/** A request's answer, with its body as text. */
async function answer(request) {
  const [response] = await once(request, "response");
  let text = "";
  response.setEncoding("utf8");
  for await (const chunk of response) text += chunk;
  return { response, text };
}

export const client = {
  async test() {
    const request = http.request("http://a.example:81/echo?x", { method: "post", headers: { "X-A": "1" }, timeout: 5000 });
    strictEqual(request.method, "POST");
    strictEqual(request.path, "/echo?x");
    strictEqual(request.getHeader("host"), "a.example:81");
    strictEqual(request.headersSent, false);
    request.write("one ");
    request.write(Buffer.from("two "));
    throws(() => request.setHeader("x-b", "2"), { code: "ERR_HTTP_HEADERS_SENT" });
    request.end("three");
    const { response, text } = await answer(request);
    strictEqual(text, "one two three");
    strictEqual(response.statusCode, 201);
    strictEqual(response.statusMessage, "Made");
    strictEqual(response.headers["x-method"], "POST");
    strictEqual(response.complete, true);
    deepStrictEqual(response.headersDistinct["content-type"], ["text/plain"]);
  },
};

export const fields = {
  async test() {
    const options = { host: "b.example", path: "/headers", auth: "me:pass", headers: { "X-Two": ["1", "2"], cookie: "c=d" } };
    const { response, text } = await answer(https.get(options));
    deepStrictEqual(JSON.parse(text), { authorization: "Basic bWU6cGFzcw==", cookie: "c=d", host: "b.example", "x-two": "1, 2" });
    strictEqual(response.headers["x-list"], "1, 2, 3");
    strictEqual((await answer(http.get("http://a/moved"))).response.statusCode, 302);
  },
};

export const badArguments = {
  test() {
    const refused = (options, code, message) => throws(() => http.request(options), { code, ...(message && { message }) });
    refused({ method: "a b" }, "ERR_INVALID_HTTP_TOKEN", 'Method must be a valid HTTP token ["a b"]');
    refused({ method: 1 }, "ERR_INVALID_ARG_TYPE");
    refused({ path: "/a b" }, "ERR_UNESCAPED_CHARACTERS", "Request path contains unescaped characters");
    for (const path of ["//evil.example/", "/\\evil.example", "http://evil.example/"]) refused({ path }, "ERR_INVALID_ARG_VALUE");
    refused({ protocol: "ftp:" }, "ERR_INVALID_PROTOCOL", 'Protocol "ftp:" not supported. Expected "http:"');
    refused({ hostname: 1 }, "ERR_INVALID_ARG_TYPE");
    refused({ agent: {} }, "ERR_INVALID_ARG_TYPE");
    refused({ timeout: -1 }, "ERR_OUT_OF_RANGE");
    refused({ headers: ["a"] }, "ERR_INVALID_ARG_VALUE");
    refused({ headers: { a: "\u3042" } }, "ERR_INVALID_CHAR", 'Invalid character in header content ["a"]');
    for (const name of ["createConnection", "lookup"]) refused({ [name]: () => {} }, "ERR_OPTION_NOT_IMPLEMENTED");
    refused({ socketPath: "/x" }, "ERR_OPTION_NOT_IMPLEMENTED", "The options.socketPath option is not implemented");
    throws(() => new http.Agent({ scheduling: "x" }), { code: "ERR_INVALID_ARG_VALUE" });
    throws(() => http.setMaxIdleHTTPParsers(0), { code: "ERR_OUT_OF_RANGE" });
    strictEqual(http.setMaxIdleHTTPParsers(7), undefined);
    strictEqual(common.parsers.max, 7);
    throws(() => http.request({}).addTrailers({}), { code: "ERR_METHOD_NOT_IMPLEMENTED" });
  },
};

export const endings = {
  async test() {
    const late = http.get({ path: "/never", timeout: 10 });
    const [error] = await once(late, "error");
    strictEqual(error.name, "AbortError");
    const gone = http.get({ path: "/never" });
    const events = [];
    for (const name of ["abort", "error", "close"]) gone.on(name, (error) => events.push(error ? [name, error.code] : name));
    gone.abort();
    await once(gone, "close");
    deepStrictEqual(events, ["abort", "close"]);
    const destroyed = http.get({ path: "/never" });
    setTimeout(() => destroyed.destroy(), 1);
    const [hung] = await once(destroyed, "error");
    deepStrictEqual([hung.code, hung.message], ["ECONNRESET", "socket hang up"]);
    const controller = new AbortController();
    const aborted = http.get({ path: "/never", signal: controller.signal });
    setTimeout(() => controller.abort(), 1);
    strictEqual((await once(aborted, "error"))[0].name, "AbortError");
  },
};

export const serving = {
  async test(_, { SELF }) {
    const made = await SELF.fetch("http://x/echo", { method: "PUT", body: "text" });
    deepStrictEqual([made.status, made.statusText, await made.text()], [201, "Made", "text"]);
    const plain = await SELF.fetch("http://x/headers", { headers: { "content-type": "a, b" } });
    deepStrictEqual([plain.statusText, plain.headers.getSetCookie()], ["unknown", ["a=1", "b=2"]]);
    deepStrictEqual(await plain.json(), { "content-type": "a" });
    strictEqual((await SELF.fetch("http://x/empty")).body, null);
    strictEqual(await (await SELF.fetch("http://x/short")).text(), "abc");
    const head = await SELF.fetch("http://x/echo", { method: "HEAD" });
    deepStrictEqual([head.status, await head.text()], [201, ""]);
    const said = await (await SELF.fetch("https://x/json?q", { headers: { "cf-connecting-ip": "::1", "x-forwarded-proto": "https" } })).json();
    deepStrictEqual(said, {
      url: "/json?q", httpVersion: "1.1", keys: ["env", "ctx", "cf"], localPort: 8080, remoteAddress: "::1", remoteFamily: "IPv6", encrypted: true,
    });
  },
};

export const finishing = {
  async test(_, env, ctx) {
    const told = [];
    const server = http.createServer((_req, res) => {
      for (const name of ["finish", "close"]) res.on(name, () => told.push(name));
      finished(res, () => told.push("finished"));
      res.end();
    });
    server.listen(4567);
    await (await handleAsNodeRequest(4567, new Request("http://localhost/"), env, ctx)).text();
    await scheduler.wait(1);
    server.close();
    deepStrictEqual(told, ["finish", "close", "finished"]);
  },
};

export const large = {
  async test(_, { SELF }) {
    const bytes = new Uint8Array(await (await SELF.fetch("http://x/large")).arrayBuffer());
    strictEqual(bytes.length, 64 * 65536);
    for (let i = 0; i < 64; i++) strictEqual(bytes[i * 65536 + 65535], i);
  },
};

export const failures = {
  async test(_, { SELF }) {
    await rejects(SELF.fetch("http://x/fails"), { name: "RangeError", message: "the listener's" });
    const broken = await SELF.fetch("http://x/breaks");
    await rejects(broken.text(), { message: "broken" });
    await rejects(handleAsNodeRequest(1, new Request("http://x/")), { code: "ERR_INVALID_ARG_VALUE" });
  },
};

export const ports = {
  async test() {
    const one = http.createServer();
    strictEqual(one.address(), null);
    one.listen(0);
    const { port, family, address } = one.address();
    ok(port >= 49152);
    deepStrictEqual([family, address, one.listening], ["IPv4", "127.0.0.1", true]);
    throws(() => one.listen(), { code: "ERR_SERVER_ALREADY_LISTEN" });
    throws(() => http.createServer().listen(port), { code: "EADDRINUSE", message: `bind EADDRINUSE 127.0.0.1:${port}`, syscall: "bind", port });
    throws(() => http.createServer().listen(65536), { code: "ERR_SOCKET_BAD_PORT" });
    await new Promise((done) => one.close(done));
    strictEqual(one.listening, false);
    const again = https.createServer().listen(port);
    throws(() => again.addContext(), { code: "ERR_METHOD_NOT_IMPLEMENTED" });
    again.close();
    throws(() => http.createServer({ keepAliveTimeout: 1 }), { code: "ERR_OPTION_NOT_IMPLEMENTED" });
    throws(() => http.createServer({ requestTimeout: 1, headersTimeout: 2 }), { code: "ERR_OUT_OF_RANGE" });
    throws(() => http.createServer({ requireHostHeader: 1 }), { code: "ERR_INVALID_ARG_TYPE" });
  },
};

export const messages = {
  test() {
    const message = new http.OutgoingMessage();
    throws(() => message.write("x"), { code: "ERR_METHOD_NOT_IMPLEMENTED", message: "The _implicitHeader() method is not implemented" });
    throws(() => message.setHeader("a b", "1"), { code: "ERR_INVALID_HTTP_TOKEN", message: 'Header name must be a valid HTTP token ["a b"]' });
    throws(() => message.setHeader("a"), { code: "ERR_HTTP_INVALID_HEADER_VALUE" });
    throws(() => message.setHeaders([]), { code: "ERR_INVALID_ARG_TYPE" });
    message.setHeaders(new Map([["X-A", "1"], ["set-cookie", ["c", "d"]]]));
    deepStrictEqual(message.getHeaders(), { "x-a": "1", "set-cookie": ["c", "d"] });
    deepStrictEqual([message.getHeaderNames(), message.getRawHeaderNames()], [["x-a", "set-cookie"], ["X-A", "set-cookie"]]);
    message.removeHeader("x-A");
    strictEqual(message.hasHeader("X-A"), false);
    const response = new http.ServerResponse(new http.IncomingMessage());
    throws(() => response.writeHead(42), { code: "ERR_HTTP_INVALID_STATUS_CODE", message: "Invalid status code: 42" });
    throws(() => response.write(5), { code: "ERR_INVALID_ARG_TYPE" });
    throws(() => response.write(null), { code: "ERR_STREAM_NULL_VALUES" });
    throws(() => response.writeContinue(), { code: "ERR_METHOD_NOT_IMPLEMENTED" });
    response.writeHead(200, { "X-A": "1" });
    throws(() => response.writeHead(200), { code: "ERR_HTTP_HEADERS_SENT", message: "Cannot write headers after they are sent to the client" });
    strictEqual(response._header, "HTTP/1.1 200 unknown\r\nX-A: 1\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n");
  },
};

export const constants = {
  test() {
    strictEqual(http.METHODS.length, 35);
    strictEqual(http.STATUS_CODES[418], "I'm a Teapot");
    strictEqual(Object.keys(http.STATUS_CODES).length, 63);
    strictEqual(common.methods, http.METHODS);
    strictEqual(http.maxHeaderSize, 16384);
    strictEqual(http.WebSocket, WebSocket);
    deepStrictEqual([http.globalAgent.protocol, https.globalAgent.defaultPort, http.Agent.defaultMaxSockets], ["http:", 443, Infinity]);
    strictEqual(http.globalAgent.getName({ host: "h", port: 1, family: 6 }), "h:1::6");
    strictEqual(https.globalAgent.getName({ servername: "s", rejectUnauthorized: false }), "localhost:::::::::false:s::::::::::::");
  },
};
