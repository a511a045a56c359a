// What frames a message is said by the border that sends it, whatever headers came along: bytes of a client, a worker between
// it and an origin, and the bytes that the origin gets.
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { WorkerEntrypoint } from "cloudflare:workers";

const encoder = new TextEncoder();
const decoder = new TextDecoder("latin1");

/** Answers of the origin, by path. */
const ANSWERS = {
  "/length": "Content-Length: 10\r\nContent-Type: text/html\r\n\r\n<p>hey</p>",
  "/chunked": "Transfer-Encoding: chunked\r\nContent-Type: text/html\r\n\r\n5\r\n<p>he\r\n5\r\ny</p>\r\n0\r\n\r\n",
  "/empty": "Content-Length: 0\r\n\r\n",
  "/coded": "Content-Length: 0\r\nContent-Encoding: gzip\r\n\r\n",
  // Chunked wins (RFC 9112 section 6.3).
  "/both": "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
  "/hops": "Content-Length: 3\r\nKeep-Alive: 5\r\nTE: x\r\nTrailer: q\r\nUpgrade: h2c\r\n\r\nabc",
};

/** What the origin got: request by request. */
let seen = [];

/** Reads messages from a stream of bytes; an answer to HEAD has no body. */
class Messages {
  #reader;
  #text = "";

  constructor(readable) {
    this.#reader = readable.getReader();
  }

  async #more() {
    const { value, done } = await this.#reader.read();
    if (!done) this.#text += decoder.decode(value);
    return !done;
  }

  async #upTo(mark) {
    while (!this.#text.includes(mark)) if (!(await this.#more())) return undefined;
    return this.#take(this.#text.indexOf(mark) + mark.length);
  }

  async #take(length) {
    while (this.#text.length < length) if (!(await this.#more())) throw new Error(`cut off: ${this.#text}`);
    const taken = this.#text.slice(0, length);
    this.#text = this.#text.slice(length);
    return taken;
  }

  /** The next one: its first line, headers by name, `framing` and body; undefined at the end. */
  async next(withoutBody = false) {
    const head = await this.#upTo("\r\n\r\n");
    if (head === undefined) return undefined;
    const [line, ...fields] = head.trimEnd().split("\r\n");
    const headers = {};
    for (const field of fields) {
      const [, name, value] = /^([^:]+): *(.*)$/.exec(field);
      ok(!(name.toLowerCase() in headers), `${name} twice: ${head}`);
      headers[name.toLowerCase()] = value;
    }
    const { "content-length": length, "transfer-encoding": coding, ...others } = headers;
    ok(length === undefined || coding === undefined, head);
    let body = "";
    if (withoutBody) body = null;
    else if (length !== undefined) body = await this.#take(+length);
    else if (coding !== undefined) {
      for (;;) {
        const size = parseInt(await this.#upTo("\r\n"), 16);
        const chunk = await this.#take(size + 2);
        if (size === 0) break;
        body += chunk.slice(0, -2);
      }
    }
    return { line, headers: others, framing: length ?? coding ?? "none", body };
  }
}

export class Origin extends WorkerEntrypoint {
  async connect(socket) {
    const messages = new Messages(socket.readable);
    const writer = socket.writable.getWriter();
    for (;;) {
      const request = await messages.next();
      if (request === undefined) break;
      seen.push(request);
      const [method, target] = request.line.split(" ");
      const answer = ANSWERS[target.replace(/^http:..[^/]*/, "")] ?? ANSWERS["/length"];
      const end = method === "HEAD" ? answer.indexOf("\r\n\r\n") + 4 : undefined;
      await writer.write(encoder.encode(`HTTP/1.1 200 OK\r\n${answer.slice(0, end)}`));
    }
    await writer.close().catch(() => {});
  }
}

export class Inner extends WorkerEntrypoint {
  async fetch(request) {
    const { headers } = request;
    return Response.json([headers.get("content-length"), headers.get("transfer-encoding"), await request.text()]);
  }
}

const appending = () => new TransformStream({
  transform(chunk, controller) {
    controller.enqueue(chunk);
    controller.enqueue(encoder.encode("+"));
  },
});

const growing = (text) => new Response(text).body.pipeThrough(appending());

/** A stream that says `length` and gets `text`. */
function fixed(length, text) {
  const { readable, writable } = new FixedLengthStream(length);
  const writer = writable.getWriter();
  writer.write(encoder.encode(text)).catch(() => {});
  writer.close().catch(() => {});
  return readable;
}

const LYING = { "content-length": "2" };

/** What the worker between does, by path; `origin` is asked as the client's method says. */
const ACTIONS = {
  pass: (origin) => origin(),
  wrap: async (origin) => { const r = await origin(); return new Response(r.body, r); },
  append: async (origin) => { const r = await origin(); return new Response(r.body.pipeThrough(appending()), r); },
  identity: async (origin) => { const r = await origin(); return new Response(r.body.pipeThrough(new IdentityTransformStream()), r); },
  rewrite: async (origin) => new HTMLRewriter().on("p", { element(e) { e.append("more"); } }).transform(await origin()),
  shorten: async (origin) => new HTMLRewriter().on("p", { element(e) { e.remove(); } }).transform(await origin()),
  text: async (origin) => { const r = await origin(); return new Response(await r.text(), r); },
  clone: async (origin) => { const r = await origin(); await r.clone().text(); return r; },
  replaced: async (origin) => new Response("other", await origin()),
  dropped: async (origin) => new Response(null, await origin()),
  hops: () => new Response("abc", {
    headers: { ...LYING, "transfer-encoding": "chunked", connection: "close", "keep-alive": "x", upgrade: "h2c", te: "x", trailer: "x" },
  }),
  bytes: () => new Response("abc", { headers: LYING }),
  stream: () => new Response(growing("abc"), { headers: LYING }),
  fixed: () => new Response(fixed(3, "abc"), { headers: LYING }),
  honest: () => new Response(fixed(3, "abc")),
  none: () => new Response(null, { headers: LYING }),
  iterable: () => new Response(Readable(["a", "bc"]), { headers: LYING }),
};

function Readable(parts) {
  return new ReadableStream({
    pull(controller) {
      const part = parts.shift();
      if (part === undefined) controller.close();
      else controller.enqueue(encoder.encode(part));
    },
  });
}

export default {
  fetch(request, env) {
    const [, action, path] = new URL(request.url).pathname.split("/");
    return ACTIONS[action](() => env.BACK.fetch(`http://origin.example/${path}`, { method: request.method }));
  },
};

/** Asks over one connection, message after message, so that none can take bytes of another. */
async function ask(env, asked) {
  const socket = env.CLIENT.connect("front.example:80");
  const messages = new Messages(socket.readable);
  const writer = socket.writable.getWriter();
  const answers = [];
  for (const [method, path] of asked) {
    await writer.write(encoder.encode(`${method} ${path} HTTP/1.1\r\nHost: front.example\r\n\r\n`));
    const { line, headers, framing, body } = await messages.next(method === "HEAD");
    strictEqual(line, "HTTP/1.1 200 OK", path);
    for (const name of ["connection", "keep-alive", "upgrade", "te", "trailer"]) strictEqual(headers[name], undefined, path);
    answers.push([framing, body]);
  }
  await socket.close();
  return answers;
}

export const answers = {
  async test(_, env) {
    const html = "<p>hey</p>";
    const more = "<p>heymore</p>";
    const expected = [
      ["/pass/length", "10", html],
      ["/pass/chunked", "chunked", html],
      ["/pass/both", "chunked", "abcde"],
      ["/pass/hops", "3", "abc"],
      ["/wrap/length", "10", html],
      ["/wrap/both", "chunked", "abcde"],
      ["/append/length", "chunked", `${html}+`],
      ["/append/both", "chunked", "abcde+"],
      ["/identity/chunked", "chunked", html],
      ["/append/empty", "chunked", ""],
      ["/pass/empty", "0", ""],
      ["/pass/coded", "0", ""],
      ["/wrap/empty", "0", ""],
      ["/rewrite/length", "chunked", more],
      ["/rewrite/chunked", "chunked", more],
      ["/rewrite/both", "chunked", "abcde"],
      ["/shorten/length", "chunked", ""],
      ["/text/length", "10", html],
      ["/text/chunked", "10", html],
      ["/text/both", "5", "abcde"],
      ["/clone/length", "10", html],
      ["/clone/both", "chunked", "abcde"],
      ["/replaced/length", "5", "other"],
      ["/replaced/chunked", "5", "other"],
      ["/dropped/length", "0", ""],
      ["/dropped/chunked", "0", ""],
      ["/hops", "3", "abc"],
      ["/bytes", "3", "abc"],
      ["/stream", "chunked", "abc+"],
      ["/fixed", "3", "abc"],
      ["/none", "0", ""],
      ["/iterable", "chunked", "abc"],
    ];
    const got = await ask(env, expected.map(([path]) => ["GET", path]));
    deepStrictEqual(got.map((answer, index) => [expected[index][0], ...answer]), expected);
  },
};

export const heads = {
  async test(_, env) {
    const expected = [
      // What the origin says of an answer that has no body in any case.
      ["/pass/length", "10"],
      ["/pass/chunked", "none"],
      ["/wrap/length", "10"],
      ["/honest", "3"],
      ["/pass/coded", "0"],
      ["/none", "2"],
    ];
    const got = await ask(env, expected.map(([path]) => ["HEAD", path]));
    deepStrictEqual(got.map(([framing], index) => [expected[index][0], framing]), expected);
  },
};

/** The framing and body of what the origin gets. */
async function sent(service, init, url = "http://origin.example/length") {
  seen = [];
  const response = await service.fetch(url, init);
  await response.text();
  strictEqual(seen.length, 1, JSON.stringify(seen));
  const [{ line, headers, framing, body }] = seen;
  for (const name of ["connection", "keep-alive", "upgrade", "te", "trailer"]) strictEqual(headers[name], undefined);
  return { line, host: headers.host, framing, body, headers, response };
}

export const requests = {
  async test(_, { BACK }) {
    const lies = { "content-length": "7", te: "trailers", connection: "close", "keep-alive": "5", upgrade: "h2c", trailer: "q" };
    const check = async (init, framing, body) => {
      const got = await sent(BACK, init);
      deepStrictEqual([got.framing, got.body], [framing, body], JSON.stringify(init));
    };
    // A message without a body has no length to lie about: these bytes would be those of the next request.
    for (const method of ["GET", "HEAD"]) {
      await check({ method }, "none", "");
      await check({ method, headers: lies }, "none", "");
      await check({ method, headers: { "transfer-encoding": "chunked" } }, "none", "");
    }
    for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"]) {
      await check({ method }, "0", "");
      await check({ method, headers: lies }, "0", "");
      await check({ method, headers: { "transfer-encoding": "chunked" } }, "0", "");
      await check({ method, body: "" }, "0", "");
      await check({ method, headers: lies, body: "abc" }, "3", "abc");
      await check({ method, headers: lies, body: growing("abc") }, "chunked", "abc+");
      await check({ method, headers: { "transfer-encoding": "chunked" }, body: "abc" }, "3", "abc");
      await check({ method, headers: lies, body: fixed(3, "abc") }, "3", "abc");
      await check({ method, headers: lies, body: new Response("abc").body }, "3", "abc");
    }
  },
};

export const hosts = {
  async test(_, { BACK, PROXY, INJECTED }) {
    const asked = new Request("http://client.example:81/a", { headers: { host: "client.example:81" } });
    const host = async (...args) => {
      const got = await sent(...args);
      return [got.line, got.host];
    };
    const url = "http://origin.example/length";
    deepStrictEqual(await host(BACK, asked), ["GET /length HTTP/1.1", "origin.example"]);
    deepStrictEqual(await host(BACK, asked, "http://u:p@origin.example:8080/x?y#z"), ["GET /x?y HTTP/1.1", "origin.example:8080"]);
    deepStrictEqual(await host(BACK, asked, "http://[::1]:80/"), ["GET / HTTP/1.1", "[::1]"]);
    // A proxy is told both.
    deepStrictEqual(await host(PROXY, asked), [`GET ${url} HTTP/1.1`, "client.example:81"]);
    const injected = await sent(INJECTED, asked);
    deepStrictEqual([injected.host, injected.framing, injected.headers["x-asked"]], ["injected.example", "none", "1"]);
    const { headers } = injected.response;
    deepStrictEqual([headers.get("x-answered"), headers.get("content-type")], ["2", null]);
  },
};
