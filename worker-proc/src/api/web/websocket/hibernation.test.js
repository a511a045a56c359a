import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert";
import { DurableObject } from "cloudflare:workers";
import unsafe from "workerd:unsafe";

let failConstructor = false;

/** Answers over the socket, and remembers what it was told. */
export class Room extends DurableObject {
  lives = 1;
  told = [];

  constructor(ctx, env) {
    super(ctx, env);
    this.woken = ctx.getWebSockets().map((ws) => [ctx.getTags(ws), ws.deserializeAttachment(), ws.readyState]);
    if (failConstructor) {
      failConstructor = false;
      throw new TypeError("cannot start");
    }
  }

  fetch(request) {
    const { 0: client, 1: server } = new WebSocketPair();
    const url = new URL(request.url);
    this.ctx.acceptWebSocket(server, url.searchParams.getAll("tag"));
    const attachment = url.searchParams.get("attachment");
    if (attachment !== null) server.serializeAttachment({ attachment });
    server.addEventListener("message", () => this.told.push("an event listener heard it"));
    return new Response(null, { status: 101, webSocket: client });
  }

  async webSocketMessage(ws, message) {
    this.told.push(message);
    if (message === "slow") {
      await scheduler.wait(60);
      this.told.push("slow ended");
    } else if (message === "throw") {
      throw new Error("on purpose");
    } else if (message === "close") {
      ws.close(4000, "as you like");
      throws(() => ws.send("more"), { name: "TypeError", message: "Can't call WebSocket send() after close()." });
    } else if (message === "attach") {
      ws.serializeAttachment({ attachment: "second" });
      ws.send("attached");
    } else if (message === "put") {
      this.ctx.storage.put("key", "value");
      ws.send("put");
    } else {
      ws.send(message);
    }
  }

  webSocketClose(ws, code, reason, wasClean, ...rest) {
    this.told.push([code, reason, wasClean, ws.readyState, this.ctx.getWebSockets().length, this.ctx.getTags(ws), rest.length]);
    const tags = this.ctx.getTags(ws);
    if (code === 4444) return;
    ws.close(1000, "and you");
    this.told.push(ws.readyState);
    setTimeout(() => this.told.push(["later", this.ctx.getWebSockets().length, ws.deserializeAttachment()]), 1);
    deepStrictEqual(tags, this.ctx.getTags(ws));
  }

  report() {
    const { told, woken } = this;
    this.told = [];
    return { told, woken, open: this.ctx.getWebSockets().length };
  }

  broadcast(message, tag) {
    const sockets = this.ctx.getWebSockets(tag);
    for (const ws of sockets) ws.send(message);
    return sockets.length;
  }

  autoRespond(request, response) {
    this.ctx.setWebSocketAutoResponse(request && new WebSocketRequestResponsePair(request, response));
  }

  answeredAt() {
    return this.ctx.getWebSocketAutoResponseTimestamp(this.ctx.getWebSockets()[0]);
  }

  limitEvents(millis) {
    this.ctx.setHibernatableWebSocketEventTimeout(millis);
  }

  abort() {
    this.ctx.abort("enough");
  }
}

/** A class of the old kind, with no handler for what comes. */
export class Plain {
  constructor(ctx) {
    this.ctx = ctx;
  }

  fetch() {
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    return new Response(null, { status: 101, webSocket: client });
  }
}

/** Has what it does done by a facet. */
export class Parent extends DurableObject {
  fetch(request) {
    return this.ctx.facets.get("room", () => ({ class: this.ctx.exports.Room })).fetch(request);
  }
}

/** A client, with all that it hears. */
async function connect(stub, query = "") {
  const { webSocket: ws } = await stub.fetch(`http://object/${query}`, { headers: { Upgrade: "websocket" } });
  const heard = [];
  let changed = () => {};
  const hear = (what) => {
    heard.push(what);
    changed();
  };
  ws.accept({ allowHalfOpen: true });
  ws.addEventListener("message", (event) => hear(event.data));
  ws.addEventListener("close", (event) => hear([event.code, event.reason, event.wasClean]));
  /** The next that it hears. */
  const next = async () => {
    while (heard.length === 0) await new Promise((resolve) => (changed = resolve));
    return heard.shift();
  };
  return { ws, next };
}

/** Waits until the object has nothing more to tell. */
async function settled(stub, want) {
  const told = [];
  for (;;) {
    const report = await stub.report();
    told.push(...report.told);
    if (told.length >= want) return { ...report, told };
    await scheduler.wait(1);
  }
}

export const messages = {
  async test(_, { rooms }) {
    const stub = rooms.getByName("messages");
    const { ws, next } = await connect(stub);
    ws.send("one");
    strictEqual(await next(), "one");
    ws.send(new Uint8Array([1, 2]));
    deepStrictEqual(new Uint8Array(await (await next()).arrayBuffer()), new Uint8Array([1, 2]));
    ws.send("put");
    strictEqual(await next(), "put");
    const { told } = await settled(stub, 3);
    strictEqual(told[0], "one");
    ok(told[1] instanceof ArrayBuffer);
    ws.close(1000);
    deepStrictEqual(await next(), [1000, "and you", true]);
  },
};

export const handlersOverlapButBeginInOrder = {
  async test(_, { rooms }) {
    const stub = rooms.getByName("order");
    const { ws, next } = await connect(stub);
    for (const message of ["slow", "throw", "a", "b"]) ws.send(message);
    strictEqual(await next(), "a");
    strictEqual(await next(), "b");
    deepStrictEqual((await settled(stub, 5)).told, ["slow", "throw", "a", "b", "slow ended"]);
    ws.close(1000);
    await next();
  },
};

export const closes = {
  async test(_, { rooms }) {
    const stub = rooms.getByName("closes");
    const { ws, next } = await connect(stub, "?tag=x&attachment=kept");
    ws.close(3001, "leaving");
    deepStrictEqual(await next(), [1000, "and you", true]);
    deepStrictEqual((await settled(stub, 3)).told, [
      [3001, "leaving", true, 2, 1, ["x"], 0], 3, ["later", 0, { attachment: "kept" }],
    ]);
    const second = await connect(stub);
    second.ws.send("close");
    deepStrictEqual(await second.next(), [4000, "as you like", true]);
    strictEqual((await stub.report()).open, 1);
    second.ws.close(3002);
    deepStrictEqual((await settled(stub, 3)).told, [[3002, "", true, 3, 1, [], 0], 3, ["later", 0, null]]);
    strictEqual((await stub.report()).open, 0);
  },
};

export const sleep = {
  async test(_, { rooms }) {
    const stub = rooms.getByName("sleep");
    const one = await connect(stub, "?tag=a&tag=b&tag=a&attachment=first");
    const two = await connect(stub, "?tag=b");
    one.ws.send("attach");
    strictEqual(await one.next(), "attached");
    await unsafe.evict(stub);
    two.ws.send("awake");
    strictEqual(await two.next(), "awake");
    deepStrictEqual(await stub.report(), {
      told: ["awake"], open: 2, woken: [[["b"], null, 1], [["a", "b"], { attachment: "second" }, 1]],
    });
    strictEqual(await stub.broadcast("to a", "a"), 1);
    strictEqual(await stub.broadcast("to all"), 2);
    strictEqual(await one.next(), "to a");
    strictEqual(await one.next(), "to all");
    strictEqual(await two.next(), "to all");
    one.ws.send("close");
    deepStrictEqual(await one.next(), [4000, "as you like", true]);
    await unsafe.evict(stub);
    // It knows that it has closed one of them.
    deepStrictEqual((await stub.report()).woken, [[["b"], null, 1], [["a", "b"], { attachment: "second" }, 2]]);
    one.ws.close(1000);
    two.ws.close(1000);
    deepStrictEqual(await two.next(), [1000, "and you", true]);
  },
};

export const autoResponses = {
  async test(_, { rooms }) {
    const stub = rooms.getByName("auto");
    const { ws, next } = await connect(stub);
    strictEqual(await stub.answeredAt(), null);
    await stub.autoRespond("ping", "pong");
    const before = Date.now();
    ws.send("ping");
    strictEqual(await next(), "pong");
    const first = await stub.answeredAt();
    ok(Math.abs(first - before) < 5000, `${first}`);
    // Binary messages are not compared.
    ws.send(new TextEncoder().encode("ping"));
    strictEqual((await next()).size, 4);
    await unsafe.evict(stub);
    ws.send("ping");
    strictEqual(await next(), "pong");
    await rejects(unsafe.evict(stub), { name: "Error", message: "Cannot evict Durable Object: it is not currently running." });
    ok((await stub.answeredAt()) >= first);
    deepStrictEqual((await stub.report()).told, []);
    await stub.autoRespond();
    ws.send("ping");
    strictEqual(await next(), "ping");
    ws.close(1000);
    await next();
  },
};

export const lostObjects = {
  async test(_, { rooms }) {
    const lost = [1006, "WebSocket disconnected without sending Close frame.", false];
    const aborted = await connect(rooms.getByName("aborted"));
    await rejects(rooms.getByName("aborted").abort(), { message: "enough" });
    deepStrictEqual(await aborted.next(), lost);
    strictEqual((await rooms.getByName("aborted").report()).open, 0);
    const closed = await connect(rooms.getByName("closed"));
    await unsafe.evict(rooms.getByName("closed"), { webSockets: "close" });
    deepStrictEqual(await closed.next(), lost);
    const failed = await connect(rooms.getByName("failed"));
    await unsafe.evict(rooms.getByName("failed"));
    failConstructor = true;
    failed.ws.send("wake up");
    deepStrictEqual(await failed.next(), lost);
    strictEqual((await rooms.getByName("failed").report()).open, 0);
  },
};

export const aClientThatGoes = {
  async test(_, { rooms }) {
    const stub = rooms.getByName("goes");
    const { ws, next } = await connect(stub);
    await unsafe.evict(stub);
    ws.close(4444, "unanswered");
    deepStrictEqual((await settled(stub, 1)).told, [[4444, "unanswered", true, 2, 1, [], 0]]);
    // An unanswered Close is not answered in the object's place, whatever the flags: its life ends, and so does the socket.
    await unsafe.evict(stub);
    deepStrictEqual(await next(), [1006, "WebSocket disconnected without sending Close frame.", false]);
  },
};

export const timeouts = {
  async test(_, { rooms }) {
    const stub = rooms.getByName("timeouts");
    const { ws } = await connect(stub);
    await stub.limitEvents(20);
    ws.send("slow");
    await scheduler.wait(150);
    const { told, open } = await rooms.getByName("timeouts").report();
    ok(!told.includes("slow ended"), "the handler was stopped");
    strictEqual(open, 1);
    ws.close(1000);
  },
};

export const facets = {
  async test(_, { parents }) {
    const { ws, next } = await connect(parents.getByName("facets"), "?tag=a");
    ws.send("to the facet");
    strictEqual(await next(), "to the facet");
    ws.send("close");
    deepStrictEqual(await next(), [4000, "as you like", true]);
    ws.close(1000);
  },
};

export const noHandlers = {
  async test(_, { plain }) {
    const stub = plain.getByName("p");
    const { ws, next } = await connect(stub);
    ws.send("nobody hears this");
    ws.close(1000);
    await scheduler.wait(5);
    await unsafe.evict(stub);
    strictEqual((await next())[0], 1006);
  },
};

/** What may be done with which socket. */
export class Probe extends DurableObject {
  #pair = () => new WebSocketPair();

  acceptance() {
    const { ctx } = this;
    const refused = (run, name, message) => throws(run, { name, message });
    const wrong = (method, index, type) =>
      `Failed to execute '${method}' on 'DurableObjectState': parameter ${index} is not of type '${type}'.`;
    refused(() => ctx.acceptWebSocket(), "TypeError", wrong("acceptWebSocket", 1, "WebSocket"));
    refused(() => ctx.acceptWebSocket({}), "TypeError", wrong("acceptWebSocket", 1, "WebSocket"));
    for (const tags of ["abc", null, new Set()]) {
      refused(() => ctx.acceptWebSocket(this.#pair()[0], tags), "TypeError", wrong("acceptWebSocket", 2, "Array"));
    }
    const accepted = this.#pair();
    accepted[0].accept();
    const again = "Cannot call `acceptWebSocket()` if the WebSocket was already accepted via `accept()`";
    const peer =
      "Cannot call `acceptWebSocket()` on this WebSocket because its pair has already been accepted or used in a Response.";
    refused(() => ctx.acceptWebSocket(accepted[0]), "Error", again);
    refused(() => ctx.acceptWebSocket(accepted[1]), "Error", peer);
    const pair = this.#pair();
    ctx.acceptWebSocket(pair[0]);
    refused(() => ctx.acceptWebSocket(pair[0]), "Error", again);
    refused(() => ctx.acceptWebSocket(pair[1]), "Error", peer);
    refused(() => pair[0].accept(), "TypeError", "Can't accept() WebSocket after enabling hibernation.");
    const { readyState, url, protocol, extensions, bufferedAmount } = pair[0];
    deepStrictEqual([readyState, url, protocol, extensions, bufferedAmount], [1, null, "", "", 0]);
    strictEqual(ctx.getWebSockets()[0], pair[0]);
  }

  tags() {
    const { ctx } = this;
    const accept = (tags) => {
      const pair = this.#pair();
      ctx.acceptWebSocket(pair[0], tags);
      return ctx.getTags(pair[0]);
    };
    deepStrictEqual(accept(undefined), []);
    deepStrictEqual(accept([1, null, "a", "", "a"]), ["1", "null", "a", ""]);
    const many = Array.from({ length: 10 }, (_, n) => `many ${n}`);
    deepStrictEqual(accept(many), many);
    const tooMany = { name: "Error", message: "a Hibernatable WebSocket cannot have more than 10 tags" };
    throws(() => accept([...many, "eleven"]), tooMany);
    throws(() => accept([...many, "many 0"]), tooMany);
    // Characters are counted as bytes.
    for (const tag of ["x".repeat(257), "\u00e9".repeat(129)]) {
      throws(() => accept([tag]), {
        name: "Error", message: `"${tag}" is longer than the max tag length (256 characters).`,
      });
    }
    strictEqual(accept(["x".repeat(256)])[0].length, 256);
    strictEqual(ctx.getWebSockets("a").length, 1);
    strictEqual(ctx.getWebSockets(1).length, 1);
    strictEqual(ctx.getWebSockets("").length, 1);
    strictEqual(ctx.getWebSockets("b").length, 0);
    for (let n = 0; n < 3; n++) accept(["order", `${n}`]);
    const second = (ws) => ctx.getTags(ws)[1];
    deepStrictEqual(ctx.getWebSockets("order").map(second), ["0", "1", "2"]);
    deepStrictEqual(ctx.getWebSockets().slice(0, 3).map(second), ["2", "1", "0"]);
    const before = "you must call 'acceptWebSocket()' before attempting to access the tags of a WebSocket.";
    throws(() => ctx.getTags(this.#pair()[0]), { name: "Error", message: before });
    const plain = this.#pair();
    plain[0].accept();
    throws(() => ctx.getTags(plain[0]), { name: "Error", message: "only hibernatable websockets can have tags." });
  }

  attachments() {
    const ws = this.#pair()[0];
    strictEqual(ws.deserializeAttachment(), null);
    ws.serializeAttachment(new Map([[1, new Date(5)]]));
    this.ctx.acceptWebSocket(ws);
    deepStrictEqual(ws.deserializeAttachment(), new Map([[1, new Date(5)]]));
    ws.serializeAttachment(undefined);
    strictEqual(ws.deserializeAttachment(), undefined);
    ws.serializeAttachment("x".repeat(16384 - 6));
    throws(() => ws.serializeAttachment("x".repeat(20000)), {
      name: "Error", message: "A WebSocket 'attachment' cannot be larger than 16384 bytes.'attachment' was 20006 bytes.",
    });
    throws(() => ws.serializeAttachment(() => {}), { name: "DataCloneError" });
  }

  autoResponses() {
    const { ctx } = this;
    strictEqual(ctx.getWebSocketAutoResponse(), null);
    const pair = new WebSocketRequestResponsePair(1, "two");
    deepStrictEqual([pair.request, pair.response], ["1", "two"]);
    throws(() => new WebSocketRequestResponsePair("one"), TypeError);
    throws(() => (pair.request = "x"), TypeError);
    ctx.setWebSocketAutoResponse(pair);
    const set = ctx.getWebSocketAutoResponse();
    ok(set instanceof WebSocketRequestResponsePair);
    deepStrictEqual([set.request, set.response], ["1", "two"]);
    const long = "x".repeat(2049);
    throws(() => ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(long, "")), {
      name: "RangeError", message: "Request cannot be larger than 2048 bytes. A request of size 2049 was provided.",
    });
    throws(() => ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("", long)), {
      name: "RangeError", message: "Response cannot be larger than 2048 bytes. A response of size 2049 was provided.",
    });
    throws(() => ctx.setWebSocketAutoResponse({}), TypeError);
    ctx.setWebSocketAutoResponse();
    strictEqual(ctx.getWebSocketAutoResponse(), null);
    strictEqual(ctx.getWebSocketAutoResponseTimestamp(this.#pair()[0]), null);
  }

  eventTimeouts() {
    const { ctx } = this;
    strictEqual(ctx.getHibernatableWebSocketEventTimeout(), null);
    for (const [given, kept] of [[100, 100], ["7", 7], [1.9, 1], [604_800_000, 604_800_000], [0, null], [5, 5], [undefined, null]]) {
      ctx.setHibernatableWebSocketEventTimeout(given);
      strictEqual(ctx.getHibernatableWebSocketEventTimeout(), kept);
    }
    throws(() => ctx.setHibernatableWebSocketEventTimeout(604_800_001), {
      name: "Error", message: "Event timeout should not exceed 604800000 ms.",
    });
    throws(() => ctx.setHibernatableWebSocketEventTimeout(-1), TypeError);
  }

  manySockets() {
    const { ctx } = this;
    for (let n = ctx.getWebSockets().length; n < 32768; n++) ctx.acceptWebSocket(this.#pair()[0]);
    throws(() => ctx.acceptWebSocket(this.#pair()[0]), {
      name: "Error", message: "only 32768 websockets can be accepted on a single Durable Object instance",
    });
  }
}

const probe = (name) => ({ test: (_, { probes }) => probes.getByName(name)[name]() });

export const acceptance = probe("acceptance");
export const tags = probe("tags");
export const attachments = probe("attachments");
export const autoResponsePairs = probe("autoResponses");
export const eventTimeouts = probe("eventTimeouts");
export const manySockets = probe("manySockets");
