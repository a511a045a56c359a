// Request, Response and fetch: what is refused and how, redirects, data: URLs, bodies that iterate. Service `old` is the
// same worker under the flags of a time when URLs were taken as they came.
import { deepStrictEqual, rejects, strictEqual, throws } from "node:assert";

const flags = Cloudflare.compatibilityFlags;
const standard = flags.fetch_standard_url;
const old = !standard;
const typeError = (message) => ({ name: "TypeError", message });

export default {
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    switch (pathname) {
      case "/error":
        return Response.error();
      case "/redirect":
        return Response.redirect("http://p/echo", +searchParams.get("status"));
      case "/to":
        return new Response(null, { status: 302, headers: { location: searchParams.get("url") } });
      case "/secrets":
        return Response.json(["authorization", "cookie", "proxy-authorization"].map((name) => request.headers.get(name)));
      case "/bad":
        return new Response(null, { status: 302, headers: { location: "http://[" } });
      case "/loop":
        return new Response(null, { status: 302, headers: { location: "/loop" } });
    }
    return Response.json([request.method, request.url, request.headers.get("content-type"), await request.text()]);
  },
};

export const requests = {
  test() {
    const init = (value) => () => new Request("http://x/", value);
    const field = (name, type) =>
      typeError(`Incorrect type for the '${name}' field on 'RequestInitializerDict': the provided value is not of type '${type}'.`);
    throws(init({ headers: 5 }), field("headers", "Headers or Sequence or object"));
    throws(init({ signal: {} }), field("signal", "AbortSignal"));
    throws(init({ cf: null }), field("cf", "Object"));
    throws(init({ fetcher: 5 }), field("fetcher", "Fetcher"));
    throws(init({ method: "FOO" }), typeError("Invalid HTTP method string: FOO"));
    throws(init({ body: "x" }), typeError("Request with a GET or HEAD method cannot have a body."));
    throws(init({ integrity: "x" }), { name: "TypeError", message: /^Subrequest integrity checking is not implemented/ });
    if (old) throws(init({ cache: null }), { name: "Error", message: "The 'cache' field on 'RequestInitializerDict' is not implemented." });
    else throws(init({ cache: null }), typeError("Unsupported cache mode: null"));
    strictEqual("cache" in Request.prototype, !old);
    for (const url of ["", "foo", "/foo", "http://a b/"]) {
      if (old) strictEqual(new Request(url).url, url);
      else throws(() => new Request(url), typeError(`Invalid URL: ${url}`));
    }
    strictEqual(new Request("HTTP://A:80/./b c#d").url, old ? "HTTP://A:80/./b c#d" : "http://a/b%20c#d");
  },
};

export const responses = {
  async test() {
    const status = { name: "RangeError", message: "Responses may only be constructed with status codes in the range 200 to 599, inclusive." };
    for (const value of [199, 600, 65736, NaN, "x", -1]) throws(() => new Response("", { status: value }), status);
    throws(() => new Response("", Response.error()), status);
    strictEqual(new Response("", { status: 201.5 }).status, 201);
    throws(() => new Response(null, { cf: 5 }), { name: "TypeError" });
    const none = typeError("Response with null body status (101, 204, 205, or 304) cannot have a body.");
    throws(() => new Response("x", { status: 204 }), none);
    for (const body of ["", new Uint8Array(0), new URLSearchParams()]) {
      const response = new Response(body, { status: 204 });
      strictEqual(response.body, null);
      deepStrictEqual([...response.headers], []);
    }
    const form = new Response(new URLSearchParams("a=b"));
    deepStrictEqual([...form.headers], [["content-type", "application/x-www-form-urlencoded;charset=UTF-8"]]);
    strictEqual(await Response.json(undefined).text(), "undefined");
    const used = new Response("x");
    await used.arrayBuffer();
    throws(() => used.clone(), typeError("This ReadableStream is currently locked to a reader,"));
    strictEqual(Response.redirect("http://x", 302).headers.get("location"), old ? "http://x" : "http://x/");
  },
};

export const iterables = {
  async test() {
    const bytes = (text) => new TextEncoder().encode(text);
    const text = (body) => new Response(body).text();
    const sync = { *[Symbol.iterator]() { yield bytes("a"); yield bytes("b"); } };
    const asynchronous = { async *[Symbol.asyncIterator]() { yield bytes("c"); }, toString: () => "never" };
    strictEqual(await text(sync), old ? "[object Object]" : "ab");
    strictEqual(await text(asynchronous), old ? "never" : "c");
    strictEqual(await text({ ...sync, toString: () => "said" }), "said");
    strictEqual(await text({ ...sync, [Symbol.toPrimitive]: () => "said" }), "said");
    strictEqual(await text(new String("text")), "text");
    strictEqual(await text({ [Symbol.iterator]: 5 }), "[object Object]");
    if (!old) await rejects(text(["a"]), typeError("This ReadableStream did not return bytes."));
  },
};

export const services = {
  async test(_, { S }) {
    const asked = async (url) => {
      const response = await S.fetch(url);
      return [response.url, (await response.json())[1]];
    };
    deepStrictEqual(await asked("http://u:p@p/echo#x"), ["http://u:p@p/echo", "http://p/echo"]);
    const spelled = "HTTP://P:80/a/../echo?a b";
    deepStrictEqual(await asked(spelled), old ? ["http://p:80/echo?a b", "http://p:80/echo?a%20b"]
      : ["http://p/echo?a%20b", "http://p/echo?a%20b"]);
    for (const url of ["ftp://p/x", "foo:bar"]) await rejects(S.fetch(url), typeError(`Fetch API cannot load: ${url}`));
    for (const url of ["", "/x", " http://p/"]) if (old) await rejects(S.fetch(url), typeError(`Fetch API cannot load: ${url}`));
    await rejects(
      S.fetch("http://p/error"),
      typeError("Return value from serve handler must not be an error response (like Response.error())"),
    );
    const head = await S.fetch("http://p/echo", { method: "HEAD" });
    strictEqual(head.body, null);
    strictEqual(head.headers.get("content-type"), "application/json");
    const request = new Request("http://p/echo", { method: "POST", body: "x" });
    await S.fetch(request);
    await rejects(S.fetch(request), typeError("Cannot reconstruct a Request with a used body."));
    await rejects(S.fetch(), typeError("Failed to execute 'fetch' on 'Fetcher': parameter 1 is not of type 'Request or string'."));
  },
};

export const redirects = {
  async test(_, { S }) {
    const follow = async (status, method, body) =>
      (await S.fetch(`http://p/redirect?status=${status}`, { method, body, headers: { "content-type": "x/y" } })).json();
    for (const status of [301, 302, 303]) {
      deepStrictEqual(await follow(status, "POST", "text"), ["GET", "http://p/echo", "x/y", ""]);
    }
    deepStrictEqual(await follow(303, "PUT", "text"), ["GET", "http://p/echo", "x/y", ""]);
    deepStrictEqual(await follow(301, "PUT", "text"), ["PUT", "http://p/echo", "x/y", "text"]);
    deepStrictEqual(await follow(307, "POST", "text"), ["POST", "http://p/echo", "x/y", "text"]);
    const stream = () => new Blob(["text"]).stream();
    deepStrictEqual(await follow(303, "POST", stream()), ["GET", "http://p/echo", "x/y", ""]);
    for (const status of [301, 308]) {
      await rejects(follow(status, "POST", stream()), { name: "TypeError", message: /^A request with a one-time-use body/ });
    }
    if (!old) await rejects(S.fetch("http://p/bad"), typeError("Invalid Location header; unable to follow redirect."));
    await rejects(S.fetch("http://p/loop"), typeError(`Too many redirects.${Array(21).fill("http://p/loop").join(", ")}`));
  },
};

/** Neither the service nor the response is told of a fragment, and any scheme with an authority is followed. */
export const whereRedirectsLead = {
  async test(_, { S }) {
    for (const [location, url] of [
      ["/echo#two", "http://p/echo"],
      ["/echo?x#", "http://p/echo?x"],
      ["//q/echo#", "http://q/echo"],
      ["http://u:w@q/echo#f", "http://u:w@q/echo"],
      ["ftp://q/echo#f", "ftp://q/echo"],
      ["file:///echo", "file:///echo"],
    ]) {
      for (const fragment of ["", "#one"]) {
        const response = await S.fetch(`http://p/to?url=${encodeURIComponent(location)}${fragment}`);
        strictEqual(response.url, url);
        strictEqual(response.redirected, true);
        strictEqual((await response.json())[1], url.replace("u:w@", ""));
      }
    }
    if (!old) await rejects(S.fetch("http://p/to?url=data:,x"), typeError("Invalid Location header; unable to follow redirect."));
  },
};

export const secretsOfRedirects = {
  async test(_, { S }) {
    const headers = { authorization: "a", cookie: "c", "proxy-authorization": "p" };
    const to = async (url) => (await S.fetch(`http://p/to?url=${encodeURIComponent(url)}`, { headers })).json();
    deepStrictEqual(await to("/secrets"), ["a", "c", "p"]);
    const back = `/to?url=${encodeURIComponent("http://p/secrets")}`;
    for (const elsewhere of ["http://q/secrets", "https://p/secrets", "http://p:81/secrets", `http://q${back}`]) {
      deepStrictEqual(await to(elsewhere), [flags.strip_authorization_on_cross_origin_redirect ? null : "a", "c", "p"]);
    }
  },
};

export const dataUrls = {
  async test() {
    const load = async (url) => {
      const response = await fetch(url);
      return [response.statusText, response.url, response.headers.get("content-type"), await response.text()];
    };
    deepStrictEqual(await load("data:,a%20b"), ["OK", "", "text/plain;charset=US-ASCII", "a b"]);
    deepStrictEqual(await load('data:text/HTML;a="b";base64,YQ=='), ["OK", "", "text/html;a=b", "a"]);
    deepStrictEqual(await load("data:;charset=x,a"), ["OK", "", "text/plain;charset=x", "a"]);
    deepStrictEqual(await load("data:none,a"), ["OK", "", "text/plain;charset=US-ASCII", "a"]);
    await rejects(fetch("data:text/plain"), typeError("Fetch API cannot load: data:text/plain"));
  },
};

export const aborted = {
  async test(_, { S }) {
    const reason = new RangeError("mine");
    await rejects(S.fetch("http://p/echo", { signal: AbortSignal.abort(reason) }), reason);
    const controller = new AbortController();
    const fetched = S.fetch("http://p/echo", { signal: controller.signal });
    controller.abort(reason);
    await rejects(fetched, reason);
  },
};

export const abortedBodies = {
  async test(_, { S }) {
    const sent = new Request("http://p/echo", { method: "POST", body: "x", signal: AbortSignal.abort() });
    await rejects(S.fetch(sent), { name: "AbortError" });
    strictEqual(sent.bodyUsed, true);
  },
};

export const hostless = {
  async test(_, { S }) {
    for (const url of ["mailto:a@b", "about:blank", "blob:x"]) await rejects(fetch(url), typeError(`Fetch API cannot load: ${url}`));
    const odd = "http://www.{{host}}:8000/";
    await rejects(fetch(odd), typeError(`Fetch API cannot load: ${odd}`));
    for (const url of ["ws://a b/", "wss://x y.z/"]) {
      throws(() => new WebSocket(url), { name: "SyntaxError", message: "WebSocket Constructor: The url is invalid." });
    }
  },
};

export const readStreamsStayLocked = {
  async test() {
    const bytes = new TextEncoder().encode("12");
    const streamOf = (start) => new ReadableStream({ start });
    for (const how of ["text", "json", "arrayBuffer", "blob"]) {
      const read = new Response(streamOf((controller) => {
        controller.enqueue(bytes);
        controller.close();
      }));
      await read[how]();
      strictEqual(read.body.locked, true, how);
      const failed = new Response(streamOf((controller) => controller.error(new Error("no"))));
      await rejects(failed[how]());
      strictEqual(failed.body.locked, false, how);
    }
  },
};
