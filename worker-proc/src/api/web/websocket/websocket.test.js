import assert from "node:assert";

const pair = () => Object.values(new WebSocketPair());

/** Records events as text. */
function record(socket, name, events = []) {
  const on = (type, tell) => socket.addEventListener(type, (event) => void events.push(`${name} ${type} ${tell(event)}`));
  on("message", (event) => event.data);
  on("close", (event) => `${event.code} ${event.reason} ${event.wasClean}`);
  on("error", (event) => event.message);
  return events;
}

const next = (socket, type) => new Promise((resolve) => socket.addEventListener(type, resolve, { once: true }));

const upgrade = { headers: { Upgrade: "websocket" } };

export const service = {
  async fetch(request) {
    const [ours, theirs] = pair();
    const response = (init) => new Response(null, { status: 101, webSocket: theirs, ...init });
    switch (new URL(request.url).pathname) {
      case "/echo":
        ours.accept({ allowHalfOpen: true });
        ours.addEventListener("message", (event) => ours.send(event.data));
        ours.addEventListener("close", (event) => ours.close(event.code, `so ${event.reason}`));
        return response({ headers: { "Sec-WebSocket-Protocol": "chat" } });
      case "/goodbye":
        ours.accept();
        ours.send("hello");
        ours.close(3000, "goodbye");
        return response();
      case "/throws":
        ours.accept();
        ours.addEventListener("message", () => {
          throw new Error("not this");
        });
        return response();
      case "/accepted":
        theirs.accept();
        return response();
      case "/made":
        return new Response(null, { status: 101, webSocket: new WebSocket("ws://127.0.0.1:1/") });
      default:
        return new Response("plain");
    }
  },
};

export const misuse = {
  test() {
    const [a] = pair();
    const tooEarly =
      "You must call one of accept() or state.acceptWebSocket() on this WebSocket before sending messages.";
    assert.throws(() => a.send("x"), { name: "TypeError", message: tooEarly });
    assert.throws(() => a.close(), { name: "TypeError", message: tooEarly });
    assert.throws(() => a.accept(5), /parameter 1 is not of type 'AcceptOptions'/);
    assert.throws(() => a.send(), /parameter 1 is not of type 'ArrayBuffer or ArrayBufferView or string'/);
    for (const code of [0, 999, 1004, 1005, 1006, 1015, 5000, "x", null]) {
      assert.throws(() => a.close(code), { name: "InvalidAccessError", message: `Invalid WebSocket close code: ${code | 0}.` });
    }
    assert.throws(() => a.close(undefined, "x"), {
      name: "InvalidAccessError",
      message: "If you specify a WebSocket close reason, you must also specify a code.",
    });
    assert.throws(() => a.close(1000, "\u00e9".repeat(62)), {
      name: "SyntaxError",
      message: "WebSocket close reason must not be longer than 123 bytes when UTF-8 encoded.",
    });
    assert.deepStrictEqual([a.url, a.protocol, a.extensions, a.readyState, a.bufferedAmount], [null, "", "", 1, 0]);
  },
};

export const construction = {
  async test() {
    const cases = [
      [["x"], "The url is invalid."],
      [["http://x/"], "The url scheme must be ws or wss."],
      [["ws://x/#"], "The url fragment must be empty."],
      [["ws://x/", "a b"], "The protocol header token is invalid."],
      [["ws://x/", ["a", ""]], "One of the protocol header tokens is invalid."],
      [["ws://x/", ["a", "a"]], "The protocols header cannot have repeating values."],
    ];
    for (const [args, message] of cases) {
      assert.throws(() => new WebSocket(...args), { name: "SyntaxError", message: `WebSocket Constructor: ${message}` });
    }
    const socket = new WebSocket("ws://127.0.0.1:1/", ["a", "b"]);
    const events = record(socket, "a");
    assert.strictEqual(socket.readyState, WebSocket.CONNECTING);
    assert.throws(() => socket.accept(), {
      name: "TypeError",
      message: "Websockets obtained from the 'new WebSocket()' constructor cannot call accept",
    });
    await next(socket, "close");
    assert.deepStrictEqual(events, [
      "a error Uncaught Error: Network connection lost.",
      "a close 1006 Failed to establish websocket connection false",
    ]);
    assert.strictEqual(socket.readyState, WebSocket.CLOSED);
    const early = new WebSocket("ws://127.0.0.1:1/");
    const closed = next(early, "close");
    early.close();
    assert.strictEqual((await closed).code, 1006);
  },
};

export const conversation = {
  async test() {
    const [a, b] = pair();
    const events = record(a, "a");
    record(b, "b", events);
    b.accept();
    b.send("early");
    b.send(5);
    a.accept();
    a.accept();
    a.send(null);
    await scheduler.wait(5);
    b.addEventListener("close", () => {
      b.send("last");
      b.close(3001, "too");
    });
    a.close(3000, "done");
    assert.strictEqual(a.readyState, WebSocket.CLOSING);
    assert.throws(() => a.send("x"), { name: "TypeError", message: "Can't call WebSocket send() after close()." });
    a.close(4000);
    await next(a, "close");
    assert.deepStrictEqual(events, [
      "b message null",
      "a message early",
      "a message 5",
      "b close 3000 done true",
      "a message last",
      "a close 3001 too true",
    ]);
    assert.deepStrictEqual([a.readyState, b.readyState], [3, 3]);
    await scheduler.wait(1);
    assert.throws(() => a.accept(), { message: "Can't accept() WebSocket that was already used in a response." });
    a.close();
  },
};

export const binary = {
  async test() {
    const [a, b] = pair();
    a.accept();
    b.accept();
    assert.strictEqual(b.binaryType, "arraybuffer");
    const bytes = new Uint8Array([1, 2, 3]);
    a.send(bytes.subarray(1));
    bytes[1] = 9;
    const { data, origin } = await next(b, "message");
    assert.ok(data instanceof ArrayBuffer);
    assert.deepStrictEqual([...new Uint8Array(data)], [2, 3]);
    assert.strictEqual(origin, null);
    b.binaryType = "what";
    b.binaryType = "blob";
    a.send(new DataView(bytes.buffer));
    const blob = (await next(b, "message")).data;
    assert.ok(blob instanceof Blob);
    assert.deepStrictEqual([...(await blob.bytes())], [1, 9, 3]);
    a.close();
    b.close();
  },
};

export const listenersThatThrow = {
  async test() {
    const [a, b] = pair();
    a.accept();
    b.accept();
    const events = record(a, "a");
    a.addEventListener("message", () => {
      throw new RangeError("thrown");
    });
    b.send("1");
    await next(a, "error");
    assert.deepStrictEqual(events, ["a message 1", "a error Uncaught RangeError: thrown"]);
    assert.strictEqual(a.readyState, WebSocket.CLOSED);
    a.send("nothing");
    a.close();
  },
};

export const attachments = {
  test() {
    const [a] = pair();
    assert.strictEqual(a.deserializeAttachment(), null);
    const value = { a: [1, new Date(0)], m: new Map([[1, "x"]]) };
    a.serializeAttachment(value);
    assert.deepStrictEqual(a.deserializeAttachment(), value);
    assert.throws(() => a.serializeAttachment("x".repeat(16380)), {
      name: "Error",
      message: "A WebSocket 'attachment' cannot be larger than 16384 bytes.'attachment' was 16385 bytes.",
    });
    assert.deepStrictEqual(a.deserializeAttachment(), value);
    assert.throws(() => a.serializeAttachment(), /parameter 1 is not of type 'Value'/);
  },
};

export const responses = {
  test() {
    const [a] = pair();
    const range = "Responses may only be constructed with status codes in the range 200 to 599, inclusive.";
    assert.throws(() => new Response(null, { status: 101 }), { name: "RangeError", message: range });
    for (const init of [{ webSocket: a }, { status: 200, webSocket: a }]) {
      assert.throws(() => new Response(null, init), {
        name: "RangeError",
        message: "Responses with a WebSocket must have status code 101.",
      });
    }
    assert.throws(() => new Response("x", { status: 101, webSocket: a }), { name: "TypeError" });
    const response = new Response(null, { status: 101, webSocket: a });
    assert.strictEqual(response.webSocket, a);
    assert.strictEqual(new Response(null, response).webSocket, a);
    assert.throws(() => response.clone(), { message: "Cannot clone a response to a WebSocket handshake." });
    assert.strictEqual(new Response().webSocket, null);
  },
};

export const services = {
  async test(_, env) {
    const response = await env.service.fetch("http://x/echo", upgrade);
    assert.deepStrictEqual([response.status, response.statusText], [101, "Switching Protocols"]);
    assert.deepStrictEqual([...response.headers], [["sec-websocket-protocol", "chat"]]);
    const socket = response.webSocket;
    assert.strictEqual(response.webSocket, socket);
    assert.strictEqual(socket.protocol, "");
    socket.accept();
    const events = record(socket, "a");
    for (let i = 0; i < 100; i++) socket.send(`${i}`);
    socket.close(1000, "enough");
    const { code, reason } = await next(socket, "close");
    assert.deepStrictEqual([code, reason, events.length], [1000, "so enough", 101]);
    const goodbye = await env.service.fetch("http://x/goodbye", upgrade);
    const said = record(goodbye.webSocket, "a");
    goodbye.webSocket.accept();
    await next(goodbye.webSocket, "close");
    assert.deepStrictEqual(said, ["a message hello", "a close 3000 goodbye true"]);
    goodbye.webSocket.close();
    assert.strictEqual((await env.service.fetch("http://x/plain", upgrade)).webSocket, null);
  },
};

export const losses = {
  async test(_, env) {
    for (const path of ["/throws", "/accepted", "/made"]) {
      const { webSocket } = await env.service.fetch(`http://x${path}`, upgrade);
      webSocket.accept();
      const lost = next(webSocket, "close");
      webSocket.send("x");
      const { code, reason, wasClean } = await lost;
      const expected = [1006, "WebSocket disconnected without sending Close frame.", false];
      assert.deepStrictEqual([code, reason, wasClean], expected, path);
      webSocket.send("nothing");
    }
  },
};

export const unasked = {
  async test(_, env) {
    for (const headers of [{}, { Upgrade: "h2c" }]) {
      await assert.rejects(env.service.fetch("http://x/echo", { headers }), {
        name: "TypeError",
        message:
          'Worker tried to return a WebSocket in a response to a request which did not contain the header "Upgrade: websocket".',
      });
    }
  },
};

/** Over a connection: frames, compression and sizes. */
export const connections = {
  async test(_, env) {
    for (const headers of [{}, { "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits" }]) {
      const response = await env.loopback.fetch("http://x/echo", { headers: { ...upgrade.headers, ...headers } });
      assert.strictEqual(response.status, 101);
      const { webSocket } = response;
      webSocket.accept();
      for (const length of [0, 1, 125, 126, 65535, 65536, 1 << 20]) {
        const answer = next(webSocket, "message");
        webSocket.send("\u00e9".repeat(length / 2) + "x".repeat(length % 2));
        assert.strictEqual((await answer).data.length, (length >> 1) + (length % 2));
      }
      const answer = next(webSocket, "message");
      webSocket.send(new Uint8Array(1 << 20).fill(7));
      assert.ok(new Uint8Array((await answer).data).every((byte) => byte === 7));
      const closed = next(webSocket, "close");
      webSocket.close(4000, "over");
      assert.strictEqual((await closed).reason, "so over");
    }
  },
};

export const connectionsThatFail = {
  async test(_, env) {
    const plain = await env.loopback.fetch("http://x/plain", upgrade);
    assert.deepStrictEqual([plain.status, plain.webSocket, await plain.text()], [200, null, "plain"]);
    const posted = await env.loopback.fetch("http://x/accepted", upgrade);
    posted.webSocket.accept();
    assert.strictEqual((await next(posted.webSocket, "close")).code, 1006);
  },
};
