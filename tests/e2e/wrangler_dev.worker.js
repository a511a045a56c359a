import { DurableObject } from "cloudflare:workers";

export class Counter extends DurableObject {
  async add(name) {
    const { sql } = this.ctx.storage;
    sql.exec("CREATE TABLE IF NOT EXISTS seen (name TEXT)");
    sql.exec("INSERT INTO seen VALUES (?)", name);
    return sql.exec("SELECT name, count(*) AS times FROM seen GROUP BY name").toArray();
  }
  async fetch() {
    const [client, server] = Object.values(new WebSocketPair());
    this.ctx.acceptWebSocket(server);
    return new Response(null, { status: 101, webSocket: client });
  }
  webSocketMessage(socket, text) {
    socket.send(`${this.ctx.id.name} heard ${text}`);
    socket.close(4000, "enough");
  }
}

async function kv({ KV }) {
  await KV.put("text", "value", { metadata: { of: "text" } });
  await KV.put("bytes", new Uint8Array([0, 255]));
  const { keys, list_complete } = await KV.list();
  const bytes = await KV.get("bytes", "arrayBuffer");
  return [await KV.getWithMetadata("text"), [...new Uint8Array(bytes)], await KV.get("none"), [...(await KV.get(["text", "none"]))], keys, list_complete];
}

async function d1({ DB }) {
  await DB.exec("CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT)");
  const insert = DB.prepare("INSERT INTO people (name) VALUES (?)");
  await DB.batch([insert.bind("Ada"), insert.bind("Grace")]);
  const { results, success } = await DB.prepare("SELECT * FROM people").all();
  const refused = await DB.prepare("SELECT * FROM nobody").all().catch(String);
  return [results, success, await DB.prepare("SELECT count(*) AS n FROM people").first("n"), refused];
}

async function r2({ R2 }) {
  const put = await R2.put("folder/key", "hello world", { httpMetadata: { contentType: "text/plain" }, customMetadata: { a: "b" } });
  const part = await R2.get("folder/key", { range: { offset: 6 } });
  const { objects, delimitedPrefixes } = await R2.list({ delimiter: "/" });
  return [put.etag, put.size, await part.text(), part.range, part.customMetadata, objects, delimitedPrefixes, await R2.head("none")];
}

async function object({ COUNTER }) {
  const stub = COUNTER.getByName("one");
  await stub.add("x");
  const counted = await stub.add("x");
  const { webSocket } = await stub.fetch("http://object/", { headers: { Upgrade: "websocket" } });
  const heard = [];
  webSocket.accept();
  webSocket.addEventListener("message", ({ data }) => heard.push(data));
  const closed = new Promise((resolve) => webSocket.addEventListener("close", ({ code, reason }) => resolve([code, reason])));
  webSocket.send("hello");
  return [counted, await closed, heard, await stub.none().catch(String)];
}

async function queue({ QUEUE, KV }) {
  await QUEUE.sendBatch([{ body: { a: 1 } }, { body: "text", contentType: "text" }]);
  for (;;) {
    const received = await KV.get("received", "json");
    if (received) return received;
    await scheduler.wait(20);
  }
}

function thrown() {
  throw new RangeError("thrown by the worker");
}

const parts = { kv, d1, r2, object, queue };

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname === "/thrown") thrown();
    if (pathname === "/echo") return new Response(await request.text(), { status: 201, headers: { "X-Method": request.method } });
    return Response.json(await parts[pathname.slice(1)](env));
  },
  async queue({ queue, messages }, { KV }) {
    await KV.put("received", JSON.stringify([queue, messages.map(({ body, attempts }) => [body, attempts])]));
  },
  async scheduled({ cron }, { KV }) {
    await KV.put("ran", cron);
  },
};
